//! Many operations in one transaction: all of them or those that can be, with what is wrong with each. A batch can be
//! taken back as a whole: see undo.rs. Never applies a part of an atomic batch.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Acquire, PgConnection, PgPool};
use uuid::Uuid;

use crate::change::{Author, apply};
use crate::error::{WorkflowError, doing};
use crate::faults::{Fault, Faults};
use crate::idempotency::{Known, Request, remember, request_of};
use crate::link_change::apply_link;
use crate::links::lock_waiting;
use crate::write::Stamp;
use crate::written_operation::WrittenOperation;

/// Most operations of a batch.
pub const MAX_OPERATIONS: usize = 1_000;

/// Whether a batch is applied when some of its operations fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Atomicity {
    /// All operations or none.
    AllOrNothing,
    /// Those that can be.
    WhatWorks,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use]
pub struct BulkReport {
    /// By which it can be taken back; none when nothing was changed.
    pub batch_id: Option<Uuid>,
    /// Operations that were applied, or would be.
    pub succeeded: usize,
    /// Operations that cannot be applied.
    pub failed: usize,
    /// What became of each operation, in their order.
    pub results: Vec<BulkResult>,
}

/// What became of one operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BulkResult {
    /// Its place in the list, from 0.
    pub index: usize,
    /// The entity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Its version afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
    /// Of a link: whether there was anything to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
    /// Why it cannot be applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Where it is wrong: pointers into the list of operations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// Applies up to [`MAX_OPERATIONS`] operations in their order: `{"op": "create", "schema", "data"}`, `update`, `delete`,
/// `restore`, `revert` with `id` and `expected_version`, `link` and `unlink` with `from`, `kind` and `to`. With
/// [`Author::dry_run`] it reports what would happen.
///
/// # Errors
///
/// [`WorkflowError::InvalidArgument`] for a list that is too long or empty. An operation that fails is no error of the
/// batch: the report says what is wrong, and `batch_id` is none when nothing was changed.
pub async fn bulk_apply(
    pool: &PgPool,
    operations: &[Value],
    atomicity: Atomicity,
    author: Author<'_>,
) -> Result<BulkReport, WorkflowError> {
    if operations.is_empty() || operations.len() > MAX_OPERATIONS {
        return Err(WorkflowError::InvalidArgument(format!(
            "a batch has 1 to {MAX_OPERATIONS} operations, not {}; send several batches",
            operations.len()
        )));
    }
    let mut transaction = pool.begin().await.map_err(doing("begin a batch"))?;
    let key = author.idempotency_key.filter(|_| !author.dry_run);
    let request = match key {
        Some(key) => match request_of(&mut transaction, key, &(operations, atomicity)).await? {
            Known::Answered(report) => return Ok(report),
            Known::New(request) => Some(request),
        },
        None => None,
    };
    let batch = new_batch(&mut transaction, operations.len(), author.name).await?;
    let stamp = Stamp {
        author: author.name,
        batch: Some(batch),
    };
    let read: Vec<Result<WrittenOperation, Faults>> = operations.iter().map(WrittenOperation::read).collect();
    lock(&mut transaction, &read).await?;
    let mut report = BulkReport {
        batch_id: None,
        succeeded: 0,
        failed: 0,
        results: Vec::with_capacity(operations.len()),
    };
    for (index, operation) in read.into_iter().enumerate() {
        let result = apply_one(&mut transaction, index, operation, stamp).await?;
        match result.error {
            None => report.succeeded += 1,
            Some(_) => report.failed += 1,
        }
        report.results.push(result);
    }
    let is_kept = report.succeeded > 0 && (report.failed == 0 || atomicity == Atomicity::WhatWorks);
    if is_kept && !author.dry_run {
        report.batch_id = Some(batch);
        if let Some(Request { key }) = request {
            remember(&mut transaction, &key, &report).await?;
        }
        transaction.commit().await.map_err(doing("store a batch"))?;
    }
    Ok(report)
}

pub(crate) async fn new_batch(
    connection: &mut PgConnection,
    operations: usize,
    author: &str,
) -> Result<Uuid, WorkflowError> {
    sqlx::query_scalar!(
        "insert into workflow.batches (operations, created_by) values ($1, $2) returning id",
        i32::try_from(operations).unwrap_or(i32::MAX),
        author
    )
    .fetch_one(connection)
    .await
    .map_err(doing("note a batch"))
}

/// Locks what the batch changes, in one order for all batches: two of them never wait for each other in a circle.
async fn lock(
    connection: &mut PgConnection,
    operations: &[Result<WrittenOperation, Faults>],
) -> Result<(), WorkflowError> {
    let makes_wait =
        |operation: &WrittenOperation| matches!(operation, WrittenOperation::Link(change) if change.makes_wait());
    if operations.iter().flatten().any(makes_wait) {
        lock_waiting(connection).await?;
    }
    let ids: Vec<Uuid> = operations
        .iter()
        .flatten()
        .flat_map(WrittenOperation::entities)
        .collect();
    sqlx::query!(
        "select id from workflow.entities where id = any($1) order by id for update",
        &ids
    )
    .fetch_all(connection)
    .await
    .map_err(doing("lock the entities of a batch"))?;
    Ok(())
}

/// Applies one operation; what it did is undone when it fails, and the database can go on.
async fn apply_one(
    connection: &mut PgConnection,
    index: usize,
    operation: Result<WrittenOperation, Faults>,
    stamp: Stamp<'_>,
) -> Result<BulkResult, WorkflowError> {
    let operation = match operation {
        Ok(operation) => operation,
        Err(faults) => return Ok(failed(index, None, format!("not an operation: {faults}"), &faults, "")),
    };
    let mut savepoint = connection.begin().await.map_err(doing("set a savepoint"))?;
    let applied = match &operation {
        WrittenOperation::Change(operation) => {
            let entity = apply(&mut savepoint, operation, stamp).await;
            entity.map(|entity| done(index, entity.id, Some(entity.version), None))
        }
        WrittenOperation::Link(change) => {
            let changed = apply_link(&mut savepoint, change, stamp).await;
            changed.map(|changed| done(index, change.from, None, Some(changed)))
        }
    };
    match applied {
        Ok(result) => {
            savepoint.commit().await.map_err(doing("release a savepoint"))?;
            Ok(result)
        }
        Err(error @ WorkflowError::Database { .. }) => Err(error),
        Err(error) => {
            savepoint.rollback().await.map_err(doing("go back to a savepoint"))?;
            let place = operation.place_of(&error);
            let own = Faults::one("", "operation", error.to_string());
            Ok(failed(
                index,
                operation.subject(),
                error.to_string(),
                error.faults().unwrap_or(&own),
                place,
            ))
        }
    }
}

fn done(index: usize, id: Uuid, version: Option<i32>, changed: Option<bool>) -> BulkResult {
    BulkResult {
        index,
        id: Some(id),
        version,
        changed,
        error: None,
        faults: Vec::new(),
    }
}

fn failed(index: usize, id: Option<Uuid>, error: String, faults: &Faults, place: &str) -> BulkResult {
    let at = |fault: &Fault| Fault {
        pointer: format!("/{index}{place}{}", fault.pointer),
        ..fault.clone()
    };
    BulkResult {
        index,
        id,
        version: None,
        changed: None,
        error: Some(error),
        faults: faults.faults.iter().map(at).collect(),
    }
}
