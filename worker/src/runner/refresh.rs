//! Asks for a sync of repositories by git URL now and then, because nothing tells when something was pushed to a server.
//! Every worker that can fetch does this; the queue makes one run of what several ask for. Fetches nothing itself.

use std::time::{Duration, Instant};

use quarry_lifecycle::GIT_HOST;
use quarry_queue::{Priority, SyncRequest};
use tokio::task::AbortHandle;

use crate::context::Context;

/// A look is one short statement. More often would find nothing sooner than the shortest pause people set.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Deleting unused clones is housekeeping.
const TIDY_EVERY: Duration = Duration::from_secs(3600);

pub(super) struct Refresh(AbortHandle);

impl Refresh {
    /// For a worker that can fetch; no one else could say that a repository is due.
    pub(super) fn start(context: &Context) -> Refresh {
        Refresh(tokio::spawn(keep_fresh(context.clone())).abort_handle())
    }

    pub(super) fn abort(self) {
        self.0.abort();
    }
}

async fn keep_fresh(context: Context) {
    let due_after = context.clones.refresh_after();
    let pause = due_after.unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
    let mut tidied = Instant::now();
    loop {
        // First a pause: a command that works for a moment is not there to refresh anything.
        tokio::time::sleep(pause).await;
        if let Some(age) = due_after
            && let Err(error) = ask_for_overdue(&context, age).await
        {
            tracing::debug!("ask for new commits: {:#}", anyhow::Error::from(error));
        }
        if tidied.elapsed() >= TIDY_EVERY {
            tidied = Instant::now();
            if let Err(error) = context.clones.tidy().await {
                tracing::warn!("delete unused clones: {:#}", anyhow::Error::from(error));
            }
        }
    }
}

async fn ask_for_overdue(context: &Context, age: Duration) -> Result<(), quarry_queue::QueueError> {
    let queue = context.registry.pool();
    for overdue in quarry_queue::overdue_syncs(queue, GIT_HOST, age).await? {
        let request = SyncRequest {
            priority: Priority::Bulk,
            ..SyncRequest::new("quarry")
        };
        quarry_queue::enqueue_sync(
            queue,
            overdue.project_id,
            overdue.repository_id,
            Some(GIT_HOST),
            request,
        )
        .await?;
    }
    Ok(())
}
