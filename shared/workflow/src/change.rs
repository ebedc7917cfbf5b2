//! Changes one entity in one transaction: checks what its writer saw, makes the new document, checks that, stores it.
//! bulk.rs calls the same function for each of its operations.
//! Never overwrites a version nobody saw: a conflict says what came in between.

use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::claims::hold_claim;
use crate::conflict::conflict;
use crate::document::{CheckedDocument, check_document};
use crate::entity::{Entity, present};
use crate::error::{WorkflowError, doing};
use crate::idempotency::{Known, Request, remember, request_of};
use crate::operation::{Operation, Target};
use crate::schema_in_force::{newest_schema, schema_at};
use crate::write::{self, Stamp};

/// Who asks for a change, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct Author<'a> {
    /// Name and version of the program that acts, for `created_by` and `updated_by`.
    pub name: &'a str,
    /// A request that is sent again with the same key is answered as the first time and changes nothing more.
    pub idempotency_key: Option<&'a str>,
    /// Do everything but keep nothing.
    pub dry_run: bool,
}

impl<'a> Author<'a> {
    /// Somebody who means it and sends it once.
    pub fn named(name: &'a str) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }
}

/// Applies one operation and answers the entity as it is then.
///
/// # Errors
///
/// [`WorkflowError::Conflict`] when the writer saw another version, [`WorkflowError::InvalidDocument`] with all faults
/// when the new document does not fit, and what else the operation's parts can be wrong about. Nothing was changed then.
pub async fn change_entity(pool: &PgPool, operation: &Operation, author: Author<'_>) -> Result<Entity, WorkflowError> {
    let mut transaction = pool.begin().await.map_err(doing("begin"))?;
    let key = author.idempotency_key.filter(|_| !author.dry_run);
    let request = match key {
        Some(key) => match request_of(&mut transaction, key, &Fingerprint::of(operation)).await? {
            Known::Answered(answer) => return Ok(answer),
            Known::New(request) => Some(request),
        },
        None => None,
    };
    let stamp = Stamp {
        author: author.name,
        batch: None,
    };
    let entity = apply(&mut transaction, operation, stamp).await?;
    if let Some(Request { key }) = request {
        remember(&mut transaction, &key, &entity).await?;
    }
    if !author.dry_run {
        transaction.commit().await.map_err(doing("store the change"))?;
    }
    Ok(entity)
}

/// What makes two requests the same.
#[derive(Serialize)]
struct Fingerprint(String);

impl Fingerprint {
    fn of(operation: &Operation) -> Self {
        Self(format!("{operation:?}"))
    }
}

/// Applies one operation inside a transaction.
pub(crate) async fn apply(
    connection: &mut PgConnection,
    operation: &Operation,
    stamp: Stamp<'_>,
) -> Result<Entity, WorkflowError> {
    match operation {
        Operation::Create { schema, data, id } => create(connection, schema, data, *id, stamp).await,
        Operation::Update { target, change } => {
            let before = seen(connection, target).await?;
            refuse_deleted(&before)?;
            let document = fit(connection, &before, change.clone().apply(&before.data)?).await?;
            replace(connection, target, &document, write::Operation::Update, stamp).await
        }
        Operation::Delete(target) => {
            let before = seen(connection, target).await?;
            refuse_deleted(&before)?;
            let expected = target.expected_version;
            let changed = write::mark_deleted(connection, target.id, expected, write::Operation::Delete, stamp).await?;
            or_conflict(connection, target, changed).await
        }
        Operation::Restore(target) => {
            let before = seen(connection, target).await?;
            if before.deleted_at.is_none() {
                return Err(WorkflowError::NotDeleted { id: before.id });
            }
            let document = fit(connection, &before, before.data.clone()).await?;
            replace(connection, target, &document, write::Operation::Restore, stamp).await
        }
        Operation::Revert { target, to_version } => revert(connection, target, *to_version, stamp).await,
    }
}

async fn create(
    connection: &mut PgConnection,
    schema: &str,
    data: &Value,
    id: Option<Uuid>,
    stamp: Stamp<'_>,
) -> Result<Entity, WorkflowError> {
    let schema = newest_schema(connection, schema).await?;
    let document = check_document(&schema, data.clone()).await?;
    // Ascending in time: neighbours in time are neighbours in the index.
    let id = id.unwrap_or_else(Uuid::now_v7);
    write::insert(connection, id, &schema.name, &document, stamp)
        .await?
        .ok_or(WorkflowError::IdTaken { id })
}

async fn revert(
    connection: &mut PgConnection,
    target: &Target,
    to_version: i32,
    stamp: Stamp<'_>,
) -> Result<Entity, WorkflowError> {
    let before = seen(connection, target).await?;
    refuse_deleted(&before)?;
    let past = sqlx::query!(
        "select schema_version, data from workflow.entity_versions where entity_id = $1 and version = $2",
        target.id,
        to_version
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(doing("read a past version"))?;
    let Some(past) = past else {
        return Err(WorkflowError::UnknownVersion {
            id: target.id,
            asked: format!("version {to_version}"),
            newest: before.version,
        });
    };
    let was = Entity {
        schema_version: past.schema_version,
        ..before
    };
    let document = fit(connection, &was, past.data).await?;
    replace(connection, target, &document, write::Operation::Revert, stamp).await
}

/// The present version, when it is the one the writer saw, and the writer's claim holds if there is one.
async fn seen(connection: &mut PgConnection, target: &Target) -> Result<Entity, WorkflowError> {
    if let Some(fence) = target.fence {
        hold_claim(connection, target.id, fence).await?;
    }
    let present = present(connection, target.id).await?;
    if present.version != target.expected_version {
        return Err(conflict(connection, target.id, target.expected_version).await);
    }
    Ok(present)
}

fn refuse_deleted(entity: &Entity) -> Result<(), WorkflowError> {
    match entity.deleted_at {
        None => Ok(()),
        Some(_) => Err(WorkflowError::Deleted {
            id: entity.id,
            version: entity.version,
        }),
    }
}

/// Gives an entity another document, if it is still at the version that the caller has seen.
async fn replace(
    connection: &mut PgConnection,
    target: &Target,
    document: &CheckedDocument,
    operation: write::Operation,
    stamp: Stamp<'_>,
) -> Result<Entity, WorkflowError> {
    let expected = target.expected_version;
    let changed = write::replace(connection, target.id, expected, document, false, operation, stamp).await?;
    or_conflict(connection, target, changed).await
}

async fn or_conflict(
    connection: &mut PgConnection,
    target: &Target,
    changed: Option<Entity>,
) -> Result<Entity, WorkflowError> {
    match changed {
        Some(entity) => Ok(entity),
        None => Err(conflict(connection, target.id, target.expected_version).await),
    }
}

/// Checks a new document of an entity against the newest version of its schema. What does not fit that may stay with the
/// version the entity has: a new version of a schema stops nobody who has not migrated yet.
async fn fit(connection: &mut PgConnection, entity: &Entity, data: Value) -> Result<CheckedDocument, WorkflowError> {
    let newest = newest_schema(connection, &entity.schema).await?;
    if newest.version == entity.schema_version {
        return check_document(&newest, data).await;
    }
    match check_document(&newest, data.clone()).await {
        Err(WorkflowError::InvalidDocument(faults)) => {
            let own = schema_at(connection, &entity.schema, Some(entity.schema_version)).await?;
            let checked = check_document(&own, data).await;
            checked.map_err(|_| WorkflowError::InvalidDocument(faults))
        }
        checked => checked,
    }
}
