//! What a writer learns who saw an older version: the current one, and what became different since theirs, by whom, when.
//! Never retries by itself: whether a change still makes sense is the writer's to say.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::{WorkflowError, doing};
use crate::patch::changed_pointers;

/// Somebody else was first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conflict {
    /// The entity.
    pub id: Uuid,
    /// What the writer believed to be current.
    pub expected_version: i32,
    /// What is.
    pub current_version: i32,
    /// The current document: apply the change to it.
    pub current_data: Value,
    /// Whether it is deleted now.
    pub is_deleted: bool,
    /// Pointers at which the current document differs from the expected version. None when that version never was.
    pub changed_pointers: Option<Vec<String>>,
    /// The versions since, oldest first, the last 50.
    pub changes: Vec<ChangeSince>,
}

/// One version that came in between.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangeSince {
    /// Its number.
    pub version: i32,
    /// What made it, such as `update`.
    pub operation: String,
    /// Who made it.
    pub changed_by: String,
    /// When.
    pub changed_at: DateTime<Utc>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "entity {} is at version {}, not {}",
            self.id, self.current_version, self.expected_version
        )?;
        if let Some(last) = self.changes.last() {
            write!(
                formatter,
                ": changed by {} at {}",
                last.changed_by,
                last.changed_at.to_rfc3339()
            )?;
        }
        match self.changed_pointers.as_deref() {
            Some([]) => formatter.write_str(", to the same data")?,
            Some(pointers) => write!(formatter, ", at {}", pointers.join(", "))?,
            None => {}
        }
        formatter.write_str("; apply your change to the current data and send it with that version")
    }
}

/// Describes why a write that expected `expected_version` cannot happen. Also answers when the entity is not there.
pub(crate) async fn conflict(connection: &mut PgConnection, id: Uuid, expected_version: i32) -> WorkflowError {
    match describe(connection, id, expected_version).await {
        Ok(Some(conflict)) => WorkflowError::Conflict(Box::new(conflict)),
        Ok(None) => WorkflowError::UnknownEntity { id },
        Err(error) => error,
    }
}

async fn describe(
    connection: &mut PgConnection,
    id: Uuid,
    expected_version: i32,
) -> Result<Option<Conflict>, WorkflowError> {
    let current = sqlx::query!(
        r#"select entity.version, entity.data, entity.deleted_at is not null as "is_deleted!", seen.data as "seen?"
           from workflow.entities as entity
           left join workflow.entity_versions as seen on seen.entity_id = entity.id and seen.version = $2
           where entity.id = $1"#,
        id,
        expected_version
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(doing("read the current version"))?;
    let Some(current) = current else { return Ok(None) };
    let mut changes = sqlx::query_as!(
        ChangeSince,
        "select version, operation, changed_by, changed_at
         from workflow.entity_versions
         where entity_id = $1 and version > $2
         order by version desc
         limit 50",
        id,
        expected_version
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(doing("read the versions since"))?;
    changes.reverse();
    Ok(Some(Conflict {
        id,
        expected_version,
        current_version: current.version,
        changed_pointers: current.seen.map(|seen| changed_pointers(&seen, &current.data)),
        current_data: current.data,
        is_deleted: current.is_deleted,
        changes,
    }))
}
