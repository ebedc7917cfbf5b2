//! Which code an entity is about: table `workflow.entity_code`. What a document names itself comes through write.rs; this
//! adds what somebody links by hand, and finds the entities about a place.

use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::code_reference::CodeReference;
use crate::entity::present;
use crate::error::{WorkflowError, doing};

/// Code an entity is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeLink {
    /// The place, as `repository/path#L10-L42`.
    pub reference: String,
    /// Whether the document says so itself.
    pub in_document: bool,
}

/// Notes that an entity is about a place in code. Doing it twice is doing it once.
///
/// # Errors
///
/// [`WorkflowError::InvalidArgument`] for a text that names no place, [`WorkflowError::UnknownEntity`].
pub async fn link_code(pool: &PgPool, id: Uuid, reference: &str, author: &str) -> Result<(), WorkflowError> {
    let reference = parse(reference)?;
    let mut connection = pool.acquire().await.map_err(doing("connect"))?;
    present(&mut connection, id).await?;
    store(&mut connection, id, &reference, false, author).await
}

/// Takes such a note away; answers whether it was there. What the document says itself stays.
///
/// # Errors
///
/// [`WorkflowError::InvalidArgument`] for a text that names no place.
pub async fn unlink_code(pool: &PgPool, id: Uuid, reference: &str) -> Result<bool, WorkflowError> {
    let reference = parse(reference)?;
    let gone = sqlx::query!(
        "delete from workflow.entity_code where entity_id = $1 and reference = $2 and not in_document",
        id,
        reference.to_string()
    )
    .execute(pool)
    .await
    .map_err(doing("remove a link to code"))?;
    Ok(gone.rows_affected() == 1)
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

fn parse(reference: &str) -> Result<CodeReference, WorkflowError> {
    CodeReference::parse(reference)
        .map_err(|reason| WorkflowError::InvalidArgument(format!("no place in code: {reason}")))
}

/// Stores one reference of an entity.
pub(crate) async fn store(
    connection: &mut PgConnection,
    id: Uuid,
    reference: &CodeReference,
    in_document: bool,
    author: &str,
) -> Result<(), WorkflowError> {
    sqlx::query!(
        "insert into workflow.entity_code as known
             (entity_id, reference, repository, path, start_line, end_line, symbol, in_document, created_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (entity_id, reference) do update
         set in_document = true
         where excluded.in_document and not known.in_document",
        id,
        reference.to_string(),
        reference.repository,
        reference.path,
        reference.lines.map(|(first, _)| first),
        reference.lines.map(|(_, last)| last),
        reference.symbol,
        in_document,
        author
    )
    .execute(connection)
    .await
    .map_err(doing("store a link to code"))?;
    Ok(())
}
