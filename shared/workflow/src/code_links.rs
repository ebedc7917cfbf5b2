//! Which code an entity is about: table `workflow.entity_code`. What a document names itself comes through write.rs; this
//! adds what somebody links by hand, and finds the entities about a place.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::code_reference::CodeReference;
use crate::entity::present;
use crate::error::{WorkflowError, doing};
use crate::links::Origin;

/// Code an entity is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeLink {
    /// The place, as `repository/path#L10-L42`.
    pub reference: String,
    /// Whether the document says so itself.
    pub in_document: bool,
}

/// Notes that an entity is about a place in code. Answers when, unless that is noted already.
pub(crate) async fn make(
    connection: &mut PgConnection,
    id: Uuid,
    reference: &CodeReference,
    origin: Origin<'_>,
) -> Result<Option<DateTime<Utc>>, WorkflowError> {
    present(connection, id).await?;
    store(connection, id, reference, false, origin).await
}

/// Takes such a note away; answers whose it was and since when, if it was there. What the document says itself stays.
/// With a time, only the note of that time.
pub(crate) async fn remove(
    connection: &mut PgConnection,
    id: Uuid,
    reference: &CodeReference,
    made_at: Option<DateTime<Utc>>,
) -> Result<Option<(DateTime<Utc>, String)>, WorkflowError> {
    let gone = sqlx::query!(
        "delete from workflow.entity_code
         where entity_id = $1 and reference = $2 and not in_document
             and ($3::timestamptz is null or created_at = $3)
         returning created_at, created_by",
        id,
        reference.to_string(),
        made_at
    )
    .fetch_optional(connection)
    .await
    .map_err(doing("remove a link to code"))?;
    Ok(gone.map(|gone| (gone.created_at, gone.created_by)))
}

/// The code an entity is about; at most 500 places.
///
/// # Errors
///
/// [`WorkflowError::Database`] only.
pub async fn code_of(pool: &PgPool, id: Uuid) -> Result<Vec<CodeLink>, WorkflowError> {
    sqlx::query_as!(
        CodeLink,
        "select reference, in_document
         from workflow.entity_code
         where entity_id = $1
         order by reference
         limit 500",
        id
    )
    .fetch_all(pool)
    .await
    .map_err(doing("read the links to code"))
}

/// Stores one reference of an entity; answers when, unless it is there already.
pub(crate) async fn store(
    connection: &mut PgConnection,
    id: Uuid,
    reference: &CodeReference,
    in_document: bool,
    origin: Origin<'_>,
) -> Result<Option<DateTime<Utc>>, WorkflowError> {
    sqlx::query_scalar!(
        "insert into workflow.entity_code as known
             (entity_id, reference, repository, path, start_line, end_line, symbol, in_document, created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, coalesce($10, clock_timestamp()))
         on conflict (entity_id, reference) do update
         set in_document = true
         where excluded.in_document and not known.in_document
         returning created_at",
        id,
        reference.to_string(),
        reference.repository,
        reference.path,
        reference.lines.map(|(first, _)| first),
        reference.lines.map(|(_, last)| last),
        reference.symbol,
        in_document,
        origin.author,
        origin.at
    )
    .fetch_optional(connection)
    .await
    .map_err(doing("store a link to code"))
}
