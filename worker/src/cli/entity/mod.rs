//! `quarry entity …`: the documents of a project, by hand and from scripts.

mod arguments;
mod change;
mod edit;
mod find;
mod links;
mod transfer;

use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result};
use quarry_registry::{PgPool, Project, Registry};
use quarry_workflow::Entity;

pub(super) use self::arguments::Command;
use super::output;
use super::session::Session;

pub(super) async fn run(session: &Session, command: Command) -> Result<()> {
    match command {
        Command::List(command) => find::list(session, command).await,
        Command::Show(command) => find::show(session, command).await,
        Command::Search(command) => find::search(session, command).await,
        Command::Create(command) => change::create(session, command).await,
        Command::Edit(command) => edit::edit(session, command).await,
        Command::Delete(command) => change::delete(session, command).await,
        Command::Restore(command) => change::restore(session, command).await,
        Command::Revert(command) => change::revert(session, command).await,
        Command::Bulk(command) => change::bulk(session, command).await,
        Command::Undo(command) => change::undo(session, command).await,
        Command::Link(command) => links::link(session, command, false).await,
        Command::Unlink(command) => links::link(session, command, true).await,
        Command::Why(command) => links::why(session, command).await,
        Command::Claim(command) => links::claim(session, command).await,
        Command::Release(command) => links::release(session, command).await,
        Command::Export(command) => transfer::export(session, command).await,
        Command::Import(command) => transfer::import(session, command).await,
        Command::Partition(command) => transfer::partition(session, command).await,
    }
}

/// Where a command works.
struct Place {
    registry: Registry,
    project: Project,
    database: PgPool,
}

impl Place {
    async fn of(session: &Session, project: Option<&str>) -> Result<Place> {
        let registry = session.registry().await?;
        let project = session.project(&registry, project).await?;
        let database = registry.database(&project).await?;
        Ok(Place {
            registry,
            project,
            database,
        })
    }
}

/// The text of a file, or of standard input for `-`.
pub(super) fn read_text(file: &Path) -> Result<String> {
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin()
            .read_to_string(&mut text)
            .context("read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))
}

/// Shows an entity: as JSON, or as a line and its document.
fn print(entity: &Entity, json: bool) -> Result<()> {
    if json {
        return output::json(entity);
    }
    let deleted = entity
        .deleted_at
        .map_or(String::new(), |at| format!(", deleted {}", at.to_rfc3339()));
    output::line(format!(
        "{}  {} {}, version {}, {} by {}{deleted}",
        entity.id,
        entity.schema,
        entity.schema_version,
        entity.version,
        entity.updated_at.to_rfc3339(),
        output::printable(&entity.updated_by)
    ))?;
    output::json(&entity.data)
}
