//! Ends a run: decides from the lane's own row what becomes of the lane, writes the history and extends the tickets.
//! The decision is pure and tested below; everything is written in the transaction that checked the fence.
//! Never looks for dirty files to decide: after a wait for a lock only the locked row itself is current, and the
//! generations in it say all. A run that read its pages until one was empty has processed every mark its generation
//! covers, and each mark made since has moved the generation.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::claim::Claim;
use crate::dirty_files::{DirtyFile, columns};
use crate::enqueue::ready_rebuild;
use crate::error::Result;
use crate::lane::JobKind;
use crate::remove::{forget_repository, release_lanes};
use crate::retry_policy::RetryPolicy;
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

/// The columns the decision needs, read from the locked row.
#[derive(Clone, Copy)]
struct LeasedLane {
    dirty_generation: i64,
    claimed_generation: i64,
    done_generation: i64,
    attempt: i16,
    losses: i16,
    worker_id: i64,
    leased_at: DateTime<Utc>,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Done,
    AgainReady,
    Retrying,
    Parked,
}

#[derive(Debug, PartialEq, Eq)]
struct Next {
    state: &'static str,
    done_generation: i64,
    attempt: i16,
    losses: i16,
    /// None: the lane is due when the first request made during the run said.
    pause: Option<Duration>,
    verdict: Verdict,
}

fn decide(lane: &LeasedLane, outcome: &Outcome, wanted: bool) -> Next {
    let more = lane.dirty_generation > lane.claimed_generation;
    let unchanged = Next {
        state: "ready",
        done_generation: lane.done_generation,
        attempt: lane.attempt,
        losses: lane.losses,
        pause: None,
        verdict: Verdict::AgainReady,
    };
    match outcome {
        Outcome::Succeeded => Next {
            state: if more { "ready" } else { "idle" },
            done_generation: lane.claimed_generation,
            attempt: 0,
            losses: 0,
            verdict: if more { Verdict::AgainReady } else { Verdict::Done },
            ..unchanged
        },
        Outcome::HandedBack => Next {
            attempt: lane.attempt - 1,
            pause: Some(Duration::ZERO),
            ..unchanged
        },
        Outcome::Cancelled if more => Next {
            attempt: 0,
            ..unchanged
        },
        // Somebody came to wait for the very generation that was being cancelled.
        Outcome::Cancelled if wanted => Next {
            attempt: lane.attempt - 1,
            pause: Some(Duration::ZERO),
            ..unchanged
        },
        Outcome::Cancelled => Next {
            state: "idle",
            attempt: 0,
            verdict: Verdict::Done,
            ..unchanged
        },
        Outcome::Failed { retry, .. } => {
            let pause = Some(retry.pause_after(lane.attempt));
            let exhausted = lane.attempt >= retry.max_attempts;
            match (exhausted, more) {
                (false, _) => Next {
                    pause,
                    verdict: Verdict::Retrying,
                    ..unchanged
                },
                // A request made during the run is a new request: it would have un-parked the lane a moment later.
                // It waits out the pause all the same, so that saving in a loop does not fail in a loop.
                (true, true) => Next {
                    attempt: 0,
                    pause,
                    verdict: Verdict::Retrying,
                    ..unchanged
                },
                (true, false) => Next {
                    state: "parked",
                    verdict: Verdict::Parked,
                    ..unchanged
                },
            }
        }
    }
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
    let error = match outcome {
        Outcome::Failed { error, .. } => Some(error.as_str()),
        _ => None,
    };
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
        error,
        lane.attempt,
        lane.worker_id,
        lane.leased_at,
        counts,
    )
    .fetch_one(connection)
    .await?;
    Ok(run_at)
}

/// A sync is done when what it marked is done: its tickets come to wait for the index lanes. Also for a rebuild of
/// the project that one of those lanes asked for before the sync settled.
async fn extend_by_marked_lanes(
    connection: &mut PgConnection,
    claim: &Claim,
    lane: &LeasedLane,
    repository_id: Uuid,
) -> Result<()> {
    let mut lanes = lock_index_lanes(connection, claim.lane.project_id, repository_id).await?;
    // A cancelled ticket may have left lanes idle with files in them; this sync promises that all of it gets indexed.
    sqlx::query!(
        "update jobs
         set state = 'ready',
             run_at = clock_timestamp(),
             waiting_since = clock_timestamp()
         where id = any ($1)
             and state = 'idle'
             and dirty_generation > done_generation",
        &lanes,
    )
    .execute(&mut *connection)
    .await?;
    let rebuild = sqlx::query_scalar!(
        "select id
         from jobs
         where project_id = $1
             and repository_id is null
             and kind = 'rebuild_vector_index'
             and state in ('ready', 'leased')",
        claim.lane.project_id,
    )
    .fetch_optional(&mut *connection)
    .await?;
    lanes.extend(rebuild);
    extend_tickets(connection, claim, lane, &lanes).await
}

/// A statement of its own: one that locks and updates at once computes the new rows from its old snapshot first, and
/// Postgres checks the constraints on those before it notices that the rows have changed.
async fn lock_index_lanes(connection: &mut PgConnection, project_id: Uuid, repository_id: Uuid) -> Result<Vec<i64>> {
    let lanes = sqlx::query_scalar!(
        "select id
         from jobs
         where project_id = $1
             and repository_id = $2
             and kind = 'index_files'
         order by shard
         for no key update",
        project_id,
        repository_id,
    )
    .fetch_all(connection)
    .await?;
    Ok(lanes)
}

async fn extend_tickets(
    connection: &mut PgConnection,
    claim: &Claim,
    lane: &LeasedLane,
    job_ids: &[i64],
) -> Result<()> {
    if job_ids.is_empty() {
        return Ok(());
    }
    sqlx::query_file!(
        "src/queries/extend_tickets.sql",
        claim.job_id,
        lane.done_generation,
        lane.claimed_generation,
        job_ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a ticket that nobody cancelled waits for something this lane has not done. Exact under the lane's lock:
/// tickets come to wait for a lane only in transactions that hold it.
pub(crate) async fn has_live_tickets(connection: &mut PgConnection, job_id: i64) -> Result<bool> {
    let wanted = sqlx::query_scalar!(
        r#"select exists (
               select
               from jobs
               join ticket_waits on ticket_waits.job_id = jobs.id
               join tickets on tickets.id = ticket_waits.ticket_id
               where jobs.id = $1
                   and ticket_waits.generation > jobs.done_generation
                   and tickets.cancelled_at is null
           ) as "wanted!""#,
        job_id,
    )
    .fetch_one(connection)
    .await?;
    Ok(wanted)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(dirty_generation: i64, attempt: i16) -> LeasedLane {
        LeasedLane {
            dirty_generation,
            claimed_generation: 7,
            done_generation: 6,
            attempt,
            losses: 2,
            worker_id: 1,
            leased_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn success_serves_the_claimed_generation_only() {
        let quiet = decide(&lane(7, 3), &Outcome::Succeeded, false);
        assert_eq!(
            (quiet.state, quiet.done_generation, quiet.attempt, quiet.losses),
            ("idle", 7, 0, 0)
        );
        let marked = decide(&lane(8, 3), &Outcome::Succeeded, false);
        assert_eq!((marked.state, marked.done_generation), ("ready", 7));
    }

    #[test]
    fn the_last_failure_parks_unless_somebody_asked_meanwhile() {
        let failed = Outcome::failed("no");
        assert_eq!(decide(&lane(7, 4), &failed, false).verdict, Verdict::Retrying);
        assert_eq!(decide(&lane(7, 5), &failed, false).state, "parked");
        let asked = decide(&lane(8, 5), &failed, false);
        assert_eq!(
            (asked.state, asked.attempt, asked.pause),
            ("ready", 0, Some(Duration::from_secs(16)))
        );
    }

    #[test]
    fn nothing_but_success_moves_the_done_generation() {
        for outcome in [Outcome::failed("no"), Outcome::HandedBack, Outcome::Cancelled] {
            assert_eq!(decide(&lane(7, 1), &outcome, false).done_generation, 6, "{outcome:?}");
        }
    }

    #[test]
    fn a_cancelled_run_that_somebody_came_to_wait_for_is_ready_again() {
        assert_eq!(decide(&lane(7, 1), &Outcome::Cancelled, true).state, "ready");
        assert_eq!(decide(&lane(7, 1), &Outcome::Cancelled, false).state, "idle");
    }

    #[test]
    fn handing_back_is_not_an_attempt() {
        let next = decide(&lane(7, 3), &Outcome::HandedBack, false);
        assert_eq!(
            (next.state, next.attempt, next.pause),
            ("ready", 2, Some(Duration::ZERO))
        );
    }
}
