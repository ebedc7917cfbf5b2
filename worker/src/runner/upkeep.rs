//! What some worker has to do now and then and any of them may: return the work of dead workers to the queue, prune old
//! history, finish half-made projects. Never decides what a job does.

use std::time::Duration;

use anyhow::Context as _;
use quarry_queue::RetryPolicy;
use quarry_registry::ProjectState;
use tokio::task::AbortHandle;

use crate::context::Context;

/// Rescue looks this often: with a lease of 8 s a dead worker's jobs run again within 10 s.
const RESCUE_EVERY: Duration = Duration::from_secs(1);

/// A removed repository keeps its fences for a day, so that a straggler cannot bring rows back.
const KEEP_FENCES_HOURS: u16 = 24;

/// Vectors of text that no chunk holds any more: a branch that is switched back to within a month costs no embedding.
const KEEP_EMBEDDINGS_DAYS: u16 = 30;

/// Bounds one round of pruning; the next one goes on.
const EMBEDDINGS_AT_ONCE: u32 = 50_000;

/// A server that takes longer to tidy up has better things to do; rescue must not wait behind a connection that died.
const TIDY_LIMIT: Duration = Duration::from_secs(300);

/// Rounds. History grows by rows a minute; an hour's worth is nothing.
const TIDY_EVERY: u32 = 3600;

/// The round of the first time: a worker that leaves when it is idle seldom lives for an hour.
const FIRST_TIDY: u32 = 60;

pub(super) struct Upkeep(AbortHandle);

impl Upkeep {
    pub(super) fn start(context: &Context) -> Upkeep {
        Upkeep(tokio::spawn(keep_up(context.clone())).abort_handle())
    }

    pub(super) fn abort(self) {
        self.0.abort();
    }
}

async fn keep_up(context: Context) {
    let queue = context.registry.pool();
    let policy = RetryPolicy {
        max_attempts: context.max_attempts,
        ..RetryPolicy::default()
    };
    for round in 0_u32.. {
        match tokio::time::timeout(context.lease, quarry_queue::rescue(queue, &policy)).await {
            Ok(Ok(rescued)) if rescued.lanes > 0 => {
                tracing::warn!(
                    lanes = rescued.lanes,
                    "took back {} jobs of dead workers",
                    rescued.lanes
                );
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!("rescue: {:#}", anyhow::Error::from(error)),
            Err(_) => tracing::debug!("rescue: the database does not answer"),
        }
        if round % TIDY_EVERY == FIRST_TIDY {
            match tokio::time::timeout(TIDY_LIMIT, tidy(&context)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!("tidy: {error:#}"),
                Err(_) => tracing::warn!("tidy: the database does not answer"),
            }
        }
        tokio::time::sleep(RESCUE_EVERY).await;
    }
}

/// Prunes the history, finishes half-made projects and drops what nothing refers to any more.
async fn tidy(context: &Context) -> anyhow::Result<()> {
    let queue = context.registry.pool();
    quarry_queue::prune(queue, quarry_queue::KEEP_TICKETS, quarry_queue::KEEP_RUNS)
        .await
        .context("prune the history")?;
    context.registry.reconcile().await?;
    for project in context.registry.projects().await? {
        if project.state != ProjectState::Ready {
            continue;
        }
        let database = context.registry.database(&project).await?;
        quarry_codebase::sweep_fences(&database, KEEP_FENCES_HOURS).await?;
        quarry_codebase::prune_embeddings(&database, KEEP_EMBEDDINGS_DAYS, EMBEDDINGS_AT_ONCE).await?;
    }
    context.registry.evict_idle(std::time::Instant::now());
    Ok(())
}
