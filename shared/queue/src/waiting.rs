//! Whether single files wait, in which lane and how that stands: asked by those who compare an index with its tree.
//! How much waits altogether: see pending.rs. Reads only.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use crate::Result;
use crate::error::QueueError;
use crate::lane::{JobKind, Lane};

/// A file that was marked and is not yet indexed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitingFile {
    /// Relative to the repository's root.
    pub path: String,
    /// The lane's row.
    pub job_id: i64,
    /// Which part of the repository it is in.
    pub shard: i16,
    /// State of the lane: `ready` (waits), `leased` (is being worked on), `parked` (stands with an error), `idle`,
    /// `removing`.
    pub state: String,
    /// 1 goes first: see [`crate::Priority`].
    pub priority: i16,
    /// Since when something waits in the lane.
    pub waiting_since: Option<DateTime<Utc>>,
    /// When the lane is due.
    pub run_at: DateTime<Utc>,
    /// Failed runs since the last success, the present one included.
    pub attempt: i16,
    /// Why the last run failed, until one succeeds.
    pub last_error: Option<String>,
}

/// Which of these paths wait. A path that is absent from the answer does not.
///
/// # Errors
/// [`crate::QueueError::Database`] only.
pub async fn waiting_files(
    pool: &PgPool,
    project_id: Uuid,
    repository_id: Uuid,
    paths: &[String],
) -> Result<Vec<WaitingFile>> {
    let files = sqlx::query_as!(
        WaitingFile,
        "select file.path, lane.id as job_id, file.shard, lane.state, lane.priority, lane.waiting_since, lane.run_at,
             lane.attempt, lane.last_error
         from dirty_files as file
         join jobs as lane
             on lane.project_id = $1
             and lane.repository_id = file.repository_id
             and lane.kind = 'index_files'
             and lane.shard = file.shard
         where file.repository_id = $2
             and file.path = any ($3)
         order by file.path",
        project_id,
        repository_id,
        paths,
    )
    .fetch_all(pool)
    .await?;
    Ok(files)
}

/// How many files below a directory wait; `""` is the root.
///
/// # Errors
/// [`crate::QueueError::Database`] only.
pub async fn waiting_below(pool: &PgPool, repository_id: Uuid, directory: &str) -> Result<u64> {
    // All paths below it and nothing else lie between these, bytewise: '0' is the character after '/'.
    let (from, to) = match directory {
        "" => (String::new(), "\u{10ffff}".to_owned()),
        directory => (format!("{directory}/"), format!("{directory}0")),
    };
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from dirty_files where repository_id = $1 and path >= $2 and path < $3"#,
        repository_id,
        from,
        to,
    )
    .fetch_one(pool)
    .await?;
    Ok(count.unsigned_abs())
}

/// The fence that each lane of a repository was last claimed under.
///
/// # Errors
/// [`crate::QueueError::Database`] only.
pub async fn lane_fences(pool: &PgPool, project_id: Uuid, repository_id: Uuid) -> Result<Vec<(Lane, i64)>> {
    let rows = sqlx::query!(
        "select kind, shard, fence
         from jobs
         where project_id = $1
             and repository_id = $2
         order by kind, shard",
        project_id,
        repository_id,
    )
    .fetch_all(pool)
    .await?;
    let lanes = rows.into_iter().map(|row| {
        let lane = Lane {
            project_id,
            repository_id: Some(repository_id),
            kind: row.kind.parse::<JobKind>()?,
            shard: row.shard,
        };
        Ok::<_, QueueError>((lane, row.fence))
    });
    lanes.collect()
}
