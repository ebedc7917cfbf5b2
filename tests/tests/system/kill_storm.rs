//! Files are saved as fast as people and tools save, while the workers that index them are killed, stopped past their
//! lease, and taken for dead, several times a second: nothing is lost, and nothing old comes out on top.
//!
//! The short form runs with all tests. The long one, a minute with six workers and four savers, and the control arm without
//! the fence: see the README of quarry-queue. The figures are on standard error.

use std::time::{Duration, Instant};

use futures::future::join_all;
use quarry_postgres::testing::test_database;
use system_tests::{FakeEndpoint, Fence, FenceWatch, Installation, Running, Savers, Tree, scattered};

use crate::PROGRAM;

const HOST: &str = "storm";

/// A worker that is stopped comes back a while after its lease of two seconds is over.
const STOPPED_FOR: Duration = Duration::from_millis(2_500);

/// How hard it blows.
struct Storm {
    lasts: Duration,
    savers: u64,
    workers: usize,
    strike_every: Duration,
}

impl Storm {
    fn asked_for() -> Storm {
        if std::env::var_os("QUARRY_TEST_LONG").is_some() {
            Storm {
                lasts: Duration::from_secs(60),
                savers: 4,
                workers: 6,
                strike_every: Duration::from_millis(250),
            }
        } else {
            Storm {
                lasts: Duration::from_secs(12),
                savers: 2,
                workers: 3,
                strike_every: Duration::from_millis(500),
            }
        }
    }
}

/// The workers, and what befell them.
struct Struck<'a> {
    quarry: &'a Installation,
    savers: &'a Savers<'a>,
    at_work: Vec<Running>,
    stopped: Vec<(Instant, Running)>,
    kills: u64,
    stops: u64,
    taken_for_dead: u64,
}

impl<'a> Struck<'a> {
    fn new(quarry: &'a Installation, savers: &'a Savers<'a>, workers: usize) -> Struck<'a> {
        Struck {
            quarry,
            savers,
            at_work: (0..workers).map(|_| start(quarry)).collect(),
            stopped: Vec::new(),
            kills: 0,
            stops: 0,
            taken_for_dead: 0,
        }
    }

    async fn strike_until(&mut self, end: Instant, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        for number in 0.. {
            ticks.tick().await;
            self.wake(Instant::now()).await;
            if Instant::now() >= end {
                return;
            }
            // One that has a run under way: on a slow machine most of the others are still starting.
            let Some(victim) = self.one_in_the_middle_of_a_run(number).await else {
                continue;
            };
            match scattered(number) % 10 {
                0..2 => self.stop(victim).await,
                2..4 => self.take_for_dead(victim).await,
                _ => self.kill(victim).await,
            }
        }
    }

    async fn one_in_the_middle_of_a_run(&self, number: u64) -> Option<usize> {
        let busy = self.savers.busy_workers().await;
        let chosen = busy.get(usize::try_from(scattered(number ^ 0x5eed) % 64).unwrap() % busy.len().max(1))?;
        self.at_work.iter().position(|worker| worker.id() == *chosen)
    }

    async fn kill(&mut self, victim: usize) {
        self.at_work.swap_remove(victim).kill().await;
        self.at_work.push(start(self.quarry));
        self.kills += 1;
    }

    /// As a laptop that is closed, or a container that is frozen.
    async fn stop(&mut self, victim: usize) {
        let victim = self.at_work.swap_remove(victim);
        victim.pause().await;
        self.stopped.push((Instant::now() + STOPPED_FOR, victim));
        self.stops += 1;
    }

    /// As a network that loses the heartbeats: it goes on with what it has in hand until the next one.
    async fn take_for_dead(&mut self, victim: usize) {
        let process = self.at_work[victim].id();
        let expire =
            format!("update workers set alive_until = clock_timestamp() - interval '1 s' where pid = {process}");
        self.quarry.registry_rows(&expire).await;
        self.taken_for_dead += 1;
    }

    async fn wake(&mut self, now: Instant) {
        while let Some(at) = self.stopped.iter().position(|(until, _)| *until <= now) {
            let (_, worker) = self.stopped.swap_remove(at);
            worker.resume().await;
            self.at_work.push(worker);
        }
    }

    async fn end(self) {
        for worker in self.at_work {
            worker.terminate().await;
            worker.finish().await.succeeded();
        }
    }
}

fn start(quarry: &Installation) -> Running {
    quarry.start(["worker", "--concurrency", "2"])
}

/// What is left of the saves, and what was published, after the storm.
async fn weather(storm: &Storm, fence: Fence, look: impl AsyncFnOnce(&Savers<'_>, FenceWatch)) {
    let (endpoint, database) = (FakeEndpoint::start().await, test_database().await);
    let quarry = Installation::with_registry(PROGRAM, &database.url)
        .await
        .with("QUARRY_EMBEDDING_URL", endpoint.url())
        .with("QUARRY_HOST", HOST)
        .with("QUARRY_WORKER_LEASE_S", "2")
        .with("QUARRY_WORKER_HEARTBEAT_S", "1");
    let tree = Tree::new("storm");
    let savers = Savers::begin(&quarry, &tree, &database.url, HOST).await;
    FenceWatch::begin(&quarry, savers.project(), fence).await;
    // A run is in the middle of its work most of the time.
    endpoint.answer_after(Duration::from_millis(30));
    let end = Instant::now() + storm.lasts;
    let mut struck = Struck::new(&quarry, &savers, storm.workers);
    let saving = async {
        let pause = Duration::from_millis(10);
        let all = (0..storm.savers).map(|saver| savers.save_until(saver, end, pause));
        join_all(all).await;
    };
    tokio::join!(saving, struck.strike_until(end, storm.strike_every));
    struck.wake(end + STOPPED_FOR).await;
    let quiet = savers.quiet().await;
    let (kills, stops, dead) = (struck.kills, struck.stops, struck.taken_for_dead);
    struck.end().await;
    let lost_runs = "select count(*) filter (where outcome = 'lost'), count(*) from runs where kind = 'index_files'";
    let runs = quarry.registry_rows(lost_runs).await.concat().replace('|', " of ");
    let watched = FenceWatch::so_far(&quarry, savers.project()).await;
    eprintln!(
        "fence {fence:?}: {} saves; {kills} workers killed, {stops} stopped, {dead} taken for dead; {runs} runs lost; \
         {watched:?}; quiet {:.1} s after the last save",
        savers.saves(),
        quiet.as_secs_f64()
    );
    assert!(kills > 0 && dead > 0, "it did not blow");
    look(&savers, watched).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_saved_in_a_storm_is_lost_and_nothing_old_comes_out_on_top() {
    weather(&Storm::asked_for(), Fence::On, async |savers, watched| {
        assert_eq!((watched.regressions, watched.overwrites), (0, 0), "{watched:?}");
        savers.assert_nothing_lost().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "chance decides whether a short one shows it: the long form; zombies.rs shows it every time"]
async fn the_same_storm_without_the_fence_overwrites_what_is_newer() {
    weather(&Storm::asked_for(), Fence::Off, async |savers, watched| {
        eprintln!("wrong in the end: {:?}", savers.wrong_files().await);
        assert!(watched.regressions > 0, "{watched:?}");
    })
    .await;
}
