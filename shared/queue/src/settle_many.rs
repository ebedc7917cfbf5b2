//! Settles runs that succeeded and left nothing else to write, many in one statement: small jobs then cost a round trip
//! and a commit per batch instead of four per job. What has more to say goes through settle.rs, one by one.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::PgPool;

use crate::claim::Claim;
use crate::error::Result;
use crate::lane::JobKind;
use crate::settle::{FollowUp, Outcome, Settled, settle};

/// A run that did everything its claim's generation covers.
#[derive(Clone, Debug)]
pub struct Succeeded<'a> {
    /// What was run.
    pub claim: &'a Claim,
    /// For the history and for people.
    pub counts: Value,
}

/// Ends many runs that succeeded, whose files are dropped ([`crate::drop_dirty`]) and which ask for nothing more. Says
/// what became of each, in the order given. One statement ends them all, but for syncs and removals, whose end
/// concerns other lanes, and for lanes whose row somebody holds at that moment: those follow one by one.
///
/// # Errors
/// [`crate::QueueError::Database`]: those of the one statement are then all settled or all not, of the others some may
/// be. Settling again is safe: what is settled already answers [`Settled::LeaseLost`].
pub async fn settle_many(pool: &PgPool, runs: &[Succeeded<'_>]) -> Result<Vec<Settled>> {
    let plain: Vec<Succeeded<'_>> = runs.iter().filter(|run| is_plain(run.claim)).cloned().collect();
    let mut ended = settle_plain(pool, &plain).await?;
    let mut settled = Vec::with_capacity(runs.len());
    for run in runs {
        settled.push(match ended.remove(&run.claim.job_id) {
            Some(settled) => settled,
            None => {
                let counts = run.counts.clone();
                settle(pool, run.claim, &[], Outcome::Succeeded, counts, FollowUp::default()).await?
            }
        });
    }
    Ok(settled)
}

/// Whether the end of the claim's run concerns its own lane only.
pub(crate) fn is_plain(claim: &Claim) -> bool {
    matches!(
        claim.lane.kind,
        JobKind::IndexFiles | JobKind::RebuildVectorIndex | JobKind::ChangeModel
    )
}

/// Settles, by lane, those whose lease stands and whose row is free.
pub(crate) async fn settle_plain(pool: &PgPool, runs: &[Succeeded<'_>]) -> Result<HashMap<i64, Settled>> {
    let job_ids: Vec<i64> = runs.iter().map(|run| run.claim.job_id).collect();
    let fences: Vec<i64> = runs.iter().map(|run| run.claim.fence).collect();
    let counts: Vec<Value> = runs.iter().map(|run| run.counts.clone()).collect();
    let ended = sqlx::query_file!("src/queries/settle_plain.sql", &job_ids, &fences, &counts)
        .fetch_all(pool)
        .await?;
    let verdict = |again| if again { Settled::AgainReady } else { Settled::Done };
    Ok(ended.into_iter().map(|lane| (lane.id, verdict(lane.again))).collect())
}
