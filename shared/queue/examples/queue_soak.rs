//! Keeps the queue busy for a long time and watches what grows: tables, dead rows, the time a claim takes. Creates and
//! drops a database of its own on the server of the URL it is given.
//!
//!   queue_soak URL SECONDS [--saves PER_SECOND] [--pin-xmin]
//!
//! With `--pin-xmin` a transaction stays open all the time, as a forgotten session or a backup does: no row version that
//! anybody wrote since is cleared away.
#![allow(clippy::print_stdout)] // reason: its output is its purpose

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quarry_queue::*;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use uuid::Uuid;

type Error = Box<dyn std::error::Error + Send + Sync>;

const HOST: &str = "here";
const PROJECTS: usize = 4;
const REPOSITORIES_EACH: usize = 5;
const SAVERS: u64 = 4;
const WORKERS: usize = 3;

/// Looks at the tables so often in all.
const LOOKS: u32 = 15;

/// Tickets are pruned after this, so that their table comes to a steady state within the soak; in production it is a week.
const KEEP_TICKETS_FOR: Duration = Duration::from_secs(60);

struct Soak {
    pool: PgPool,
    lanes: Vec<(Uuid, Uuid)>,
    end: Instant,
    saves: AtomicU64,
    runs: AtomicU64,
    /// Microseconds, of all claims that took something.
    claims: Mutex<Vec<u32>>,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, seconds, flags @ ..] = arguments.as_slice() else {
        return Err("usage: queue_soak postgres://…/postgres SECONDS [--saves PER_SECOND] [--pin-xmin]".into());
    };
    let lasts = Duration::from_secs(seconds.parse()?);
    let rate = flags.iter().position(|flag| flag == "--saves");
    let rate: u64 = rate
        .and_then(|at| flags.get(at + 1))
        .map_or(Ok(200), |text| text.parse())?;
    let pins = flags.iter().any(|flag| flag == "--pin-xmin");

    let name = format!("queue_soak_{}", std::process::id());
    let mut server = PgConnection::connect(url).await?;
    let create = AssertSqlSafe(format!("create database {name}"));
    sqlx::raw_sql(create).execute(&mut server).await?;
    let options = url.parse::<PgConnectOptions>()?.database(&name);
    let pool = PgPoolOptions::new()
        .max_connections(20)
        .connect_with(options.clone())
        .await?;
    let soaked = soak(&pool, &options, lasts, rate, pins).await;
    pool.close().await;
    let drop = AssertSqlSafe(format!("drop database {name} with (force)"));
    sqlx::raw_sql(drop).execute(&mut server).await?;
    soaked
}

async fn soak(pool: &PgPool, options: &PgConnectOptions, lasts: Duration, rate: u64, pins: bool) -> Result<(), Error> {
    sqlx::migrate!("../../migrations/registry").run(pool).await?;
    let mut lanes = Vec::new();
    for n in 0..PROJECTS {
        let project: Uuid = sqlx::query_scalar(
            "insert into projects (name, database_name, state) values ($1, 'project_' || $1, 'ready') returning id",
        )
        .bind(format!("soaked_{n}"))
        .fetch_one(pool)
        .await?;
        lanes.extend((0..REPOSITORIES_EACH).map(|_| (project, Uuid::now_v7())));
    }
    let mut pinning = PgConnection::connect_with(options).await?;
    if pins {
        let snapshot = "begin isolation level repeatable read; select count(*) from jobs";
        sqlx::raw_sql(snapshot).execute(&mut pinning).await?;
    }
    let soak = Arc::new(Soak {
        pool: pool.clone(),
        lanes,
        end: Instant::now() + lasts,
        saves: AtomicU64::new(0),
        runs: AtomicU64::new(0),
        claims: Mutex::default(),
    });
    println!(
        "{rate} saves a second for {} s{}",
        lasts.as_secs(),
        if pins { ", xmin pinned" } else { "" }
    );
    let mut tasks: JoinSet<Result<(), Error>> = JoinSet::new();
    for n in 0..SAVERS {
        let soak = soak.clone();
        tasks.spawn(async move { soak.save(n, rate).await });
    }
    for _ in 0..WORKERS {
        let soak = soak.clone();
        tasks.spawn(async move { soak.work().await });
    }
    let watching = soak.clone();
    tasks.spawn(async move { watching.watch(lasts / LOOKS).await });
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let left: i64 = sqlx::query_scalar("select count(*) from dirty_files")
        .fetch_one(pool)
        .await?;
    println!("files left at the end: {left}");
    Ok(())
}

impl Soak {
    async fn save(&self, saver: u64, rate: u64) -> Result<(), Error> {
        let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 * SAVERS / rate.max(1)));
        for n in (saver * 1_000_003..).step_by(7_919) {
            ticks.tick().await;
            if Instant::now() >= self.end {
                return Ok(());
            }
            let (project, repository) = self.lanes[usize::try_from(n)? % self.lanes.len()];
            let paths = [format!("src/file_{}.rs", n % 211)];
            mark_dirty(
                &self.pool,
                project,
                repository,
                Some(HOST),
                &paths,
                Debounce::default(),
                "soak",
            )
            .await?;
            self.saves.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// As the real one works, but for the files.
    async fn work(&self) -> Result<(), Error> {
        let pool = &self.pool;
        let worker = register_worker(pool, HOST, std::process::id(), "soak", TIME_TO_LIVE).await?;
        let (filter, mut wake_up) = (ClaimFilter::everything(HOST), WakeUp::listen(pool));
        let mut beaten = Instant::now();
        loop {
            if beaten.elapsed() >= HEARTBEAT_INTERVAL {
                heartbeat(pool, &worker).await?;
                beaten = Instant::now();
            }
            let asked = Instant::now();
            let claims = claim(pool, &worker, &filter, 4).await?;
            if !claims.is_empty() {
                let micros = u32::try_from(asked.elapsed().as_micros())?;
                self.claims.lock().await.push(micros);
            }
            for claim in &claims {
                let files = dirty_files(pool, claim, None, 100).await?;
                drop_dirty(pool, claim, &files).await?;
                settle(
                    pool,
                    claim,
                    &[],
                    Outcome::Succeeded,
                    serde_json::json!({}),
                    FollowUp::default(),
                )
                .await?;
                self.runs.fetch_add(1, Ordering::Relaxed);
            }
            if claims.is_empty() {
                let due = next_due(pool, &filter).await?;
                // Half a second behind the last save everything has been due.
                if due.is_none() && Instant::now() >= self.end + Duration::from_secs(1) {
                    return Ok(retire_worker(pool, &worker).await?);
                }
                wake_up.wait(Instant::now() + due.unwrap_or(POLL_INTERVAL)).await;
            }
        }
    }

    async fn watch(&self, every: Duration) -> Result<(), Error> {
        let began = Instant::now();
        while Instant::now() < self.end {
            tokio::time::sleep(every).await;
            prune(&self.pool, KEEP_TICKETS_FOR, KEEP_RUNS).await?;
            let tables: Vec<(String, i64, i64, i64)> = sqlx::query_as(
                "select relname::text, pg_total_relation_size(relid), n_live_tup, n_dead_tup
                 from pg_stat_user_tables
                 where relname in ('jobs', 'dirty_files', 'tickets', 'ticket_waits', 'workers')
                 order by relname",
            )
            .fetch_all(&self.pool)
            .await?;
            let mut claims = self.claims.lock().await.clone();
            claims.sort_unstable();
            let at =
                |permille: usize| f64::from(claims.get(claims.len() * permille / 1000).copied().unwrap_or(0)) / 1e3;
            println!(
                "{:5} s: {} saves, {} runs; claim p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms",
                began.elapsed().as_secs(),
                self.saves.load(Ordering::Relaxed),
                self.runs.load(Ordering::Relaxed),
                at(500),
                at(990),
                at(999),
            );
            for (table, bytes, live, dead) in tables {
                println!("        {table:13} {:6} KiB, {live} rows, {dead} dead", bytes / 1024);
            }
        }
        Ok(())
    }
}
