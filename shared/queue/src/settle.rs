//! Ends a run: writes what settle_decision.rs decided from the lane's own row, with the history, and extends the tickets,
//! all in the transaction that checked the fence. A run that succeeded and left nothing else to write takes the short
//! way of settle_many.rs. Never decides anything itself.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use crate::claim::Claim;
use crate::dirty_files::{DirtyFile, columns};
use crate::enqueue::ready_rebuild;
use crate::error::Result;
use crate::extend_tickets::{extend_by_marked_lanes, extend_tickets, has_live_tickets};
use crate::lane::JobKind;
use crate::remove::{forget_repository, release_lanes};
use crate::retry_policy::RetryPolicy;
use crate::settle_decision::{LeasedLane, Next, Verdict, decide};
use crate::settle_many::{Succeeded, is_plain, settle_plain};
use crate::wakeup;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything the claim's generation covers is done. For `index_files`: all pages were read and processed.
    Succeeded,
    /// It could not be done now. The lane is tried again, later each time, and parked after too many failures.
    Failed {
        /// Why, for the person who will look; kept until the lane succeeds.
        error: String,
        /// How often and how soon it is tried again.
        retry: RetryPolicy,
    },
    /// The worker stops, or yields a long lane after a share of it: ready again at once, behind what was due before,
    /// and not counted as an attempt.
    HandedBack,
    /// A heartbeat said that nobody waits for the run any more.
    Cancelled,
    /// The database server went away under the run, or had no room for it: no fault of the job. Tried again later each
    /// time like a failure, and counted with the deaths of its workers, of which many more are allowed.
    Interrupted {
        /// What the server said; kept until the lane succeeds.
        error: String,
        /// How often and how soon it is tried again.
        retry: RetryPolicy,
    },
}

impl Outcome {
    /// A failure with the usual policy.
    pub fn failed(error: impl Into<String>) -> Self {
        Outcome::Failed {
            error: error.into(),
            retry: RetryPolicy::default(),
        }
    }

    fn as_str(&self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed { .. } => "failed",
            Outcome::HandedBack => "handed_back",
            Outcome::Cancelled => "cancelled",
            Outcome::Interrupted { .. } => "interrupted",
        }
    }

    fn error(&self) -> Option<&str> {
        match self {
            Outcome::Failed { error, .. } | Outcome::Interrupted { error, .. } => Some(error),
            Outcome::Succeeded | Outcome::HandedBack | Outcome::Cancelled => None,
        }
    }
}

/// What a run asks for when it succeeds. The tickets it served wait for that too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FollowUp {
    /// So much was loaded that the project's vector index is to be built anew.
    pub rebuild_vector_index: bool,
}

/// What became of the lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Nothing waits in it.
    Done,
    /// It runs again: something was asked for during the run, or the run was handed back.
    AgainReady,
    /// It failed and is tried again.
    Retrying {
        /// When, by the database's clock.
        at: DateTime<Utc>,
    },
    /// It failed too often and stands until somebody asks anew.
    Parked,
    /// The lease was lost before; nothing was written.
    LeaseLost,
}

/// Ends the run of a claim. `processed`: files brought into the index and not yet dropped with
/// [`crate::drop_dirty`]; they are dropped whatever the outcome. `counts`: for the history and for people.
pub async fn settle(
    pool: &PgPool,
    claim: &Claim,
    processed: &[DirtyFile],
    outcome: Outcome,
    counts: Value,
    follow_up: FollowUp,
) -> Result<Settled> {
    let says_nothing_else = processed.is_empty() && follow_up == FollowUp::default() && is_plain(claim);
    if outcome == Outcome::Succeeded && says_nothing_else {
        let run = Succeeded {
            claim,
            counts: counts.clone(),
        };
        // None: somebody holds the lane's row at this moment, or the lease is lost; the long way waits and tells.
        if let Some(settled) = settle_plain(pool, &[run]).await?.remove(&claim.job_id) {
            return Ok(settled);
        }
    }
    let mut transaction = pool.begin().await?;
    let Some(lane) = lock_leased(&mut transaction, claim).await? else {
        return Ok(Settled::LeaseLost);
    };
    let wanted = outcome == Outcome::Cancelled && has_live_tickets(&mut transaction, claim.job_id).await?;
    let mut next = decide(&lane, &outcome, wanted);
    let run_at = write(&mut transaction, claim, &lane, &outcome, &next, counts).await?;
    let succeeded = outcome == Outcome::Succeeded;
    match (claim.lane.kind, claim.lane.repository_id) {
        (JobKind::SyncRepository, Some(repository_id)) if succeeded => {
            extend_by_marked_lanes(&mut transaction, claim, &lane, repository_id).await?;
        }
        (JobKind::RemoveRepository, Some(repository_id)) if succeeded => {
            forget_repository(&mut transaction, claim.lane.project_id, repository_id).await?;
            // Asked for once more while it ran: there is nothing left to remove.
            next.verdict = Verdict::Done;
        }
        (JobKind::RemoveRepository, Some(repository_id)) if next.state == "idle" => {
            release_lanes(&mut transaction, claim.lane.project_id, repository_id).await?;
        }
        _ => {}
    }
    if succeeded && follow_up.rebuild_vector_index {
        let rebuild = ready_rebuild(&mut transaction, claim.lane.project_id).await?;
        extend_tickets(&mut transaction, claim, &lane, &rebuild.job_ids).await?;
        wakeup::announce(&mut transaction, rebuild.began, true).await?;
    }
    if !processed.is_empty() {
        drop_processed(&mut transaction, claim, processed).await?;
    }
    transaction.commit().await?;
    Ok(match next.verdict {
        Verdict::Done => Settled::Done,
        Verdict::AgainReady => Settled::AgainReady,
        Verdict::Retrying => Settled::Retrying { at: run_at },
        Verdict::Parked => Settled::Parked,
    })
}

async fn lock_leased(connection: &mut PgConnection, claim: &Claim) -> Result<Option<LeasedLane>> {
    let lane = sqlx::query_as!(
        LeasedLane,
        r#"select dirty_generation, claimed_generation, done_generation, attempt, losses,
               worker_id as "worker_id!", leased_at as "leased_at!"
           from jobs
           where id = $1
               and fence = $2
               and state = 'leased'
           for no key update"#,
        claim.job_id,
        claim.fence,
    )
    .fetch_optional(connection)
    .await?;
    Ok(lane)
}

async fn write(
    connection: &mut PgConnection,
    claim: &Claim,
    lane: &LeasedLane,
    outcome: &Outcome,
    next: &Next,
    counts: Value,
) -> Result<DateTime<Utc>> {
    let counts = if counts.is_null() {
        Value::Object(serde_json::Map::new())
    } else {
        counts
    };
    let run_at = sqlx::query_file_scalar!(
        "src/queries/settle.sql",
        claim.job_id,
        next.state,
        next.done_generation,
        next.attempt,
        next.losses,
        // A full sync that was cancelled for good does not make the next one full.
        *outcome != Outcome::Succeeded && next.state != "idle",
        next.pause.map(|pause| pause.as_secs_f64()),
        outcome.as_str(),
        outcome.error(),
        lane.attempt,
        lane.worker_id,
        lane.leased_at,
        counts,
    )
    .fetch_one(connection)
    .await?;
    Ok(run_at)
}

/// Last in the transaction: the lane first, then tickets, then dirty files.
async fn drop_processed(connection: &mut PgConnection, claim: &Claim, processed: &[DirtyFile]) -> Result<()> {
    let (paths, revisions) = columns(processed);
    sqlx::query!(
        r#"delete from dirty_files
           using unnest($3::text[], $4::bigint[]) as processed (path, revision)
           where dirty_files.repository_id = $1
               and dirty_files.shard = $2
               and dirty_files.path = processed.path collate "C"
               and dirty_files.revision = processed.revision"#,
        claim.lane.repository_id,
        claim.lane.shard,
        &paths as &[&str],
        &revisions,
    )
    .execute(connection)
    .await?;
    Ok(())
}
