//! Notes which files changed and makes their lanes ready: for watchers, which saw a save, and for syncs, which
//! compared the tree with the index. What is noted here dirty_files.rs hands to the run.
//! Never reads a file, and never keeps more of a watcher's paths than a sync would find by itself.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::PgPool;
use uuid::Uuid;

use crate::claim::Claim;
use crate::enqueue::{Marked, SyncRequest, Ticket, WAITING_SAVES_LIMIT, Wanted, enqueue, enqueue_sync, ready_lanes};
use crate::error::{QueueError, Result};
use crate::lane::{JobKind, Priority, SHARDS, shard_of};
use crate::wakeup;

/// Up to this many paths at once somebody saved; more than that a tool wrote (a branch switch, a code generator), and
/// those must not overtake what people save.
pub const SAVED_BY_HAND_LIMIT: usize = 100;

/// Paths per statement of a sync; bounds the time its lanes are locked.
const PATHS_PER_BATCH: usize = 1_000;

/// How saves that belong together are collected into one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Debounce {
    /// The first save on an idle lane is due after this: time for its companions only.
    pub first: Duration,
    /// While a lane runs or has just run, saves collect for this long from the first one on. A fixed window: a file
    /// saved every 200 ms must still get indexed, so later saves do not prolong it.
    pub window: Duration,
}

impl Debounce {
    /// Nothing is collected: due at once.
    pub const NONE: Debounce = Debounce {
        first: Duration::ZERO,
        window: Duration::ZERO,
    };
}

impl Default for Debounce {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(5),
            window: Duration::from_millis(300),
        }
    }
}

/// Notes saved, created or deleted paths (relative to the repository's root, `/` as separator) and returns a ticket
/// that is done when all of them are in the index.
///
/// Past [`WAITING_SAVES_LIMIT`] a sync is asked for instead, which the ticket then waits for. What waits already
/// stays: the tickets of earlier saves rely on it.
pub async fn mark_dirty(
    pool: &PgPool,
    project_id: Uuid,
    repository_id: Uuid,
    host: Option<&str>,
    paths: &[String],
    debounce: Debounce,
    requested_by: &str,
) -> Result<Ticket> {
    let marked = Marked::new(paths);
    if marked.paths.len() <= WAITING_SAVES_LIMIT {
        let priority = if marked.paths.len() > SAVED_BY_HAND_LIMIT {
            Priority::Bulk
        } else {
            Priority::Save
        };
        let wanted = Wanted {
            project_id,
            repository_id,
            kind: JobKind::IndexFiles,
            shards: &marked.lanes(),
            host: host.unwrap_or_default(),
            priority,
            full: false,
            first_secs: debounce.first.as_secs_f64(),
            window_secs: debounce.window.as_secs_f64(),
        };
        if let Some(ticket) = enqueue(pool, &wanted, &marked, requested_by).await? {
            return Ok(ticket);
        }
    }
    enqueue_sync(pool, project_id, repository_id, host, SyncRequest::new(requested_by)).await
}

/// Notes what a running sync found different. May be called many times while it runs: other workers start on the
/// files at once. The tickets of the sync come to wait for these lanes when it settles, and whoever can reach the
/// files of the sync gets them. `priority`: a sync that found so little in all that somebody may have saved it by hand
/// ([`SAVED_BY_HAND_LIMIT`]) lets it go first like a save.
///
/// [`QueueError::LeaseLost`]: the sync is no longer the caller's; batches written before stay and do no harm.
pub async fn mark_dirty_from_sync(pool: &PgPool, claim: &Claim, paths: &[String], priority: Priority) -> Result<()> {
    let repository_id = claim.lane.repository_id.ok_or(QueueError::LeaseLost)?;
    for batch in paths.chunks(PATHS_PER_BATCH) {
        let marked = Marked::new(batch);
        let mut transaction = pool.begin().await?;
        // Shared and held to the end: neither rescue nor a removal can end the lease between the check and the write.
        let host = sqlx::query_scalar!(
            "select host from jobs where id = $1 and fence = $2 and state = 'leased' for share",
            claim.job_id,
            claim.fence,
        )
        .fetch_optional(&mut *transaction)
        .await?
        .ok_or(QueueError::LeaseLost)?;
        let wanted = Wanted {
            project_id: claim.lane.project_id,
            repository_id,
            kind: JobKind::IndexFiles,
            shards: &marked.lanes(),
            host: &host,
            priority,
            full: false,
            first_secs: 0.0,
            window_secs: 0.0,
        };
        let lanes = ready_lanes(&mut transaction, &wanted).await?;
        sqlx::query!(
            "select mark_files($1, $2, $3, true, $4)",
            repository_id,
            &marked.shards,
            &marked.paths as &[&str],
            SHARDS,
        )
        .execute(&mut *transaction)
        .await?;
        wakeup::announce(&mut transaction, lanes.began, true).await?;
        transaction.commit().await?;
    }
    Ok(())
}

impl<'a> Marked<'a> {
    fn new(paths: &'a [String]) -> Self {
        let sorted: BTreeSet<(i16, &str)> = paths.iter().map(|path| (shard_of(path), path.as_str())).collect();
        let (shards, paths) = sorted.into_iter().unzip();
        Self { shards, paths }
    }

    fn lanes(&self) -> Vec<i16> {
        let mut lanes = self.shards.clone();
        lanes.dedup();
        lanes
    }
}
