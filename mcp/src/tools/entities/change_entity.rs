//! The tools that change entities, one at a time or many. Every change says which version it saw.

use quarry_workflow::{Atomicity, Author, Change, Operation, Target};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answers::{EntityAnswer, document, entity_id, json};
use crate::call::Call;
use crate::plain_schema::plain;
use crate::tool_error::ToolError;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct CreateEntity {
    schema: String,
    /// As describe_schema shows.
    data: Value,
    /// Makes a retry safe.
    idempotency_key: Option<String>,
    validate_only: Option<bool>,
    project: Option<String>,
}

pub(crate) async fn create_entity(call: &Call<'_>, arguments: CreateEntity) -> Result<EntityAnswer, ToolError> {
    let operation = Operation::Create {
        schema: arguments.schema,
        data: document(arguments.data)?,
        id: None,
    };
    let author = Author {
        name: &call.caller,
        idempotency_key: arguments.idempotency_key.as_deref(),
        dry_run: arguments.validate_only == Some(true),
    };
    apply(call, arguments.project.as_deref(), &operation, author).await
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct UpdateEntity {
    id: String,
    /// The version you saw.
    expected_version: i32,
    data: Option<Value>,
    /// In place of data: merge patch (object) or JSON Patch (list).
    patch: Option<Value>,
    /// Of your claim.
    #[schemars(range(min = 1, max = 9_000_000_000_000_000_i64))]
    fence: Option<i64>,
    idempotency_key: Option<String>,
    project: Option<String>,
}

pub(crate) async fn update_entity(call: &Call<'_>, arguments: UpdateEntity) -> Result<EntityAnswer, ToolError> {
    let change = match (arguments.data, arguments.patch) {
        (Some(data), None) => Change::Replace(document(data)?),
        (None, Some(patch)) => Change::from_patch(document(patch)?),
        _ => return Err(ToolError::new("give either data, the whole document, or patch")),
    };
    let operation = Operation::Update {
        target: Target {
            fence: arguments.fence,
            ..seen(&arguments.id, arguments.expected_version)?
        },
        change,
    };
    let author = Author {
        name: &call.caller,
        idempotency_key: arguments.idempotency_key.as_deref(),
        dry_run: false,
    };
    apply(call, arguments.project.as_deref(), &operation, author).await
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct EntityTarget {
    id: String,
    expected_version: i32,
    project: Option<String>,
}

/// Deletes or restores: what needs no more than to know the entity.
pub(crate) async fn change_target(
    call: &Call<'_>,
    arguments: EntityTarget,
    operation: fn(Target) -> Operation,
) -> Result<EntityAnswer, ToolError> {
    let target = seen(&arguments.id, arguments.expected_version)?;
    let project = arguments.project.as_deref();
    apply(call, project, &operation(target), Author::named(&call.caller)).await
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct Revert {
    id: String,
    expected_version: i32,
    to_version: i32,
    project: Option<String>,
}

pub(crate) async fn revert(call: &Call<'_>, arguments: Revert) -> Result<EntityAnswer, ToolError> {
    let operation = Operation::Revert {
        target: seen(&arguments.id, arguments.expected_version)?,
        to_version: arguments.to_version,
    };
    let project = arguments.project.as_deref();
    apply(call, project, &operation, Author::named(&call.caller)).await
}

fn seen(id: &str, expected_version: i32) -> Result<Target, ToolError> {
    Ok(Target {
        id: entity_id(id)?,
        expected_version,
        fence: None,
    })
}

async fn apply(
    call: &Call<'_>,
    project: Option<&str>,
    operation: &Operation,
    author: Author<'_>,
) -> Result<EntityAnswer, ToolError> {
    let (project, database) = call.project(project).await?;
    let entity = quarry_workflow::change_entity(&database, operation, author).await?;
    EntityAnswer::of(project.name.as_str(), &entity)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct BulkApply {
    /// Up to 1000: {op: create, schema, data} {op: update|delete|restore|revert, id, expected_version, data|patch|to_version} or {op: link|unlink, from, kind, to}.
    operations: Vec<Value>,
    /// Default true: all or nothing.
    atomic: Option<bool>,
    dry_run: Option<bool>,
    idempotency_key: Option<String>,
    project: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct BulkAnswer {
    project: String,
    /// For undo_batch; missing when nothing was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<String>,
    succeeded: usize,
    failed: usize,
    results: Vec<Value>,
}

pub(crate) async fn bulk_apply(call: &Call<'_>, arguments: BulkApply) -> Result<BulkAnswer, ToolError> {
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let atomicity = match arguments.atomic {
        Some(false) => Atomicity::WhatWorks,
        _ => Atomicity::AllOrNothing,
    };
    let author = Author {
        name: &call.caller,
        idempotency_key: arguments.idempotency_key.as_deref(),
        dry_run: arguments.dry_run == Some(true),
    };
    let report = quarry_workflow::bulk_apply(&database, &arguments.operations, atomicity, author).await?;
    Ok(BulkAnswer {
        project: project.name.as_str().to_owned(),
        batch_id: report.batch_id.map(|id| id.to_string()),
        succeeded: report.succeeded,
        failed: report.failed,
        results: report.results.iter().map(json).collect::<Result<_, _>>()?,
    })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct UndoBatch {
    batch_id: String,
    project: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct UndoneAnswer {
    project: String,
    batch_id: String,
    entities: usize,
    links: usize,
}

pub(crate) async fn undo_batch(call: &Call<'_>, arguments: UndoBatch) -> Result<UndoneAnswer, ToolError> {
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let batch = uuid::Uuid::parse_str(&arguments.batch_id)
        .map_err(|_| ToolError::new("batch_id must be the id that bulk_apply gave"))?;
    let undone = quarry_workflow::undo_batch(&database, batch, &call.caller).await?;
    Ok(UndoneAnswer {
        project: project.name.as_str().to_owned(),
        batch_id: undone.batch_id.to_string(),
        entities: undone.entities,
        links: undone.links,
    })
}
