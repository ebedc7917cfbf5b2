//! Takes over from the dead: deletes expired workers and returns their lanes to the queue. Any worker calls it now
//! and then; none is the leader. Never touches a lane whose worker lives, and never waits for a lock.

use sqlx::PgPool;

use crate::error::Result;
use crate::retry_policy::RetryPolicy;
use crate::wakeup;

/// What a rescue did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rescued {
    /// Expired workers that were deleted.
    pub workers: u64,
    /// Lanes that went back to the queue, or were parked because their workers keep dying.
    pub lanes: u64,
}

/// Deletes expired workers, at most 100, and returns the lanes of workers that are gone, at most 1 000. A lane whose
/// workers died `max_losses` times in a row is parked: it may be what kills them.
pub async fn rescue(pool: &PgPool, policy: &RetryPolicy) -> Result<Rescued> {
    let workers = sqlx::query!(
        "delete from workers
         where id in (
             select id
             from workers
             where alive_until < clock_timestamp()
             order by id
             limit 100
             for update skip locked
         )",
    )
    .execute(pool)
    .await?
    .rows_affected();
    // Of all workers without a row, not only those deleted here: a rescuer may die between the two statements.
    let mut transaction = pool.begin().await?;
    let lanes = sqlx::query_file_scalar!("src/queries/rescue.sql", policy.max_losses)
        .fetch_one(&mut *transaction)
        .await?;
    wakeup::announce(&mut transaction, lanes > 0, true).await?;
    transaction.commit().await?;
    let lanes = lanes.unsigned_abs();
    if workers + lanes > 0 {
        tracing::warn!(workers, lanes, "took over {lanes} lanes of {workers} dead workers");
    }
    Ok(Rescued { workers, lanes })
}
