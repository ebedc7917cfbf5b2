//! Decides what becomes of a lane when its run ends. Pure: settle.rs reads the row, writes the answer, and keeps both in
//! the transaction that checked the fence.
//! Never looks for dirty files to decide: after a wait for a lock only the locked row itself is current, and the
//! generations in it say all. A run that read its pages until one was empty has processed every mark its generation
//! covers, and each mark made since has moved the generation.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::settle::Outcome;

/// The columns the decision needs, read from the locked row.
#[derive(Clone, Copy)]
pub(crate) struct LeasedLane {
    pub(crate) dirty_generation: i64,
    pub(crate) claimed_generation: i64,
    pub(crate) done_generation: i64,
    pub(crate) attempt: i16,
    pub(crate) losses: i16,
    pub(crate) worker_id: i64,
    pub(crate) leased_at: DateTime<Utc>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Done,
    AgainReady,
    Retrying,
    Parked,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) state: &'static str,
    pub(crate) done_generation: i64,
    pub(crate) attempt: i16,
    pub(crate) losses: i16,
    /// None: the lane is due when the first request made during the run said.
    pub(crate) pause: Option<Duration>,
    pub(crate) verdict: Verdict,
}

pub(crate) fn decide(lane: &LeasedLane, outcome: &Outcome, wanted: bool) -> Next {
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
        Outcome::Interrupted { retry, .. } => {
            let losses = lane.losses + 1;
            let again = Next {
                attempt: lane.attempt - 1,
                losses,
                pause: Some(retry.pause_after_interruption(losses)),
                verdict: Verdict::Retrying,
                ..unchanged
            };
            match (losses >= retry.max_losses, more) {
                (false, _) => again,
                (true, true) => Next { losses: 0, ..again },
                (true, false) => Next {
                    state: "parked",
                    pause: None,
                    verdict: Verdict::Parked,
                    ..again
                },
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry_policy::RetryPolicy;

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
    fn a_server_that_goes_away_costs_no_attempt_and_parks_only_after_many_times() {
        let away = Outcome::Interrupted {
            error: "the server is away".into(),
            retry: RetryPolicy::default(),
        };
        let again = decide(&lane(7, 5), &away, false);
        assert_eq!((again.state, again.attempt, again.losses), ("ready", 4, 3));
        assert_eq!(again.pause, Some(Duration::from_secs(4)));
        let last = LeasedLane {
            losses: 19,
            ..lane(7, 1)
        };
        assert_eq!(decide(&last, &away, false).state, "parked");
        let asked = decide(
            &LeasedLane {
                dirty_generation: 8,
                ..last
            },
            &away,
            false,
        );
        assert_eq!((asked.state, asked.losses), ("ready", 0));
    }

    #[test]
    fn nothing_but_success_moves_the_done_generation() {
        let interrupted = Outcome::Interrupted {
            error: "away".into(),
            retry: RetryPolicy::default(),
        };
        for outcome in [
            Outcome::failed("no"),
            Outcome::HandedBack,
            Outcome::Cancelled,
            interrupted,
        ] {
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
