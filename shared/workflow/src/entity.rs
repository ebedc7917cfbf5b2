//! An entity as it is stored: table `workflow.entities`. Read here, written in write.rs alone.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::error::{WorkflowError, doing};

/// A document, which schema it fits, and its present version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, FromRow)]
pub struct Entity {
    /// Its identity, in every version.
    pub id: Uuid,
    /// Name of its schema.
    pub schema: String,
    /// Version of that schema it was checked against.
    pub schema_version: i32,
    /// Counts from 1; whoever changes the entity says which version they saw.
    pub version: i32,
    /// The document.
    pub data: Value,
    /// When version 1 was written.
    pub created_at: DateTime<Utc>,
    /// Who wrote version 1.
    pub created_by: String,
    /// When this version was written.
    pub updated_at: DateTime<Utc>,
    /// Who wrote this version.
    pub updated_by: String,
    /// When it was deleted, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<DateTime<Utc>>,
}

/// Which version of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// The present one.
    Now,
    /// The one with this number.
    Version(i32),
    /// The one that was present at this time.
    Time(DateTime<Utc>),
}

/// Reads one version of an entity; the present one also when it is deleted, which it then says.
///
/// # Errors
///
/// [`WorkflowError::UnknownEntity`], or [`WorkflowError::UnknownVersion`] with the versions there are.
pub async fn get_entity(pool: &PgPool, id: Uuid, as_of: AsOf) -> Result<Entity, WorkflowError> {
    let mut connection = pool.acquire().await.map_err(doing("connect"))?;
    let present = present(&mut connection, id).await?;
    let (version, at) = match as_of {
        AsOf::Now => return Ok(present),
        AsOf::Version(version) => (Some(version), None),
        AsOf::Time(at) => (None, Some(at)),
    };
    let past = sqlx::query!(
        r#"select version, schema_version, data, is_deleted, changed_at, changed_by
           from workflow.entity_versions
           where entity_id = $1 and ($2::integer is null or version = $2) and ($3::timestamptz is null or changed_at <= $3)
           order by version desc
           limit 1"#,
        id,
        version,
        at
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(doing("read a version"))?;
    let Some(past) = past else {
        let asked = match as_of {
            AsOf::Time(at) => format!(
                "version at {}: it was created {}",
                at.to_rfc3339(),
                present.created_at.to_rfc3339()
            ),
            _ => format!("version {}", version.unwrap_or_default()),
        };
        return Err(WorkflowError::UnknownVersion {
            id,
            asked,
            newest: present.version,
        });
    };
    Ok(Entity {
        schema_version: past.schema_version,
        version: past.version,
        data: past.data,
        updated_at: past.changed_at,
        updated_by: past.changed_by,
        deleted_at: past.is_deleted.then_some(past.changed_at),
        ..present
    })
}

/// The present version.
pub(crate) async fn present(connection: &mut PgConnection, id: Uuid) -> Result<Entity, WorkflowError> {
    sqlx::query_as!(
        Entity,
        "select id, schema_name as schema, schema_version, version, data, created_at, created_by, updated_at, updated_by,
             deleted_at
         from workflow.entities
         where id = $1",
        id
    )
    .fetch_optional(connection)
    .await
    .map_err(doing("read an entity"))?
    .ok_or(WorkflowError::UnknownEntity { id })
}
