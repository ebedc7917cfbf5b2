//! The two statements that write entities: one that adds a first version, one that adds the next. The database keeps the
//! version itself (migrations/project/0012_entities.sql), so history cannot be forgotten or come later.
//! Takes checked documents only; decides nothing about conflicts, keys or batches.

use sqlx::PgConnection;
use sqlx::types::chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::code_links;
use crate::document::CheckedDocument;
use crate::entity::Entity;
use crate::error::{WorkflowError, doing};
use crate::links::Origin;

/// Who writes, and with which other writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp<'s> {
    pub(crate) author: &'s str,
    pub(crate) batch: Option<Uuid>,
}

/// What makes a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Update,
    Delete,
    Restore,
    Revert,
    Migrate,
    Import,
    Undo,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Restore => "restore",
            Self::Revert => "revert",
            Self::Migrate => "migrate",
            Self::Import => "import",
            Self::Undo => "undo",
        }
    }
}

/// Stores a new entity; none when its id is taken.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    id: Uuid,
    schema: &str,
    document: &CheckedDocument,
    stamp: Stamp<'_>,
) -> Result<Option<Entity>, WorkflowError> {
    let entity = sqlx::query_as!(
        Entity,
        "insert into workflow.entities
             (id, schema_name, schema_version, data, created_at, updated_at, created_by, updated_by, operation, batch_id,
              work_state)
         select $1, $2, $3, $4, at, at, $5, $5, 'create', $6, $7
         from clock_timestamp() as at
         on conflict (id) do nothing
         returning id, schema_name as schema, schema_version, version, data, created_at, created_by, updated_at,
             updated_by, deleted_at",
        id,
        schema,
        document.schema_version(),
        document.data(),
        stamp.author,
        stamp.batch,
        document.work_state().name()
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(doing("store an entity"))?;
    if entity.is_some() {
        store_beside(connection, id, document, stamp.author, Beside::New).await?;
    }
    Ok(entity)
}

/// Stores the version after `expected_version`; none when that is not the present one.
pub(crate) async fn replace(
    connection: &mut PgConnection,
    id: Uuid,
    expected_version: i32,
    document: &CheckedDocument,
    is_deleted: bool,
    operation: Operation,
    stamp: Stamp<'_>,
) -> Result<Option<Entity>, WorkflowError> {
    let entity = sqlx::query_as!(
        Entity,
        "update workflow.entities
         set data = $3,
             schema_version = $4,
             version = version + 1,
             deleted_at = case when $5 then coalesce(deleted_at, clock_timestamp()) end,
             operation = $6,
             batch_id = $7,
             updated_by = $8,
             work_state = $9
         where id = $1 and version = $2
         returning id, schema_name as schema, schema_version, version, data, created_at, created_by, updated_at,
             updated_by, deleted_at",
        id,
        expected_version,
        document.data(),
        document.schema_version(),
        is_deleted,
        operation.name(),
        stamp.batch,
        stamp.author,
        document.work_state().name()
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(doing("store a version"))?;
    if entity.is_some() {
        store_beside(connection, id, document, stamp.author, Beside::Replaced).await?;
    }
    Ok(entity)
}

/// Marks an entity as deleted, its data as they are; none when `expected_version` is not the present one.
pub(crate) async fn mark_deleted(
    connection: &mut PgConnection,
    id: Uuid,
    expected_version: i32,
    operation: Operation,
    stamp: Stamp<'_>,
) -> Result<Option<Entity>, WorkflowError> {
    sqlx::query_as!(
        Entity,
        "update workflow.entities
         set version = version + 1,
             deleted_at = coalesce(deleted_at, clock_timestamp()),
             operation = $3,
             batch_id = $4,
             updated_by = $5
         where id = $1 and version = $2
         returning id, schema_name as schema, schema_version, version, data, created_at, created_by, updated_at,
             updated_by, deleted_at",
        id,
        expected_version,
        operation.name(),
        stamp.batch,
        stamp.author
    )
    .fetch_optional(connection)
    .await
    .map_err(doing("delete an entity"))
}

/// One version of an entity that comes from elsewhere, with everything it had there.
pub(crate) struct Imported<'i> {
    pub(crate) entity: &'i Entity,
    pub(crate) document: &'i CheckedDocument,
}

/// Stores an entity with the version, times and names it brings; none when its id is taken.
pub(crate) async fn insert_imported(
    connection: &mut PgConnection,
    imported: Imported<'_>,
) -> Result<Option<Uuid>, WorkflowError> {
    let entity = imported.entity;
    let stored = sqlx::query_scalar!(
        "insert into workflow.entities
             (id, schema_name, schema_version, data, version, created_at, updated_at, created_by, updated_by, deleted_at,
              operation, work_state)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'import', $11)
         on conflict (id) do nothing
         returning id",
        entity.id,
        entity.schema,
        imported.document.schema_version(),
        imported.document.data(),
        entity.version,
        entity.created_at,
        entity.updated_at,
        entity.created_by,
        entity.updated_by,
        entity.deleted_at,
        imported.document.work_state().name()
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(doing("store an imported entity"))?;
    if stored.is_some() {
        store_beside(
            connection,
            entity.id,
            imported.document,
            &entity.updated_by,
            Beside::New,
        )
        .await?;
    }
    Ok(stored)
}

/// A past version that an import brings along.
pub(crate) struct PastVersion<'p> {
    pub(crate) version: i32,
    pub(crate) document: &'p CheckedDocument,
    pub(crate) is_deleted: bool,
    pub(crate) operation: &'p str,
    pub(crate) changed_at: DateTime<Utc>,
    pub(crate) changed_by: &'p str,
}

/// Stores a past version unless it is there already: what was written never changes.
pub(crate) async fn insert_past(
    connection: &mut PgConnection,
    id: Uuid,
    past: PastVersion<'_>,
) -> Result<(), WorkflowError> {
    sqlx::query!(
        "insert into workflow.entity_versions
             (entity_id, version, schema_version, data, is_deleted, operation, changed_at, changed_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (entity_id, version) do nothing",
        id,
        past.version,
        past.document.schema_version(),
        past.document.data(),
        past.is_deleted,
        past.operation,
        past.changed_at,
        past.changed_by
    )
    .execute(connection)
    .await
    .map_err(doing("store a past version"))?;
    Ok(())
}

#[derive(PartialEq)]
enum Beside {
    New,
    Replaced,
}

/// Stores what a document says and which code it names.
async fn store_beside(
    connection: &mut PgConnection,
    id: Uuid,
    document: &CheckedDocument,
    author: &str,
    beside: Beside,
) -> Result<(), WorkflowError> {
    let text = document.text();
    sqlx::query!(
        "insert into workflow.entity_texts as known (entity_id, terms, counts, length, text_hash)
         values ($1, $2, $3, $4, $5)
         on conflict (entity_id) do update
         set terms = excluded.terms,
             counts = excluded.counts,
             length = excluded.length,
             text_hash = excluded.text_hash
         where known.text_hash <> excluded.text_hash or known.terms <> excluded.terms",
        id,
        &text.terms,
        &text.counts,
        text.length,
        &text.hash[..]
    )
    .execute(&mut *connection)
    .await
    .map_err(doing("store the words of an entity"))?;
    let code = document.code();
    if code.is_empty() && beside == Beside::New {
        return Ok(());
    }
    let written: Vec<String> = code.iter().map(ToString::to_string).collect();
    sqlx::query!(
        "delete from workflow.entity_code
         where entity_id = $1 and in_document and reference <> all ($2)",
        id,
        &written
    )
    .execute(&mut *connection)
    .await
    .map_err(doing("forget code that a document no longer names"))?;
    for reference in code {
        code_links::store(connection, id, reference, true, Origin::now(author)).await?;
    }
    Ok(())
}
