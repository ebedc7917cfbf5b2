//! Claiming, reading, dropping, beating, dying and settling: by the queue and by the model.

use std::collections::BTreeMap;
use std::time::Duration;

use quarry_queue::*;
use serde_json::json;

use super::state::{ModelLane, REMOVAL, Run, SYNC, State, forget};
use super::steps::End;
use super::{History, new_worker};
use crate::support::*;

/// Small, so that histories reach the ends.
const POLICY: RetryPolicy = RetryPolicy {
    max_attempts: 3,
    max_losses: 4,
    first_pause: Duration::ZERO,
    longest_pause: Duration::ZERO,
};

impl History<'_> {
    pub(super) async fn claim(&mut self, limit: usize) {
        let due = self.lanes.values().filter(|lane| lane.state == State::Ready).count();
        let mut claims = claim(&self.bench.pool, &self.worker, &ClaimFilter::everything(HOST), limit)
            .await
            .unwrap();
        claims.sort_by_key(|claim| claim.fence);
        assert_eq!(claims.len(), due.min(limit), "everything ready is due");
        for claim in claims {
            let key = (claim.lane.kind, claim.lane.shard);
            let lane = self.lanes.get_mut(&key).unwrap();
            assert_eq!(lane.state, State::Ready, "two leases on one lane");
            (lane.state, lane.claimed, lane.attempt) = (State::Leased, lane.dirty, lane.attempt + 1);
            lane.cancel_requested = false;
            assert_eq!((claim.generation, claim.attempt), (lane.claimed, lane.attempt));
            assert!(self.runs.iter().all(|run| run.claim.fence < claim.fence));
            self.runs.push(Run {
                claim,
                key,
                read: vec![],
                read_saves: BTreeMap::new(),
                zombie: false,
            });
        }
    }

    pub(super) async fn read(&mut self, run: usize) {
        let run = &mut self.runs[run];
        if run.key.0 != JobKind::IndexFiles {
            return;
        }
        run.read = dirty_files(&self.bench.pool, &run.claim, None, 100).await.unwrap();
        run.read_saves = self
            .lanes
            .get(&run.key)
            .map(|lane| lane.files.clone())
            .unwrap_or_default();
        assert!(run.read.iter().map(|file| &file.path).eq(run.read_saves.keys()));
    }

    pub(super) async fn drop_half(&mut self, run: usize) {
        let run = &mut self.runs[run];
        let half = &run.read[..run.read.len() / 2];
        let held = drop_dirty(&self.bench.pool, &run.claim, half).await.unwrap();
        assert_eq!(held, !run.zombie);
        if held {
            forget(self.lanes.get_mut(&run.key).unwrap(), half, &run.read_saves);
        }
    }

    pub(super) async fn beat(&self) {
        let beat = heartbeat(&self.bench.pool, &self.worker).await.unwrap();
        assert!(beat.alive);
        let mut told: Vec<(i64, bool)> = beat
            .leases
            .iter()
            .map(|lease| (lease.fence, lease.cancel_requested))
            .collect();
        told.sort_unstable();
        let held = self.runs.iter().filter(|run| !run.zombie);
        let mut expected: Vec<(i64, bool)> = held
            .map(|run| (run.claim.fence, self.lanes[&run.key].cancel_requested))
            .collect();
        expected.sort_unstable();
        assert_eq!(told, expected);
    }

    pub(super) async fn die(&mut self) {
        self.bench.expire(&self.worker).await;
        let rescued = rescue(&self.bench.pool, &POLICY).await.unwrap();
        let mut lost = 0;
        for run in self.runs.iter_mut().filter(|run| !run.zombie) {
            run.zombie = true;
            lost += 1;
            let lane = self.lanes.get_mut(&run.key).unwrap();
            lane.lose();
            lane.state = if lane.losses >= POLICY.max_losses {
                State::Parked
            } else {
                State::Ready
            };
        }
        assert_eq!(rescued.lanes, lost);
        self.bench.make_all_due().await;
        self.worker = new_worker(self.bench).await;
    }

    pub(super) async fn settle(&mut self, run: usize, end: End, marked: &[String]) {
        // A run that succeeds has read every page; and a sync marks what it finds.
        if end == End::Succeeded {
            self.read(run).await;
        }
        let run = self.runs.swap_remove(run);
        if run.key == SYNC && marked.len() > 1 {
            let told = mark_dirty_from_sync(&self.bench.pool, &run.claim, marked, Priority::Bulk).await;
            assert_eq!(told.is_err(), run.zombie);
            if !run.zombie {
                self.mark(marked);
            }
        }
        let is_told = !run.zombie && self.lanes[&run.key].cancel_requested;
        let outcome = match end {
            End::Succeeded => Outcome::Succeeded,
            End::Failed => Outcome::Failed {
                error: "no".into(),
                retry: POLICY,
            },
            End::Interrupted => Outcome::Interrupted {
                error: "away".into(),
                retry: POLICY,
            },
            End::AsTold if is_told => Outcome::Cancelled,
            End::HandedBack | End::AsTold => Outcome::HandedBack,
        };
        let settled = settle(
            &self.bench.pool,
            &run.claim,
            &run.read,
            outcome.clone(),
            json!({}),
            FollowUp::default(),
        )
        .await
        .unwrap();
        let expected = if run.zombie {
            "LeaseLost"
        } else {
            self.apply(&run, &outcome)
        };
        let word = format!("{settled:?}");
        assert!(word.starts_with(expected), "{word} instead of {expected}: {outcome:?}");
    }

    /// What becomes of the lane, and the word that the caller is to be told.
    fn apply(&mut self, run: &Run, outcome: &Outcome) -> &'static str {
        let wanted = self.is_wanted(run.key);
        let lane = self.lanes.get_mut(&run.key).unwrap();
        let (served, more) = (lane.done + 1..=lane.claimed, lane.dirty > lane.claimed);
        forget(lane, &run.read, &run.read_saves);
        lane.cancel_requested = false;
        let word = match outcome {
            Outcome::Succeeded => {
                (lane.done, lane.attempt, lane.losses) = (lane.claimed, 0, 0);
                lane.state = if more { State::Ready } else { State::Idle };
                if more { "AgainReady" } else { "Done" }
            }
            Outcome::HandedBack => {
                (lane.state, lane.attempt) = (State::Ready, lane.attempt - 1);
                "AgainReady"
            }
            Outcome::Cancelled => {
                (lane.state, lane.attempt) = match (more, wanted) {
                    (true, _) => (State::Ready, 0),
                    (false, true) => (State::Ready, lane.attempt - 1),
                    (false, false) => (State::Idle, 0),
                };
                if more || wanted { "AgainReady" } else { "Done" }
            }
            Outcome::Failed { .. } => {
                let is_last = lane.attempt >= POLICY.max_attempts;
                if is_last && more {
                    lane.attempt = 0;
                }
                park_or_retry(lane, is_last && !more)
            }
            Outcome::Interrupted { .. } => {
                lane.lose();
                let is_last = lane.losses >= POLICY.max_losses;
                if is_last && more {
                    lane.losses = 0;
                }
                park_or_retry(lane, is_last && !more)
            }
        };
        let is_idle = lane.state == State::Idle;
        if *outcome == Outcome::Succeeded && run.key == SYNC {
            self.hand_tickets_on(&served);
        }
        if run.key == REMOVAL && *outcome == Outcome::Succeeded {
            self.lanes.clear();
            for ticket in &mut self.tickets {
                ticket.waits.clear();
            }
            return "Done";
        }
        if run.key == REMOVAL && is_idle {
            self.release();
        }
        word
    }

    /// The tickets of a sync come to wait for what it marked, and for what a cancelled one left behind.
    fn hand_tickets_on(&mut self, served: &std::ops::RangeInclusive<i64>) {
        let files = self.lanes.iter_mut().filter(|(key, _)| key.0 == JobKind::IndexFiles);
        let mut open = vec![];
        for (key, lane) in files.filter(|(_, lane)| lane.dirty > lane.done) {
            if lane.state == State::Idle {
                lane.state = State::Ready;
            }
            open.push((*key, lane.dirty));
        }
        for ticket in self.tickets.iter_mut().filter(|ticket| !ticket.cancelled) {
            if ticket
                .waits
                .get(&SYNC)
                .is_some_and(|generation| served.contains(generation))
            {
                for (key, dirty) in &open {
                    let generation = ticket.waits.entry(*key).or_default();
                    *generation = (*dirty).max(*generation);
                }
            }
        }
    }
}

fn park_or_retry(lane: &mut ModelLane, park: bool) -> &'static str {
    lane.state = if park { State::Parked } else { State::Ready };
    if park { "Parked" } else { "Retrying" }
}
