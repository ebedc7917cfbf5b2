//! The versions of an entity, newest first, with what each changed. Written by the database in the transaction of the
//! change: see migrations/project/0012_entities.sql.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::entity::present;
use crate::error::{WorkflowError, doing};
use crate::patch::changed_pointers;

/// Most versions a call answers with.
pub const MAX_VERSIONS: u32 = 200;

/// One version of an entity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EntityVersion {
    /// Its number.
    pub version: i32,
    /// Version of the schema it was checked against.
    pub schema_version: i32,
    /// What made it, such as `create` or `revert`.
    pub operation: String,
    /// Who made it.
    pub changed_by: String,
    /// When.
    pub changed_at: DateTime<Utc>,
    /// The batch it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<Uuid>,
    /// Whether the entity was deleted then.
    pub is_deleted: bool,
    /// The document.
    pub data: Value,
    /// Pointers at which it differs from the version before; none for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_pointers: Option<Vec<String>>,
}

/// Up to `limit` versions of an entity before `before_version`, newest first.
///
/// # Errors
///
/// [`WorkflowError::UnknownEntity`].
pub async fn entity_history(
    pool: &PgPool,
    id: Uuid,
    before_version: Option<i32>,
    limit: u32,
) -> Result<Vec<EntityVersion>, WorkflowError> {
    let limit = limit.clamp(1, MAX_VERSIONS);
    let rows = sqlx::query!(
        "select version, schema_version, operation, changed_by, changed_at, batch_id, is_deleted, data
         from workflow.entity_versions
         where entity_id = $1 and ($2::integer is null or version < $2)
         order by version desc
         limit $3",
        id,
        before_version,
        // One more: what the last one shown changed is seen in the one before.
        i64::from(limit) + 1
    )
    .fetch_all(pool)
    .await
    .map_err(doing("read the history"))?;
    if rows.is_empty() {
        let mut connection = pool.acquire().await.map_err(doing("connect"))?;
        present(&mut connection, id).await?;
    }
    let mut versions: Vec<EntityVersion> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| EntityVersion {
            version: row.version,
            schema_version: row.schema_version,
            operation: row.operation.clone(),
            changed_by: row.changed_by.clone(),
            changed_at: row.changed_at,
            batch_id: row.batch_id,
            is_deleted: row.is_deleted,
            data: row.data.clone(),
            changed_pointers: rows
                .get(index + 1)
                .map(|before| changed_pointers(&before.data, &row.data)),
        })
        .collect();
    versions.truncate(limit as usize);
    Ok(versions)
}
