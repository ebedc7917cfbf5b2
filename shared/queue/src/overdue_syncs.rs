//! Which repositories of a host have not been compared for a while. For upkeep, which asks for a sync of them: nothing
//! tells Quarry that something was pushed to a server. Enqueues nothing by itself.

use std::time::Duration;

use sqlx::PgPool;
use uuid::Uuid;

use crate::error::Result;

/// A repository whose sync lane has rested too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverdueSync {
    /// Its project.
    pub project_id: Uuid,
    /// The repository.
    pub repository_id: Uuid,
}

/// Repositories of `host` whose last sync ended, well or badly, at least `age` ago and for which none waits; those that
/// have waited longest first, at most 100. Asking for a sync of them twice is one run: it joins the one that waits.
pub async fn overdue_syncs(pool: &PgPool, host: &str, age: Duration) -> Result<Vec<OverdueSync>> {
    let overdue = sqlx::query_as!(
        OverdueSync,
        r#"select project_id, repository_id as "repository_id!"
           from jobs
           where kind = 'sync_repository'
               and host = $1
               and state in ('idle', 'parked')
               and repository_id is not null
               and coalesce(settled_at, last_failed_at) <= clock_timestamp() - $2::double precision * interval '1 second'
           order by coalesce(settled_at, last_failed_at)
           limit 100"#,
        host,
        age.as_secs_f64(),
    )
    .fetch_all(pool)
    .await?;
    Ok(overdue)
}
