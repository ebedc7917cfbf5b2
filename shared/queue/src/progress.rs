//! How far a run is. Unlogged and at most one write a second per run: progress may be lost, work may not.
//! Read by ticket.rs and overview.rs; never used to decide anything.

use std::time::{Duration, Instant};

use serde::Serialize;
use sqlx::PgPool;

use crate::claim::Claim;
use crate::error::Result;

/// Between two reports of one run.
pub const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What it is doing, in a word.
    pub stage: String,
    /// How much of it is done, in the stage's own unit.
    pub done: i64,
    /// Out of how much, when that is known.
    pub total: Option<i64>,
}

impl Progress {
    pub(crate) fn from_columns(stage: Option<String>, done: Option<i64>, total: Option<i64>) -> Option<Self> {
        Some(Self {
            stage: stage?,
            done: done?,
            total,
        })
    }
}

/// Says when a run may report again. One per run, kept by whoever reports.
#[derive(Debug, Default)]
pub struct ReportPace {
    last: Option<Instant>,
}

impl ReportPace {
    /// True at most once per [`REPORT_INTERVAL`], and the first time.
    pub fn due(&mut self, now: Instant) -> bool {
        let due = self
            .last
            .is_none_or(|last| now.saturating_duration_since(last) >= REPORT_INTERVAL);
        if due {
            self.last = Some(now);
        }
        due
    }
}

/// Says how far the run of a claim is. Ask [`ReportPace`] first. A report of an earlier run is ignored.
pub async fn report_progress(pool: &PgPool, claim: &Claim, stage: &str, done: i64, total: Option<i64>) -> Result<()> {
    sqlx::query!(
        "insert into progress (job_id, fence, stage, done, total)
         values ($1, $2, $3, $4, $5)
         on conflict (job_id) do update set
             fence = excluded.fence,
             stage = excluded.stage,
             done = excluded.done,
             total = excluded.total,
             updated_at = clock_timestamp()
         where progress.fence <= excluded.fence",
        claim.job_id,
        claim.fence,
        stage,
        done,
        total,
    )
    .execute(pool)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_reports_at_once_and_then_once_a_second() {
        let start = Instant::now();
        let mut pace = ReportPace::default();
        let due = [0, 400, 999, 1_000, 1_500, 2_100].map(|ms| pace.due(start + Duration::from_millis(ms)));
        assert_eq!(due, [true, false, false, true, false, true]);
    }
}
