//! `quarry up`: Postgres, embedding endpoint and worker by one command. Indexes the given repositories, says how to connect
//! Claude Code, works until Ctrl-C and then stops all of it.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use quarry_lifecycle::{Key, Shutdown, Source};
use quarry_registry::Registry;
use tokio_util::sync::CancellationToken;

use super::arguments::Up;
use super::session::{Located, Session};
use super::{down, index, output};
use crate::runner::Runner;

pub(super) async fn run(session: &Session, command: Up) -> Result<()> {
    let shutdown = Shutdown::on_signals();
    let outcome = serve(session, command, shutdown.token()).await;
    if session.config.database_url().is_none() {
        down::run(session).await?;
    }
    outcome
}

async fn serve(session: &Session, command: Up, stop: CancellationToken) -> Result<()> {
    let registry = session.registry().await?;
    output::notice("Postgres is ready");
    let context = session.context(registry.clone())?;
    let model = context.embedding.client().await?.probe().await?;
    output::notice(format!(
        "embedding model is ready: {}, {} dimensions",
        model.model, model.dimensions
    ));
    let runner = Runner::new(context, session.config.worker_concurrency());
    let (working, ended) = (runner.run(stop.clone()), stop.clone());
    let serving = async {
        let indexed = tokio::select! {
            indexed = index_all(session, &registry, command) => indexed,
            () = ended.cancelled() => return Ok(()),
        };
        if let Err(error) = indexed {
            ended.cancel();
            return Err(error);
        }
        ended.cancelled().await;
        Ok(())
    };
    let (worked, served) = tokio::join!(working, serving);
    served.and(worked)
}

async fn index_all(session: &Session, registry: &Registry, command: Up) -> Result<()> {
    let paths = if command.paths.is_empty() {
        vec![PathBuf::from(".")]
    } else {
        command.paths
    };
    let mut projects: Vec<String> = Vec::new();
    for path in &paths {
        let located: Located = session
            .locate_or_create(registry, path, command.project.as_deref())
            .await?;
        let report = index::bring_up_to_date(session, registry, &located, false).await?;
        output::line(report.summary())?;
        projects.push(report.project);
    }
    projects.dedup();
    output::line("\nConnect Claude Code:")?;
    for project in projects {
        output::line(format!("  {}", connect_line(session, &project)?))?;
    }
    output::line("\nWorking; Ctrl-C stops everything.")
}

/// The command that connects Claude Code to this very installation. A password stays in the environment it comes from.
fn connect_line(session: &Session, project: &str) -> Result<String> {
    let program = std::env::current_exe().context("find the quarry program")?;
    let config = &session.config;
    let mut line = "claude mcp add quarry".to_owned();
    if config.database_url().is_some() {
        line.push_str(" -e QUARRY_DATABASE_URL=\"$QUARRY_DATABASE_URL\"");
    }
    line.push_str(&format!(" -- {} mcp", program.display()));
    if *config.source(Key::Home) != Source::Default {
        line.push_str(&format!(" --home {}", config.home().display()));
    }
    line.push_str(&format!(" --project {project}"));
    Ok(line)
}
