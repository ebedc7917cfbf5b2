//! Deletes what is old, tickets and the history of runs, and what a dropped project left behind. Workers call it now and
//! then; it is safe to call at any time, by several at once. Never touches lanes or the files of a lane.

use std::time::Duration;

use sqlx::PgPool;

use crate::error::Result;

/// How long tickets can be asked about.
pub const KEEP_TICKETS: Duration = Duration::from_secs(7 * 24 * 3_600);

/// How long the history of runs is kept.
pub const KEEP_RUNS: Duration = Duration::from_secs(90 * 24 * 3_600);

/// Deletes all tickets older than `keep_tickets`, creates the next partitions of the history and drops those older than
/// `keep_runs`. Returns how many tickets were deleted.
pub async fn prune(pool: &PgPool, keep_tickets: Duration, keep_runs: Duration) -> Result<u64> {
    let deleted = delete_tickets(pool, keep_tickets).await?;
    // Files and progress have no key to the lanes, for the sake of their hot paths: a dropped project leaves them behind.
    sqlx::query!(
        "delete from dirty_files
         where repository_id not in (select repository_id from jobs where repository_id is not null)",
    )
    .execute(pool)
    .await?;
    sqlx::query!("delete from progress where job_id not in (select id from jobs)")
        .execute(pool)
        .await?;
    // A bucket that nobody took from for so long is full, which is how a new one begins.
    sqlx::query!("delete from token_buckets where filled_at < clock_timestamp() - interval '7 days'")
        .execute(pool)
        .await?;
    sqlx::query!(
        "select maintain_runs($1::double precision * interval '1 second')",
        keep_runs.as_secs_f64(),
    )
    .execute(pool)
    .await?;
    Ok(deleted)
}

/// A transaction for each 10 000.
async fn delete_tickets(pool: &PgPool, keep: Duration) -> Result<u64> {
    let mut deleted = 0;
    loop {
        let more = sqlx::query!(
            "delete from tickets
             where id in (
                 select id
                 from tickets
                 where created_at < clock_timestamp() - $1::double precision * interval '1 second'
                 order by created_at
                 limit 10000
                 for update skip locked
             )",
            keep.as_secs_f64(),
        )
        .execute(pool)
        .await?
        .rows_affected();
        if more == 0 {
            return Ok(deleted);
        }
        deleted += more;
    }
}
