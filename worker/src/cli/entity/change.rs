//! `quarry entity create`, `delete`, `restore`, `revert`, `bulk` and `undo`.

use anyhow::{Context as _, Result, bail};
use quarry_registry::PgPool;
use quarry_workflow::{AsOf, Atomicity, Author, Operation, change_entity};
use serde_json::Value;
use uuid::Uuid;

use super::arguments::{Bulk, Create, Revert, Target, Undo};
use super::{Place, print, read_text};
use crate::cli::output;
use crate::cli::session::{Session, created_by};

/// How deep in an operation documents lie: patch, 0, value.
const LEVELS_ABOVE: usize = 3;

pub(super) async fn create(session: &Session, command: Create) -> Result<()> {
    let text = match (&command.data, &command.file) {
        (Some(data), _) => data.clone(),
        (None, Some(file)) => read_text(file)?,
        (None, None) => bail!("give the document as a file or with --data"),
    };
    let operation = Operation::Create {
        schema: command.schema,
        data: quarry_workflow::read_json(&text)?,
        id: None,
    };
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let name = created_by();
    let author = Author {
        name: &name,
        idempotency_key: command.idempotency_key.as_deref(),
        dry_run: command.validate_only,
    };
    let entity = change_entity(&place.database, &operation, author).await?;
    if command.validate_only && !command.common.json {
        return output::line("valid");
    }
    print(&entity, command.common.json)
}

pub(super) async fn delete(session: &Session, command: Target) -> Result<()> {
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let target = target(&place.database, command.id, command.expected_version).await?;
    apply(&place.database, &Operation::Delete(target), command.common.json).await
}

pub(super) async fn restore(session: &Session, command: Target) -> Result<()> {
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let target = target(&place.database, command.id, command.expected_version).await?;
    apply(&place.database, &Operation::Restore(target), command.common.json).await
}

pub(super) async fn revert(session: &Session, command: Revert) -> Result<()> {
    let Revert { target: given, to } = command;
    let place = Place::of(session, given.common.project.as_deref()).await?;
    let target = target(&place.database, given.id, given.expected_version).await?;
    let operation = Operation::Revert { target, to_version: to };
    apply(&place.database, &operation, given.common.json).await
}

async fn apply(database: &PgPool, operation: &Operation, json: bool) -> Result<()> {
    let entity = change_entity(database, operation, Author::named(&created_by())).await?;
    print(&entity, json)
}

/// The entity at the version that the caller saw, or that is there now.
pub(super) async fn target(
    database: &PgPool,
    id: Uuid,
    expected_version: Option<i32>,
) -> Result<quarry_workflow::Target> {
    let expected_version = match expected_version {
        Some(version) => version,
        None => quarry_workflow::get_entity(database, id, AsOf::Now).await?.version,
    };
    Ok(quarry_workflow::Target {
        id,
        expected_version,
        fence: None,
    })
}

pub(super) async fn bulk(session: &Session, command: Bulk) -> Result<()> {
    let text = read_text(&command.file)?;
    let mut operations: Vec<Value> = Vec::new();
    // Lines may be empty: the report counts operations, a person looks for a line.
    let mut lines: Vec<usize> = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let operation = quarry_workflow::read_json_inside(line, LEVELS_ABOVE);
        operations.push(operation.with_context(|| format!("line {}", index + 1))?);
        lines.push(index + 1);
    }
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let name = created_by();
    let author = Author {
        name: &name,
        idempotency_key: command.idempotency_key.as_deref(),
        dry_run: command.dry_run,
    };
    let atomicity = if command.what_works {
        Atomicity::WhatWorks
    } else {
        Atomicity::AllOrNothing
    };
    let report = quarry_workflow::bulk_apply(&place.database, &operations, atomicity, author).await?;
    if command.common.json {
        output::json(&report)?;
    } else {
        for (result, line) in report.results.iter().zip(lines) {
            if let Some(error) = &result.error {
                output::line(format!("line {line}: {}", output::printable(error)))?;
            }
        }
        match report.batch_id {
            Some(batch) => output::line(format!("applied {} operations as batch {batch}", report.succeeded))?,
            None => output::line(format!(
                "nothing was changed: {} operations could be applied, {} not",
                report.succeeded, report.failed
            ))?,
        }
    }
    if report.failed > 0 {
        bail!("{} of {} operations failed", report.failed, report.results.len());
    }
    Ok(())
}

pub(super) async fn undo(session: &Session, command: Undo) -> Result<()> {
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let undone = quarry_workflow::undo_batch(&place.database, command.batch, &created_by()).await?;
    if command.common.json {
        return output::json(&undone);
    }
    output::line(format!(
        "{} entities and {} links are as before batch {}; that was batch {}",
        undone.entities, undone.links, command.batch, undone.batch_id
    ))
}
