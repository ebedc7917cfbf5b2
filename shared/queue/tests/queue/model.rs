//! Random histories of one repository against a model in memory: after every step the rows are what the model says.

use crate::support::*;
use quarry_queue::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

const MAX_ATTEMPTS: i16 = 3;
const STEPS: u32 = 400;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Ready,
    Leased,
    Parked,
}

/// What the model knows of a lane. Generations are counted by the model itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ModelLane {
    state: State,
    dirty: i64,
    claimed: i64,
    done: i64,
    attempt: i16,
    /// Path → number of the save, the model's own revision.
    files: BTreeMap<String, u64>,
}

impl ModelLane {
    fn ask(&mut self) {
        match self.state {
            State::Idle | State::Parked => {
                (self.state, self.attempt) = (State::Ready, 0);
                self.dirty += 1;
            }
            State::Leased if self.dirty == self.claimed => self.dirty += 1,
            State::Ready | State::Leased => {}
        }
    }
}

/// A run under way: the claim, its worker, what it has read, and whether it was overtaken.
struct Run {
    claim: Claim,
    key: Key,
    read: Vec<DirtyFile>,
    read_saves: BTreeMap<String, u64>,
    zombie: bool,
}

type Key = (&'static str, i16);

struct History {
    bench: Bench,
    worker: Worker,
    numbers: Numbers,
    lanes: BTreeMap<Key, ModelLane>,
    runs: Vec<Run>,
    tickets: Vec<(Uuid, BTreeMap<Key, i64>)>,
    saves: u64,
}

#[tokio::test]
async fn random_histories_follow_the_model() {
    let seed = std::env::var("QUARRY_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("QUARRY_TEST_SEED={seed}");
    let bench = Bench::new().await;
    let worker = bench.worker.clone();
    let mut history = History {
        bench,
        worker,
        numbers: Numbers(seed),
        lanes: BTreeMap::new(),
        runs: vec![],
        tickets: vec![],
        saves: 0,
    };
    for step in 0..STEPS {
        let what = history.step().await;
        history.compare(&format!("seed {seed}, step {step}: {what}")).await;
    }
}

impl History {
    async fn step(&mut self) -> &'static str {
        match self.numbers.below(100) {
            0..30 => self.save().await,
            30..38 => self.ask_for_sync().await,
            38..60 => self.claim().await,
            60..66 => self.read().await,
            66..72 => self.drop_some().await,
            72..74 => self.die().await,
            _ => self.settle_one().await,
        }
    }

    async fn save(&mut self) -> &'static str {
        let names: BTreeSet<String> = (0..1 + self.numbers.below(4))
            .map(|_| format!("f{}", self.numbers.below(12)))
            .collect();
        let names: Vec<String> = names.into_iter().collect();
        let ticket = mark_dirty(
            &self.bench.pool,
            self.bench.project,
            self.bench.repository,
            None,
            &names,
            Debounce::NONE,
            "test",
        )
        .await
        .unwrap();
        self.mark(&names);
        let keys: BTreeSet<Key> = names.iter().map(|name| ("index_files", shard_of(name))).collect();
        self.expect(ticket, &keys);
        "save"
    }

    async fn ask_for_sync(&mut self) -> &'static str {
        let ticket = self.bench.sync().await;
        let key = ("sync_repository", 0);
        self.lanes.entry(key).or_default().ask();
        self.expect(ticket, &BTreeSet::from([key]));
        "sync"
    }

    fn mark(&mut self, names: &[String]) {
        let keys: BTreeSet<Key> = names.iter().map(|name| ("index_files", shard_of(name))).collect();
        for key in keys {
            self.lanes.entry(key).or_default().ask();
        }
        for name in names {
            self.saves += 1;
            let lane = self.lanes.entry(("index_files", shard_of(name))).or_default();
            lane.files.insert(name.clone(), self.saves);
        }
    }

    fn expect(&mut self, ticket: Ticket, keys: &BTreeSet<Key>) {
        let waits = keys.iter().map(|key| (*key, self.lanes[key].dirty)).collect();
        self.tickets.push((ticket.id, waits));
    }

    async fn claim(&mut self) -> &'static str {
        let due = self.lanes.values().filter(|lane| lane.state == State::Ready).count();
        let limit = 1 + usize::try_from(self.numbers.below(3)).unwrap();
        let mut claims = claim(&self.bench.pool, &self.worker, &ClaimFilter::everything(HOST), limit)
            .await
            .unwrap();
        claims.sort_by_key(|claim| claim.fence);
        assert_eq!(claims.len(), due.min(limit), "everything ready is due");
        for claim in claims {
            let key = (claim.lane.kind.as_str(), claim.lane.shard);
            let lane = self.lanes.get_mut(&key).unwrap();
            assert_eq!(lane.state, State::Ready, "two leases on one lane");
            (lane.state, lane.claimed, lane.attempt) = (State::Leased, lane.dirty, lane.attempt + 1);
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
        "claim"
    }

    async fn read(&mut self) -> &'static str {
        let Some(run) = pick(&mut self.numbers, &mut self.runs) else {
            return "read";
        };
        if run.key.0 == "index_files" {
            run.read = dirty_files(&self.bench.pool, &run.claim, None, 100).await.unwrap();
            run.read_saves = self.lanes[&run.key].files.clone();
            assert!(run.read.iter().map(|file| &file.path).eq(run.read_saves.keys()));
        }
        "read"
    }

    async fn drop_some(&mut self) -> &'static str {
        let Some(run) = pick(&mut self.numbers, &mut self.runs) else {
            return "drop";
        };
        let half = &run.read[..run.read.len() / 2];
        assert_eq!(
            drop_dirty(&self.bench.pool, &run.claim, half).await.unwrap(),
            !run.zombie
        );
        if !run.zombie {
            forget(self.lanes.get_mut(&run.key).unwrap(), half, &run.read_saves);
        }
        "drop"
    }

    async fn die(&mut self) -> &'static str {
        self.bench.expire(&self.worker).await;
        let policy = RetryPolicy {
            max_losses: i16::MAX,
            ..RetryPolicy::default()
        };
        let rescued = rescue(&self.bench.pool, &policy).await.unwrap();
        let mut lost = 0;
        for run in self.runs.iter_mut().filter(|run| !run.zombie) {
            run.zombie = true;
            lost += 1;
            let lane = self.lanes.get_mut(&run.key).unwrap();
            (lane.state, lane.attempt) = (State::Ready, lane.attempt - 1);
        }
        assert_eq!(rescued.lanes, lost);
        self.bench.make_all_due().await;
        self.worker = register_worker(&self.bench.pool, HOST, 1, "test", Duration::from_secs(600))
            .await
            .unwrap();
        "die"
    }

    async fn settle_one(&mut self) -> &'static str {
        if self.runs.is_empty() {
            return "settle";
        }
        let index = usize::try_from(self.numbers.below(self.runs.len() as u64)).unwrap();
        let mut run = self.runs.swap_remove(index);
        if run.key.0 == "sync_repository" && self.numbers.below(2) == 0 {
            let names: Vec<String> = (0..3).map(|_| format!("f{}", self.numbers.below(12))).collect();
            let names: Vec<String> = BTreeSet::from_iter(names).into_iter().collect();
            let marked = mark_dirty_from_sync(&self.bench.pool, &run.claim, &names, Priority::Bulk).await;
            assert_eq!(marked.is_err(), run.zombie);
            if !run.zombie {
                self.mark(&names);
            }
        }
        let outcome = match self.numbers.below(10) {
            0..3 => Outcome::Failed {
                error: "no".into(),
                retry: at_once(MAX_ATTEMPTS),
            },
            3 => Outcome::HandedBack,
            _ => Outcome::Succeeded,
        };
        if outcome == Outcome::Succeeded && run.key.0 == "index_files" && !run.zombie {
            // A run that succeeds has read everything.
            run.read = dirty_files(&self.bench.pool, &run.claim, None, 100).await.unwrap();
            run.read_saves = self.lanes[&run.key].files.clone();
        }
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
        assert_eq!(settled == Settled::LeaseLost, run.zombie);
        if !run.zombie {
            self.apply(&run, &outcome);
        }
        "settle"
    }

    fn apply(&mut self, run: &Run, outcome: &Outcome) {
        let lane = self.lanes.get_mut(&run.key).unwrap();
        let (served, more) = (lane.done + 1..=lane.claimed, lane.dirty > lane.claimed);
        forget(lane, &run.read, &run.read_saves);
        match outcome {
            Outcome::Succeeded => {
                (lane.done, lane.attempt) = (lane.claimed, 0);
                lane.state = if more { State::Ready } else { State::Idle };
            }
            Outcome::HandedBack => (lane.state, lane.attempt) = (State::Ready, lane.attempt - 1),
            _ if lane.attempt < MAX_ATTEMPTS => lane.state = State::Ready,
            _ if more => (lane.state, lane.attempt) = (State::Ready, 0),
            _ => lane.state = State::Parked,
        }
        if *outcome == Outcome::Succeeded && run.key.0 == "sync_repository" {
            for (_, waits) in &mut self.tickets {
                if waits
                    .get(&run.key)
                    .is_some_and(|generation| served.contains(generation))
                {
                    for (key, lane) in &self.lanes {
                        if key.0 == "index_files" && lane.dirty > lane.done {
                            let generation = waits.entry(*key).or_default();
                            *generation = lane.dirty.max(*generation);
                        }
                    }
                }
            }
        }
    }

    async fn compare(&self, situation: &str) {
        type Row = (String, i16, String, i64, i64, i64, i16, Vec<String>);
        let rows: Vec<Row> = sqlx::query_as(
            "select kind, shard, state, dirty_generation, claimed_generation, done_generation, attempt,
                 array(select path from dirty_files
                       where repository_id = jobs.repository_id and shard = jobs.shard and kind = 'index_files'
                       order by path)
             from jobs
             order by kind, shard",
        )
        .fetch_all(&self.bench.pool)
        .await
        .unwrap();
        let expected: Vec<Row> = self
            .lanes
            .iter()
            .map(|((kind, shard), lane)| {
                let state = format!("{:?}", lane.state).to_lowercase();
                let files = lane.files.keys().cloned().collect();
                (
                    (*kind).to_owned(),
                    *shard,
                    state,
                    lane.dirty,
                    lane.claimed,
                    lane.done,
                    lane.attempt,
                    files,
                )
            })
            .collect();
        assert_eq!(rows, expected, "{situation}");
        for (ticket, waits) in self.tickets.iter().rev().take(10) {
            let open: Vec<State> = waits
                .iter()
                .filter(|(key, generation)| self.lanes[key].done < **generation)
                .map(|(key, _)| self.lanes[key].state)
                .collect();
            let expected = if open.is_empty() {
                TicketState::Done
            } else if open.contains(&State::Parked) {
                TicketState::Failed
            } else if open.contains(&State::Leased) {
                TicketState::Running
            } else {
                TicketState::Waiting
            };
            let status = ticket_status(&self.bench.pool, *ticket).await.unwrap();
            assert_eq!(status.state, expected, "{situation}: {status:?}");
        }
    }
}

/// Only the saves that were read are gone; those made since stay.
fn forget(lane: &mut ModelLane, processed: &[DirtyFile], read_saves: &BTreeMap<String, u64>) {
    for file in processed {
        if lane.files.get(&file.path) == read_saves.get(&file.path) {
            lane.files.remove(&file.path);
        }
    }
}

fn pick<'a>(numbers: &mut Numbers, runs: &'a mut [Run]) -> Option<&'a mut Run> {
    let count = u64::try_from(runs.len()).unwrap();
    if count == 0 {
        return None;
    }
    runs.get_mut(usize::try_from(numbers.below(count)).unwrap())
}
