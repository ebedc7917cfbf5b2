//! Tells a long run whether it keeps others from being served, so that it can hand its lane back between two batches.
//! A hint: whoever gives way settles with [`crate::Outcome::HandedBack`], and the next claim decides who comes. Reads only.

use std::time::Duration;

use sqlx::PgPool;

use crate::claim::Claim;
use crate::claim_filter::ClaimFilter;
use crate::error::Result;
use crate::turns::Turns;

/// What has been due for less than this an idle worker is about to take: nobody has to give way to it.
const NOTICED_AFTER: Duration = Duration::from_millis(100);

/// Who would be served next if a run handed its lane back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waiting {
    /// Nobody, or only lanes of the same project that are no more urgent.
    Nobody,
    /// Another project's work, as urgent as the run's own.
    Equal,
    /// More urgent work, or a save in the run's own lane.
    Urgent,
}

/// Who waits for a worker of this `filter` while it is busy with `claim`.
///
/// # Errors
/// [`crate::QueueError::Database`] only. A lease that is lost has nobody waiting for it.
pub async fn who_waits(pool: &PgPool, claim: &Claim, filter: &ClaimFilter) -> Result<Waiting> {
    let places = Turns::default().places(&filter.distinct_hosts());
    let rank = sqlx::query_file_scalar!(
        "src/queries/who_waits.sql",
        claim.job_id,
        claim.fence,
        &places.levels,
        &places.hosts,
        &filter.kind_words() as &[&str],
        filter.projects.as_deref(),
        filter.default_limit(),
        NOTICED_AFTER.as_secs_f64(),
    )
    .fetch_one(pool)
    .await?;
    Ok(match rank {
        0 => Waiting::Nobody,
        1 => Waiting::Equal,
        _ => Waiting::Urgent,
    })
}
