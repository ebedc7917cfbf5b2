//! Claims jobs, runs them under a lease and settles them. One runner per process; as many processes as you like.
//! Knows no kind of job: see jobs/.

mod pulse;
mod upkeep;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use quarry_queue::{Claim, ClaimFilter, FollowUp, Outcome, RetryPolicy, Settled, WakeUp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use self::pulse::Pulse;
use self::upkeep::Upkeep;
use crate::context::Context;
use crate::jobs::{self, JobError};

/// How long running jobs may go on after the first signal before they are handed back.
const GRACE: Duration = Duration::from_secs(5);

/// A database that does not answer is asked again after this.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// Works off the queue until told to stop.
pub struct Runner {
    context: Context,
    concurrency: usize,
    filter: ClaimFilter,
    idle_exit: Option<Duration>,
}

impl Runner {
    /// A runner that holds up to `concurrency` jobs at a time.
    #[must_use]
    pub fn new(context: Context, concurrency: usize) -> Runner {
        let filter = ClaimFilter::everything(&context.host);
        Runner {
            context,
            concurrency: concurrency.max(1),
            filter,
            idle_exit: None,
        }
    }

    /// Limits the runner to one project.
    #[must_use]
    pub fn for_project(mut self, project: uuid::Uuid) -> Runner {
        self.filter.projects = Some(vec![project]);
        self
    }

    /// Ends the runner after so long without work.
    #[must_use]
    pub fn with_idle_exit(mut self, idle_exit: Option<Duration>) -> Runner {
        self.idle_exit = idle_exit;
        self
    }

    /// Runs until `stop` is cancelled; then lets running jobs finish within a grace period and hands back the others.
    ///
    /// # Errors
    /// When the worker cannot be registered. Later failures of the database are waited out.
    pub async fn run(&self, stop: CancellationToken) -> Result<()> {
        let queue = self.context.registry.pool().clone();
        let pulse = Pulse::start(&self.context).await.context("register this worker")?;
        let upkeep = Upkeep::start(&self.context);
        let mut wake_up = WakeUp::listen(&queue);
        let mut running: JoinSet<i64> = JoinSet::new();
        let mut last_work = Instant::now();
        while !stop.is_cancelled() && !self.is_idle_for_too_long(last_work, &running) {
            let free = self.concurrency - running.len();
            // A database that does not answer must not keep the process from stopping. A claim that this cuts off goes back
            // when the worker retires.
            let claims = tokio::select! {
                claims = self.claim(&pulse, free) => claims,
                () = stop.cancelled() => break,
            };
            if !claims.is_empty() {
                last_work = Instant::now();
            }
            for claim in claims {
                let held = pulse.watch(&claim);
                running.spawn(run_and_settle(self.context.clone(), claim, held));
            }
            let is_full = running.len() >= self.concurrency;
            let due = tokio::select! {
                due = self.next_due(is_full) => due,
                () = stop.cancelled() => break,
            };
            tokio::select! {
                Some(ended) = running.join_next() => {
                    last_work = Instant::now();
                    pulse.forget(ended);
                }
                _ = wake_up.wait(due.unwrap_or_else(|| Instant::now() + quarry_queue::POLL_INTERVAL)), if !is_full => {}
                () = stop.cancelled() => {}
            }
        }
        upkeep.abort();
        let finish = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, finish).await.is_err() {
            pulse.stop_all();
            while running.join_next().await.is_some() {}
        }
        pulse.retire().await;
        Ok(())
    }

    fn is_idle_for_too_long(&self, last_work: Instant, running: &JoinSet<i64>) -> bool {
        running.is_empty() && self.idle_exit.is_some_and(|limit| last_work.elapsed() >= limit)
    }

    async fn claim(&self, pulse: &Pulse, free: usize) -> Vec<Claim> {
        if free == 0 {
            return Vec::new();
        }
        match quarry_queue::claim(self.context.registry.pool(), &pulse.worker(), &self.filter, free).await {
            Ok(claims) => claims,
            Err(error) => {
                tracing::warn!("claim jobs: {:#}", anyhow::Error::from(error));
                tokio::time::sleep(RECONNECT_PAUSE).await;
                Vec::new()
            }
        }
    }

    async fn next_due(&self, is_full: bool) -> Option<Instant> {
        if is_full {
            return None;
        }
        // A failure shows in the next claim.
        let due = quarry_queue::next_due(self.context.registry.pool(), &self.filter)
            .await
            .ok()??;
        Some(Instant::now() + due)
    }
}

/// Runs one claim to its settlement and returns its job's id.
async fn run_and_settle(context: Context, claim: Claim, held: Arc<pulse::Held>) -> i64 {
    let span = tracing::info_span!(
        "job",
        job.id = claim.job_id,
        job.kind = claim.lane.kind.as_str(),
        project.id = %claim.lane.project_id,
        attempt = claim.attempt
    );
    let id = claim.job_id;
    work(&context, &claim, &held).instrument(span).await;
    id
}

async fn work(context: &Context, claim: &Claim, held: &pulse::Held) {
    let started = Instant::now();
    let kind = claim.lane.kind.as_str();
    let (outcome, counts, follow_up) = match jobs::run(context, claim, held.stop.clone()).await {
        Ok(finished) => {
            let counts = serde_json::to_value(&finished.counts).unwrap_or_default();
            let duration_ms = started.elapsed().as_millis();
            tracing::info!(%duration_ms, files = finished.counts.files_indexed, "{kind} done in {duration_ms} ms");
            let follow_up = FollowUp {
                rebuild_vector_index: finished.wants_vector_index,
            };
            (Outcome::Succeeded, counts, follow_up)
        }
        Err(error) => {
            let Some(outcome) = outcome_of(error, context, kind, held) else {
                return;
            };
            (
                outcome,
                serde_json::Value::Object(serde_json::Map::new()),
                FollowUp::default(),
            )
        }
    };
    let failure = match &outcome {
        Outcome::Failed { error, .. } => Some(error.clone()),
        _ => None,
    };
    let queue = context.registry.pool();
    let settled = match quarry_queue::settle(queue, claim, &[], outcome, counts, follow_up).await {
        Ok(settled) => settled,
        Err(error) => {
            // The lease runs out by itself and somebody else takes the lane up.
            tracing::warn!("settle the job: {:#}", anyhow::Error::from(error));
            return;
        }
    };
    let parked = failure.filter(|_| matches!(settled, Settled::Parked | Settled::Retrying { .. }));
    if let Err(error) = jobs::note_settlement(context, claim, parked.as_deref(), started).await {
        tracing::debug!("note the outcome: {error}");
    }
}

/// How the lane is settled after an error; none when it is not ours any more.
fn outcome_of(error: JobError, context: &Context, kind: &str, held: &pulse::Held) -> Option<Outcome> {
    let retry = RetryPolicy {
        max_attempts: context.max_attempts,
        ..RetryPolicy::default()
    };
    match error {
        JobError::LeaseLost => {
            tracing::warn!("{kind} lost its lease; its work goes on elsewhere");
            None
        }
        JobError::Stopped if held.is_lost() => None,
        JobError::Stopped if held.is_cancelled() => Some(Outcome::Cancelled),
        JobError::Stopped => Some(Outcome::HandedBack),
        JobError::Permanent(reason) => {
            tracing::warn!("{kind} cannot be done: {reason}");
            Some(Outcome::Failed {
                error: reason,
                retry: RetryPolicy {
                    max_attempts: 1,
                    ..retry
                },
            })
        }
        JobError::Transient(cause) => {
            tracing::warn!("{kind} failed: {cause:#}");
            Some(Outcome::Failed {
                error: format!("{cause:#}"),
                retry,
            })
        }
    }
}
