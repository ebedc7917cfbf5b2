//! The proof that the index equals the tree: hundreds of edits while workers and watchers work and are killed, and after each
//! step a comparison with an index that is made of the same tree from nothing. Comparisons by time are off, so whatever
//! the watcher misses stays wrong and is noticed.
//!
//! A run follows from its seed, which it prints. The long form, and a failure played again:
//! `QUARRY_TEST_SEED=7 QUARRY_TEST_STEPS=300 cargo test --release -p system-tests --test system replayed_edits -- --nocapture`

use std::time::{Duration, Instant};

use system_tests::{DUMP, Edit, FakeEndpoint, Installation, Numbers, Running, SqlSession, Tree, invent};

use crate::branches::{commit, git};
use crate::{PROGRAM, installation};

const PROJECT: &str = "replayed";

/// Steps of the short form.
const STEPS: usize = 14;

/// Every so many steps the index is also compared as a user would: by a sync and by `quarry check`.
const WHOLE_EVERY: usize = 10;

/// How long an index may take to become equal; mostly it does within a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(120);

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What happens to the processes beside the edits.
#[derive(Debug, Clone, Copy)]
enum Fault {
    KillWorker,
    EndWorker,
    /// It goes on when others have long taken over.
    FreezeWorker,
    KillWatcher,
    SecondWatcher,
    /// Runs wait for vectors in the middle of their work.
    HoldVectors,
    ReleaseVectors,
    AskForSync,
    /// Lets what is under way come further, by so many milliseconds.
    Breathe(u64),
}

const FAULTS: [(usize, Fault); 10] = [
    (3, Fault::KillWorker),
    (1, Fault::EndWorker),
    (1, Fault::FreezeWorker),
    (2, Fault::KillWatcher),
    (1, Fault::SecondWatcher),
    (6, Fault::HoldVectors),
    (3, Fault::ReleaseVectors),
    (2, Fault::AskForSync),
    (8, Fault::Breathe(15)),
    (4, Fault::Breathe(140)),
];

#[tokio::test(flavor = "multi_thread")]
async fn replayed_edits_and_crashes_leave_the_index_that_a_fresh_one_is() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("QUARRY_TEST_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let steps = number("QUARRY_TEST_STEPS").map_or(STEPS, |steps| usize::try_from(steps).unwrap());
    eprintln!("QUARRY_TEST_SEED={seed} QUARRY_TEST_STEPS={steps}");
    let mut replay = Replay::begin(seed).await;
    for step in 1..=steps {
        replay.step(step).await;
        if step.is_multiple_of(WHOLE_EVERY) {
            eprintln!("{step} of {steps} steps are equal");
        }
    }
}

struct Replay {
    numbers: Numbers,
    seed: u64,
    tree: Tree,
    endpoint: FakeEndpoint,
    quarry: Installation,
    /// Indexes the tree from nothing; nothing in it is ever killed.
    reference: Installation,
    registry: SqlSession,
    project: SqlSession,
    workers: Vec<Running>,
    frozen: Option<Running>,
    watchers: Vec<Running>,
    log: Vec<String>,
}

impl Replay {
    async fn begin(seed: u64) -> Replay {
        let (mut quarry, endpoint) = installation().await;
        let mut reference = Installation::new(PROGRAM, &endpoint).await;
        for one in [&mut quarry, &mut reference] {
            one.set("QUARRY_INDEX_MAX_FILE_BYTES", "49152");
            one.set("QUARRY_INDEX_BATCH_CHUNKS", "20");
        }
        quarry.set("QUARRY_WATCH_RESCAN_S", "0");
        quarry.set("QUARRY_WORKER_LEASE_S", "3");
        quarry.set("QUARRY_WORKER_HEARTBEAT_S", "1");
        let tree = Tree::new("replayed");
        tree.write("KEEP.txt", "always here\n");
        git(tree.root(), &["init", "--quiet", "--initial-branch=main"]);
        commit(&tree, "kept");
        tree.write_modules(10);
        commit(&tree, "modules");
        quarry.index(tree.root(), PROJECT).await;
        Replay {
            numbers: Numbers::new(seed),
            seed,
            registry: quarry.sql_session(None),
            project: quarry.sql_session(Some(PROJECT)),
            tree,
            endpoint,
            quarry,
            reference,
            workers: Vec::new(),
            frozen: None,
            watchers: Vec::new(),
            log: Vec::new(),
        }
    }

    async fn step(&mut self, step: usize) {
        self.start_what_is_missing().await;
        self.log.clear();
        for _ in 0..=self.numbers.below(4) {
            if self.numbers.below(3) == 0 {
                let fault = self.numbers.weighted(&FAULTS);
                self.note(step, format!("{fault:?}"));
                self.cause(fault).await;
            }
            let edit = invent(&mut self.numbers, &self.tree);
            let outcome = match edit.apply(&self.tree) {
                Ok(()) => String::new(),
                Err(error) => format!(" refused: {error}"),
            };
            self.note(step, format!("{edit:?}{outcome}"));
            // What HEAD looks like belongs to the tree's state, and says more than the command.
            if matches!(edit, Edit::Git { .. }) {
                let head = git(self.tree.root(), &["log", "-1", "--format=%D"]);
                self.note(step, format!("  now at {head}"));
            }
        }
        self.endpoint.release();
        self.start_what_is_missing().await;
        let fresh = self.fresh_dump(step).await;
        self.equals(step, &fresh).await;
        if step.is_multiple_of(WHOLE_EVERY) {
            self.equals_as_a_whole(step, &fresh).await;
        }
    }

    fn note(&mut self, step: usize, line: String) {
        self.log.push(format!("  {step}: {line}"));
    }

    /// A worker and a watcher run, and no process is frozen.
    async fn start_what_is_missing(&mut self) {
        if let Some(frozen) = self.frozen.take() {
            frozen.resume().await;
            self.workers.push(frozen);
        }
        while self.workers.len() < 2 {
            self.workers.push(self.quarry.start(["worker"]));
        }
        if self.watchers.is_empty() {
            self.start_watcher().await;
        }
    }

    async fn start_watcher(&mut self) {
        let watcher = self
            .quarry
            .start(["watch", self.tree.argument(), "--project", PROJECT, "--log", "debug"]);
        watcher.says("watching").await;
        self.watchers.push(watcher);
    }

    async fn cause(&mut self, fault: Fault) {
        match fault {
            Fault::KillWorker => {
                if let Some(worker) = self.workers.pop() {
                    worker.kill().await;
                }
            }
            Fault::EndWorker => {
                if let Some(worker) = self.workers.pop() {
                    worker.terminate().await;
                    self.endpoint.release();
                    worker.finish().await.succeeded();
                }
            }
            Fault::FreezeWorker => {
                if self.frozen.is_none()
                    && let Some(worker) = self.workers.pop()
                {
                    worker.pause().await;
                    self.frozen = Some(worker);
                }
            }
            Fault::KillWatcher => {
                for watcher in self.watchers.drain(..) {
                    watcher.kill().await;
                }
            }
            Fault::SecondWatcher => {
                if self.watchers.len() < 2 {
                    self.start_watcher().await;
                }
            }
            Fault::HoldVectors => self.endpoint.hold(),
            Fault::ReleaseVectors => self.endpoint.release(),
            Fault::AskForSync => drop(
                self.quarry
                    .run(["index", self.tree.argument(), "--project", PROJECT])
                    .await
                    .succeeded(),
            ),
            Fault::Breathe(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
        }
    }

    /// What an index says that has never seen anything but this tree.
    async fn fresh_dump(&self, step: usize) -> Vec<String> {
        let project = format!("fresh_{step}");
        self.reference.index(self.tree.root(), &project).await;
        let dump = self.reference.dump(&project).await;
        self.reference
            .run(["project", "drop", &project, "--yes"])
            .await
            .succeeded();
        dump
    }

    /// Waits until the index is the same. How many files were left out is known to comparisons of the whole tree only.
    async fn equals(&self, step: usize, fresh: &[String]) {
        self.becomes_equal(step, fresh, without_skipped).await;
    }

    async fn equals_as_a_whole(&self, step: usize, fresh: &[String]) {
        self.quarry.index(self.tree.root(), PROJECT).await;
        self.becomes_equal(step, fresh, |row| row).await;
        let checked = self.quarry.run(["check", "--project", PROJECT, "--json"]).await.json();
        assert_eq!(checked["equal"], true, "seed {}, step {step}: {checked}", self.seed);
    }

    async fn becomes_equal(&self, step: usize, fresh: &[String], compared: fn(&str) -> &str) {
        let fresh: Vec<&str> = fresh.iter().map(|row| compared(row)).collect();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let settled = self.is_settled().await;
            let rows = self.project.rows(DUMP).await;
            let rows: Vec<&str> = rows.iter().map(|row| compared(row)).collect();
            if settled && rows == fresh {
                return;
            }
            if Instant::now() > deadline {
                self.fail(step, &rows, &fresh, &format!("nothing waits: {settled}"))
                    .await;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn is_settled(&self) -> bool {
        let open = "select count(*) from jobs where state in ('ready', 'leased')";
        self.registry.rows(open).await == ["0"]
    }

    async fn fail(&self, step: usize, rows: &[&str], fresh: &[&str], state: &str) -> ! {
        let extra: Vec<&&str> = rows.iter().filter(|row| !fresh.contains(row)).take(12).collect();
        let missing: Vec<&&str> = fresh.iter().filter(|row| !rows.contains(row)).take(12).collect();
        let jobs = "select kind, shard, state, attempt, last_error from jobs where state <> 'idle'";
        let jobs = self.registry.rows(jobs).await;
        let said: Vec<String> = self.watchers.iter().map(Running::said).collect();
        panic!(
            "QUARRY_TEST_SEED={} step {step}: the index differs ({state})\nedits of the step:\n{}\nonly in the index: {extra:#?}\n\
             only in a fresh one: {missing:#?}\njobs: {jobs:#?}\nwatchers said:\n{}",
            self.seed,
            self.log.join("\n"),
            said.join("\n---\n")
        );
    }
}

fn without_skipped(row: &str) -> &str {
    match row.strip_prefix("repository ") {
        Some(_) => row.split(" {").next().unwrap_or(row),
        None => row,
    }
}
