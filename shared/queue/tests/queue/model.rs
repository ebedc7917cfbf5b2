//! Random histories of one repository against a model in memory: after every step the rows are what the model says. A
//! history that is not is cut down to the shortest that still fails, and printed.
//!
//! The steps are data and proptest shrinks them. Its state machine wants a model that foresees every step, and which of
//! several due lanes a claim takes is the queue's to choose: here the model learns it from the claim, and judges it.

use crate::support::*;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use quarry_queue::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

/// Small, so that histories reach the ends.
const POLICY: RetryPolicy = RetryPolicy {
    max_attempts: 3,
    max_losses: 4,
    first_pause: Duration::ZERO,
    longest_pause: Duration::ZERO,
};

const CASES: u32 = 16;
const LONGEST_HISTORY: usize = 80;

/// One thing that happens. Which of the runs or tickets there are just then it happens to is chosen by position.
#[derive(Clone, Debug)]
enum Step {
    Save(BTreeSet<u8>),
    AskForSync,
    Claim(usize),
    Read(Index),
    DropHalf(Index),
    Beat,
    Die,
    Settle(Index, End, BTreeSet<u8>),
    CancelTicket(Index),
    Remove,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Succeeded,
    Failed,
    Interrupted,
    HandedBack,
    /// As its worker was told; handed back where nobody told it.
    AsTold,
}

fn step() -> impl Strategy<Value = Step> {
    let files = || proptest::collection::btree_set(0_u8..12, 1..4);
    let end = prop_oneof![
        6 => Just(End::Succeeded),
        3 => Just(End::Failed),
        1 => Just(End::Interrupted),
        1 => Just(End::HandedBack),
        2 => Just(End::AsTold),
    ];
    prop_oneof![
        28 => files().prop_map(Step::Save),
        8 => Just(Step::AskForSync),
        20 => (1_usize..4).prop_map(Step::Claim),
        6 => any::<Index>().prop_map(Step::Read),
        6 => any::<Index>().prop_map(Step::DropHalf),
        3 => Just(Step::Beat),
        2 => Just(Step::Die),
        24 => (any::<Index>(), end, files()).prop_map(|(run, end, files)| Step::Settle(run, end, files)),
        5 => any::<Index>().prop_map(Step::CancelTicket),
        2 => Just(Step::Remove),
    ]
}

fn names(files: &BTreeSet<u8>) -> Vec<String> {
    files.iter().map(|file| format!("f{file}")).collect()
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Ready,
    Leased,
    Parked,
    Removing,
}

/// What the model knows of a lane. Generations are counted by the model itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ModelLane {
    state: State,
    dirty: i64,
    claimed: i64,
    done: i64,
    attempt: i16,
    losses: i16,
    cancel_requested: bool,
    /// Path → number of the save, the model's own revision.
    files: BTreeMap<String, u64>,
}

impl ModelLane {
    fn ask(&mut self) {
        match self.state {
            State::Idle | State::Parked => {
                (self.state, self.attempt, self.losses) = (State::Ready, 0, 0);
                self.dirty += 1;
            }
            State::Leased if self.dirty == self.claimed => self.dirty += 1,
            State::Ready | State::Leased | State::Removing => {}
        }
    }

    fn lose(&mut self) {
        self.losses += 1;
        self.attempt -= 1;
        self.cancel_requested = false;
    }
}

/// A run under way: the claim, what it has read, and whether it was overtaken.
struct Run {
    claim: Claim,
    key: Key,
    read: Vec<DirtyFile>,
    read_saves: BTreeMap<String, u64>,
    zombie: bool,
}

struct ModelTicket {
    id: Uuid,
    cancelled: bool,
    waits: BTreeMap<Key, i64>,
}

/// In the order in which lanes are locked.
type Key = (JobKind, i16);

const SYNC: Key = (JobKind::SyncRepository, 0);
const REMOVAL: Key = (JobKind::RemoveRepository, 0);

fn lane_of(path: &str) -> Key {
    (JobKind::IndexFiles, shard_of(path))
}

struct History<'a> {
    bench: &'a Bench,
    repository: Uuid,
    worker: Worker,
    lanes: BTreeMap<Key, ModelLane>,
    runs: Vec<Run>,
    tickets: Vec<ModelTicket>,
    saves: u64,
}

#[test]
fn every_history_follows_the_model() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let bench = runtime.block_on(Bench::new());
    let mut config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = if long() { 40 * CASES } else { CASES };
    }
    let steps = proptest::collection::vec(step(), 1..LONGEST_HISTORY);
    let followed = TestRunner::new(config).run(&steps, |steps| {
        runtime.block_on(follow(&bench, &steps));
        Ok(())
    });
    followed.unwrap_or_else(|failure| panic!("{failure}"));
}

async fn follow(bench: &Bench, steps: &[Step]) {
    let empty = "truncate jobs, dirty_files, tickets, ticket_waits, workers, progress";
    sqlx::raw_sql(empty).execute(&bench.pool).await.unwrap();
    let mut history = History {
        bench,
        repository: Uuid::now_v7(),
        worker: new_worker(bench).await,
        lanes: BTreeMap::new(),
        runs: vec![],
        tickets: vec![],
        saves: 0,
    };
    for (number, step) in steps.iter().enumerate() {
        history.take(step).await;
        history.compare(&format!("after step {number}, {step:?}")).await;
    }
}

async fn new_worker(bench: &Bench) -> Worker {
    register_worker(&bench.pool, HOST, 1, "test", Duration::from_secs(600))
        .await
        .unwrap()
}

impl History<'_> {
    async fn take(&mut self, step: &Step) {
        match step {
            Step::Save(files) => self.save(&names(files)).await,
            Step::AskForSync => self.ask_for_sync().await,
            Step::Claim(limit) => self.claim(*limit).await,
            Step::Beat => self.beat().await,
            Step::Die => self.die().await,
            Step::Remove => self.remove().await,
            Step::CancelTicket(ticket) => {
                if !self.tickets.is_empty() {
                    self.cancel(ticket.index(self.tickets.len())).await;
                }
            }
            Step::Read(run) | Step::DropHalf(run) | Step::Settle(run, ..) => {
                if !self.runs.is_empty() {
                    self.go_on(step, run.index(self.runs.len())).await;
                }
            }
        }
    }

    async fn go_on(&mut self, step: &Step, run: usize) {
        match step {
            Step::Read(_) => self.read(run).await,
            Step::DropHalf(_) => self.drop_half(run).await,
            Step::Settle(_, end, files) => self.settle(run, *end, &names(files)).await,
            _ => unreachable!("the others concern no run"),
        }
    }

    fn is_removing(&self) -> bool {
        self.lanes.values().any(|lane| lane.state == State::Removing)
    }

    async fn save(&mut self, names: &[String]) {
        let (pool, project, repository) = (&self.bench.pool, self.bench.project, self.repository);
        let saved = mark_dirty(pool, project, repository, None, names, Debounce::NONE, "test").await;
        assert_eq!(saved.is_err(), self.is_removing(), "{saved:?}");
        if let Ok(ticket) = saved {
            self.mark(names);
            self.expect(ticket, names.iter().map(|name| lane_of(name)).collect());
        }
    }

    async fn ask_for_sync(&mut self) {
        let (pool, project, repository) = (&self.bench.pool, self.bench.project, self.repository);
        let asked = enqueue_sync(pool, project, repository, Some(HOST), SyncRequest::new("test")).await;
        assert_eq!(asked.is_err(), self.is_removing(), "{asked:?}");
        if let Ok(ticket) = asked {
            self.lanes.entry(SYNC).or_default().ask();
            self.expect(ticket, BTreeSet::from([SYNC]));
        }
    }

    async fn remove(&mut self) {
        let (pool, project, repository) = (&self.bench.pool, self.bench.project, self.repository);
        let ticket = enqueue_remove(pool, project, repository, "test").await.unwrap();
        self.lanes.entry(REMOVAL).or_default().ask();
        let blocked: BTreeSet<Key> = Lane::publishing(project, repository)
            .iter()
            .map(|lane| (lane.kind, lane.shard))
            .collect();
        for ticket in &mut self.tickets {
            let waits_for = |(key, generation): (&Key, &i64)| {
                blocked.contains(key) && self.lanes.get(key).is_some_and(|lane| lane.done < *generation)
            };
            ticket.cancelled |= ticket.waits.iter().any(waits_for);
        }
        for key in &blocked {
            let lane = self.lanes.entry(*key).or_default();
            (lane.state, lane.cancel_requested) = (State::Removing, false);
        }
        for run in &mut self.runs {
            run.zombie |= blocked.contains(&run.key);
        }
        self.expect(ticket, BTreeSet::from([REMOVAL]));
    }

    fn mark(&mut self, names: &[String]) {
        let keys: BTreeSet<Key> = names.iter().map(|name| lane_of(name)).collect();
        for key in keys {
            self.lanes.entry(key).or_default().ask();
        }
        for name in names {
            self.saves += 1;
            let lane = self.lanes.entry(lane_of(name)).or_default();
            lane.files.insert(name.clone(), self.saves);
        }
    }

    fn expect(&mut self, ticket: Ticket, keys: BTreeSet<Key>) {
        let waits = keys.into_iter().map(|key| (key, self.lanes[&key].dirty)).collect();
        self.tickets.push(ModelTicket {
            id: ticket.id,
            cancelled: false,
            waits,
        });
    }

    async fn claim(&mut self, limit: usize) {
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

    async fn read(&mut self, run: usize) {
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

    async fn drop_half(&mut self, run: usize) {
        let run = &mut self.runs[run];
        let half = &run.read[..run.read.len() / 2];
        let held = drop_dirty(&self.bench.pool, &run.claim, half).await.unwrap();
        assert_eq!(held, !run.zombie);
        if held {
            forget(self.lanes.get_mut(&run.key).unwrap(), half, &run.read_saves);
        }
    }

    async fn beat(&self) {
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

    async fn die(&mut self) {
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

    async fn cancel(&mut self, ticket: usize) {
        cancel_ticket(&self.bench.pool, self.tickets[ticket].id).await.unwrap();
        let waits = self.tickets[ticket].waits.clone();
        let open: Vec<Key> = waits
            .into_iter()
            .filter(|(key, generation)| self.lanes.get(key).is_some_and(|lane| lane.done < *generation))
            .map(|(key, _)| key)
            .collect();
        if open.is_empty() {
            return;
        }
        self.tickets[ticket].cancelled = true;
        for key in open {
            self.stop_if_unwanted(key);
            if key == SYNC {
                for shard in 0..SHARDS {
                    self.stop_if_unwanted((JobKind::IndexFiles, shard));
                }
            }
        }
    }

    fn is_wanted(&self, key: Key) -> bool {
        let waits = |ticket: &ModelTicket| {
            ticket
                .waits
                .get(&key)
                .is_some_and(|generation| *generation > self.lanes[&key].done)
        };
        self.tickets.iter().any(|ticket| !ticket.cancelled && waits(ticket))
    }

    fn stop_if_unwanted(&mut self, key: Key) {
        if !self.lanes.contains_key(&key) || self.is_wanted(key) {
            return;
        }
        let lane = self.lanes.get_mut(&key).unwrap();
        match lane.state {
            State::Leased => lane.cancel_requested = true,
            State::Ready => {
                lane.state = State::Idle;
                if key == REMOVAL {
                    self.release();
                }
            }
            State::Idle | State::Parked | State::Removing => {}
        }
    }

    fn release(&mut self) {
        for lane in self.lanes.values_mut().filter(|lane| lane.state == State::Removing) {
            lane.state = State::Idle;
        }
    }

    async fn settle(&mut self, run: usize, end: End, marked: &[String]) {
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

    async fn compare(&self, situation: &str) {
        type Row = (String, i16, String, i64, i64, i64, i16, i16, bool, Vec<String>);
        let rows: Vec<Row> = sqlx::query_as(
            "select kind, shard, state, dirty_generation, claimed_generation, done_generation, attempt, losses,
                 cancel_requested,
                 array(select path from dirty_files
                       where repository_id = jobs.repository_id and shard = jobs.shard and kind = 'index_files'
                       order by path)
             from jobs
             order by array_position(array['remove_repository', 'sync_repository', 'index_files'], kind), shard",
        )
        .fetch_all(&self.bench.pool)
        .await
        .unwrap();
        let expected: Vec<Row> = self
            .lanes
            .iter()
            .map(|((kind, shard), lane)| {
                (
                    kind.as_str().to_owned(),
                    *shard,
                    format!("{:?}", lane.state).to_lowercase(),
                    lane.dirty,
                    lane.claimed,
                    lane.done,
                    lane.attempt,
                    lane.losses,
                    lane.cancel_requested,
                    lane.files.keys().cloned().collect(),
                )
            })
            .collect();
        assert_eq!(rows, expected, "{situation}");
        for ticket in self.tickets.iter().rev().take(10) {
            let status = ticket_status(&self.bench.pool, ticket.id).await.unwrap();
            assert_eq!(status.state, self.state_of(ticket), "{situation}: {status:?}");
        }
    }

    fn state_of(&self, ticket: &ModelTicket) -> TicketState {
        let open: Vec<State> = ticket
            .waits
            .iter()
            .filter(|(key, generation)| self.lanes[key].done < **generation)
            .map(|(key, _)| self.lanes[key].state)
            .collect();
        if ticket.cancelled {
            TicketState::Cancelled
        } else if open.is_empty() {
            TicketState::Done
        } else if open.contains(&State::Parked) {
            TicketState::Failed
        } else if open.contains(&State::Leased) {
            TicketState::Running
        } else {
            TicketState::Waiting
        }
    }
}

fn park_or_retry(lane: &mut ModelLane, park: bool) -> &'static str {
    lane.state = if park { State::Parked } else { State::Ready };
    if park { "Parked" } else { "Retrying" }
}

/// Only the saves that were read are gone; those made since stay.
fn forget(lane: &mut ModelLane, processed: &[DirtyFile], read_saves: &BTreeMap<String, u64>) {
    for file in processed {
        if lane.files.get(&file.path) == read_saves.get(&file.path) {
            lane.files.remove(&file.path);
        }
    }
}
