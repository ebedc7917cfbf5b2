//! Random histories of one repository against a model in memory: after every step the rows are what the model says. A
//! history that is not is cut down to the shortest that still fails, and printed.
//!
//! The steps are data and proptest shrinks them. Its state machine wants a model that foresees every step, and which of
//! several due lanes a claim takes is the queue's to choose: here the model learns it from the claim, and judges it.

mod compare;
mod requests;
mod runs;
mod state;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::test_runner::{Config, TestRunner};
use quarry_queue::*;
use uuid::Uuid;

use self::state::{Key, ModelLane, ModelTicket, Run};
use self::steps::{Step, step};
use crate::support::*;

const CASES: u32 = 16;
const LONGEST_HISTORY: usize = 80;

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
}

fn names(files: &BTreeSet<u8>) -> Vec<String> {
    files.iter().map(|file| format!("f{file}")).collect()
}
