//! What is known to have changed and is not yet searchable: put beside every answer, and asked before a repository is
//! called complete.

use std::time::Duration;

use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use crate::Result;

/// How far an index lags behind what is known to have changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// Files marked and not yet indexed.
    pub files: u64,
    /// A sync waits or runs: there may be more.
    pub sync: bool,
    /// Lanes of files that wait or run.
    pub lanes: u64,
    /// Why a lane stands parked.
    pub parked_error: Option<String>,
}

impl Pending {
    /// Whether nothing waits, runs or stands parked.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        *self == Pending::default()
    }
}

/// What is pending for a repository, or for all repositories of the project.
///
/// # Errors
/// [`crate::QueueError::Database`] only.
pub async fn pending(pool: &PgPool, project_id: Uuid, repository_id: Option<Uuid>) -> Result<Pending> {
    let row = sqlx::query!(
        r#"with lanes as (
               select repository_id, kind, state, last_error
               from jobs
               where project_id = $1
                   and repository_id is not null
                   and ($2::uuid is null or repository_id = $2)
           )
           select (
                   select count(*)
                   from dirty_files
                   where repository_id in (select distinct repository_id from lanes)
               ) as "files!",
               coalesce(bool_or(kind = 'sync_repository' and state in ('ready', 'leased')), false) as "sync!",
               count(*) filter (where kind = 'index_files' and state in ('ready', 'leased')) as "lanes!",
               min(last_error) filter (where state = 'parked') as parked_error
           from lanes"#,
        project_id,
        repository_id,
    )
    .fetch_one(pool)
    .await?;
    Ok(Pending {
        files: row.files.unsigned_abs(),
        sync: row.sync,
        lanes: row.lanes.unsigned_abs(),
        parked_error: row.parked_error,
    })
}

/// How long ago the last successful sync of a repository began; zero when there was none.
///
/// # Errors
/// [`crate::QueueError::Database`] only.
pub async fn since_last_sync(pool: &PgPool, repository_id: Uuid) -> Result<Duration> {
    let seconds = sqlx::query_scalar!(
        r#"select extract(epoch from clock_timestamp() - max(started_at))::double precision as seconds
           from runs
           where repository_id = $1
               and kind = 'sync_repository'
               and outcome = 'succeeded'"#,
        repository_id,
    )
    .fetch_one(pool)
    .await?;
    Ok(Duration::from_secs_f64(seconds.unwrap_or(0.0).max(0.0)))
}
