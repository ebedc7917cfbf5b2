//! Gives every waiting file of a repository a new revision, for a sync that has changed what the files are read from.
//! A run that read the old revisions drops nothing, so whatever it published is read again. Marks no new file.

use sqlx::PgPool;

use crate::claim::Claim;
use crate::enqueue::{Wanted, ready_lanes};
use crate::error::{QueueError, Result};
use crate::lane::{JobKind, Priority};
use crate::wakeup;

/// Marks what is dirty already once more, and returns how many files that were. Call it after the new source is recorded
/// and before the stored files are compared with it.
///
/// [`QueueError::LeaseLost`]: the sync is no longer the caller's; nothing was marked.
pub async fn mark_waiting_again(pool: &PgPool, claim: &Claim) -> Result<u64> {
    let repository_id = claim.lane.repository_id.ok_or(QueueError::LeaseLost)?;
    let mut transaction = pool.begin().await?;
    let host = sqlx::query_scalar!(
        "select host from jobs where id = $1 and fence = $2 and state = 'leased' for share",
        claim.job_id,
        claim.fence,
    )
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or(QueueError::LeaseLost)?;
    let shards = sqlx::query_scalar!(
        "select distinct shard from dirty_files where repository_id = $1 order by shard",
        repository_id,
    )
    .fetch_all(&mut *transaction)
    .await?;
    if shards.is_empty() {
        return Ok(0);
    }
    let wanted = Wanted {
        project_id: claim.lane.project_id,
        repository_id,
        kind: JobKind::IndexFiles,
        shards: &shards,
        host: &host,
        priority: Priority::Bulk,
        full: false,
        first_secs: 0.0,
        window_secs: 0.0,
    };
    // Locks the lanes, so that no run drops a mark meanwhile.
    let lanes = ready_lanes(&mut transaction, &wanted).await?;
    let marked = sqlx::query!(
        "update dirty_files
         set revision = nextval('dirty_file_revisions')
         where repository_id = $1
             and shard = any ($2)",
        repository_id,
        &shards,
    )
    .execute(&mut *transaction)
    .await?;
    wakeup::announce(&mut transaction, lanes.began, true).await?;
    transaction.commit().await?;
    Ok(marked.rows_affected())
}
