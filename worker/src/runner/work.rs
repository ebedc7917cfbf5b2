//! Runs one claim to its settlement: what a job returned or failed with becomes the lane's outcome, with what it had done by
//! then. Claims nothing: see mod.rs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quarry_queue::{Claim, ClaimFilter, FollowUp, Outcome, RetryPolicy, Settled};
use serde_json::{Map, Value};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::pulse::Held;
use crate::context::Context;
use crate::jobs::{self, Afterwards, Ended, JobError};
use crate::pipeline::Counts;

/// A server that restarts takes seconds, and this costs it one statement.
const SETTLE_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Runs one claim to its settlement and returns its job's id.
pub(super) async fn run_and_settle(context: Context, filter: Arc<ClaimFilter>, claim: Claim, held: Arc<Held>) -> i64 {
    let span = tracing::info_span!(
        "job",
        job.id = claim.job_id,
        job.kind = claim.lane.kind.as_str(),
        project.id = %claim.lane.project_id,
        attempt = claim.attempt
    );
    let id = claim.job_id;
    work(&context, &filter, &claim, &held).instrument(span).await;
    id
}

async fn work(context: &Context, filter: &Arc<ClaimFilter>, claim: &Claim, held: &Held) {
    let started = Instant::now();
    let kind = claim.lane.kind.as_str();
    let Ended { counts, result } = tokio::select! {
        ended = run(context, filter, claim, held) => ended,
        // Nothing it still does may be published. What it waits for, perhaps a connection that died, is not waited for.
        () = held.lost() => Ended { counts: Counts::default(), result: Err(JobError::LeaseLost) },
    };
    let (outcome, follow_up) = match result {
        Ok(afterwards) => {
            let duration_ms = started.elapsed().as_millis();
            let files = counts.files_indexed;
            match afterwards {
                Afterwards::RestOfLane => {
                    tracing::info!(%duration_ms, files, "{kind} gave way to others after {duration_ms} ms");
                    (Outcome::HandedBack, FollowUp::default())
                }
                Afterwards::Nothing | Afterwards::RebuildVectorIndex => {
                    tracing::info!(%duration_ms, files, "{kind} done in {duration_ms} ms");
                    let rebuild_vector_index = afterwards == Afterwards::RebuildVectorIndex;
                    (Outcome::Succeeded, FollowUp { rebuild_vector_index })
                }
            }
        }
        Err(error) => {
            let Some(outcome) = outcome_of(error, context, kind, held) else {
                return;
            };
            (outcome, FollowUp::default())
        }
    };
    let failure = match &outcome {
        Outcome::Failed { error, .. } | Outcome::Interrupted { error, .. } => Some(error.clone()),
        _ => None,
    };
    let Some(settled) = settle(context, claim, held, &outcome, as_json(&counts), follow_up).await else {
        return;
    };
    let parked = failure.filter(|_| matches!(settled, Settled::Parked | Settled::Retrying { .. }));
    if let Err(error) = jobs::note_settlement(context, claim, parked.as_deref(), started).await {
        tracing::debug!("note the outcome: {error}");
    }
}

/// In a task of its own: a job that panics fails, with what it said, instead of leaving its lane leased and unworked.
async fn run(context: &Context, filter: &Arc<ClaimFilter>, claim: &Claim, held: &Held) -> Ended {
    let mut task = JoinSet::new();
    let (context, filter, claim, signals) = (context.clone(), filter.clone(), claim.clone(), held.signals.clone());
    task.spawn(async move { jobs::run(&context, &filter, &claim, signals).await }.in_current_span());
    match task.join_next().await.expect("one task was started") {
        Ok(ended) => ended,
        Err(error) => Ended {
            counts: Counts::default(),
            result: Err(JobError::Transient(
                anyhow::Error::from(error).context("the job panicked"),
            )),
        },
    }
}

/// Tries on while the server is in trouble and the lease lasts: a run whose end nobody hears of would be done once more.
/// None: somebody else takes the lane up; one that is still leased goes back with a heartbeat.
async fn settle(
    context: &Context,
    claim: &Claim,
    held: &Held,
    outcome: &Outcome,
    counts: Value,
    follow_up: FollowUp,
) -> Option<Settled> {
    let queue = context.registry.pool();
    loop {
        let settling = quarry_queue::settle(queue, claim, &[], outcome.clone(), counts.clone(), follow_up);
        let settled = tokio::select! {
            settled = tokio::time::timeout(context.lease, settling) => settled,
            () = held.lost() => return None,
        };
        match settled {
            Ok(Ok(settled)) => return Some(settled),
            Ok(Err(error)) if quarry_registry::is_server_trouble(&error) => {
                tracing::warn!("settle the job, trying on: {:#}", anyhow::Error::from(error));
            }
            Ok(Err(error)) => {
                tracing::error!("settle the job: {:#}", anyhow::Error::from(error));
                return None;
            }
            Err(_) => tracing::warn!("settle the job, trying on: the database does not answer"),
        }
        tokio::time::sleep(SETTLE_AGAIN_AFTER).await;
    }
}

/// How the lane is settled after an error; none when it is not ours any more.
fn outcome_of(error: JobError, context: &Context, kind: &str, held: &Held) -> Option<Outcome> {
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
        JobError::Transient(cause) if quarry_registry::is_server_trouble(&*cause) => {
            tracing::warn!("{kind} was interrupted: {cause:#}");
            Some(Outcome::Interrupted {
                error: format!("{cause:#}"),
                retry,
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

/// Nothing rather than a row of zeros: most runs that end early have done nothing.
fn as_json(counts: &Counts) -> Value {
    if *counts == Counts::default() {
        return Value::Object(Map::new());
    }
    serde_json::to_value(counts).expect("numbers are always writable as JSON")
}
