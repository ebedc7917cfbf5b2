//! Our side of `benches/beside_others`: one program with the same five commands as the programs of the other queues.
//! A "file" is a row with a version; indexing it reads the version, works for twenty milliseconds and writes what it read.
#![allow(clippy::print_stdout)] // reason: its output is what is measured

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use quarry_queue::*;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;
use uuid::Uuid;

type Error = Box<dyn std::error::Error + Send + Sync>;

const HOST: &str = "here";

/// Every job of the measurements belongs to this project.
const PROJECT: Uuid = Uuid::from_u128(1);

/// The repository whose files are saved.
const REPOSITORY: Uuid = Uuid::from_u128(2);

/// Stamped jobs are syncs of repositories numbered from here.
const STAMPED: u128 = 1 << 64;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, url, flags @ ..] = arguments.as_slice() else {
        return Err("usage: beside_others prepare|work|enqueue|fill|save URL [FLAGS]".into());
    };
    let pool = PgPoolOptions::new().max_connections(12).connect(url).await?;
    let flag = |name: &str| {
        let at = flags.iter().position(|flag| flag == name)?;
        flags.get(at + 1).cloned()
    };
    let number = |name: &str| -> Result<u32, Error> { Ok(flag(name).ok_or(format!("{name} is missing"))?.parse()?) };
    match command.as_str() {
        "prepare" => prepare(&pool).await,
        "fill" => fill(&pool, number("--count")?).await,
        "enqueue" => enqueue(&pool, number("--count")?, number("--rate")?).await,
        "save" => save(&pool, number("--count")?, number("--rate")?).await,
        "work" => {
            let batched = flags.iter().any(|flag| flag == "--batched");
            let concurrency = flag("--concurrency").map_or(Ok(1), |text| text.parse())?;
            work(pool, flag("--tasks").unwrap_or_default(), concurrency, batched).await
        }
        other => Err(format!("unknown command {other}").into()),
    }
}

async fn prepare(pool: &PgPool) -> Result<(), Error> {
    sqlx::migrate!("../../migrations/registry").run(pool).await?;
    sqlx::raw_sql(
        "insert into projects (id, name, database_name, state)
         values ('00000000-0000-0000-0000-000000000001', 'measured', 'project_measured', 'ready');
         create table published_under (lane text primary key, fence bigint not null)",
    )
    .execute(pool)
    .await?;
    Ok(())
}

async fn fill(pool: &PgPool, count: u32) -> Result<(), Error> {
    sqlx::query(
        "insert into jobs (project_id, repository_id, kind, state, priority, dirty_generation)
         select $1, gen_random_uuid(), 'index_files', 'ready', 5, 1 from generate_series(1, $2)",
    )
    .bind(PROJECT)
    .bind(i64::from(count))
    .execute(pool)
    .await?;
    Ok(())
}

async fn enqueue(pool: &PgPool, count: u32, rate: u32) -> Result<(), Error> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    for id in 0..count {
        ticks.tick().await;
        stamp("enqueued", id.into())?;
        let repository = Uuid::from_u128(STAMPED + u128::from(id));
        enqueue_sync(pool, PROJECT, repository, Some(HOST), SyncRequest::new("measurement")).await?;
    }
    Ok(())
}

async fn save(pool: &PgPool, count: u32, rate: u32) -> Result<(), Error> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    for n in 0..count {
        ticks.tick().await;
        let path = format!("f{}", (n * 37) % 100);
        sqlx::query("update tree set version = version + 1 where path = $1")
            .bind(&path)
            .execute(pool)
            .await?;
        mark_dirty(
            pool,
            PROJECT,
            REPOSITORY,
            Some(HOST),
            &[path],
            Debounce::default(),
            "measurement",
        )
        .await?;
    }
    Ok(())
}

/// A worker as the real one: heartbeat, rescue, notifications, as many runs at once as it is told.
async fn work(pool: PgPool, task: String, concurrency: usize, batched: bool) -> Result<(), Error> {
    let worker = register_worker(&pool, HOST, std::process::id(), "measurement", TIME_TO_LIVE).await?;
    let (beating, beaten) = (pool.clone(), worker.clone());
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(HEARTBEAT_INTERVAL).await;
            if heartbeat(&beating, &beaten).await.is_ok_and(|beat| !beat.alive) {
                std::process::exit(1);
            }
        }
    });
    let rescuing = pool.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            rescue(&rescuing, &RetryPolicy::default()).await.ok();
        }
    });
    let mut wake_up = WakeUp::listen(&pool);
    stamp("ready", 0)?;
    if batched {
        return work_in_batches(&pool, &worker, &mut wake_up).await;
    }
    let (filter, task) = (ClaimFilter::everything(HOST), Arc::new(task));
    let mut running: JoinSet<Result<(), Error>> = JoinSet::new();
    loop {
        for claim in claim(&pool, &worker, &filter, concurrency - running.len()).await? {
            let (pool, task) = (pool.clone(), Arc::clone(&task));
            running.spawn(async move { run(&pool, &claim, &task).await });
        }
        let due = next_due(&pool, &filter).await?.map(|wait| Instant::now() + wait);
        let is_full = running.len() >= concurrency;
        tokio::select! {
            Some(ended) = running.join_next() => ended??,
            _ = wake_up.wait(due.unwrap_or_else(|| Instant::now() + POLL_INTERVAL)), if !is_full => {}
        }
    }
}

async fn work_in_batches(pool: &PgPool, worker: &Worker, wake_up: &mut WakeUp) -> Result<(), Error> {
    let filter = ClaimFilter::everything(HOST);
    loop {
        let claims = claim(pool, worker, &filter, CLAIM_LIMIT).await?;
        if claims.is_empty() {
            wake_up.wait(Instant::now() + POLL_INTERVAL).await;
            continue;
        }
        let runs: Vec<Succeeded<'_>> = claims
            .iter()
            .map(|claim| Succeeded {
                claim,
                counts: serde_json::json!({}),
            })
            .collect();
        settle_many(pool, &runs).await?;
    }
}

async fn run(pool: &PgPool, claim: &Claim, task: &str) -> Result<(), Error> {
    if task == "index" {
        index_lane(pool, claim).await?;
    } else if let Some(repository) = claim.lane.repository_id {
        stamp("started", repository.as_u128() - STAMPED)?;
    }
    if task == "hold" {
        std::future::pending::<()>().await;
    }
    settle(
        pool,
        claim,
        &[],
        Outcome::Succeeded,
        serde_json::json!({}),
        FollowUp::default(),
    )
    .await?;
    Ok(())
}

/// Raises the fence, then brings every dirty file of the lane up to date, each in a transaction that checks the fence.
async fn index_lane(pool: &PgPool, claim: &Claim) -> Result<(), Error> {
    sqlx::query(
        "insert into published_under (lane, fence) values ($1, $2)
         on conflict (lane) do update set fence = excluded.fence where published_under.fence < excluded.fence",
    )
    .bind(claim.lane.name())
    .bind(claim.fence)
    .execute(pool)
    .await?;
    let mut after: Option<String> = None;
    loop {
        let page = dirty_files(pool, claim, after.as_deref(), 64).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.path.clone());
        for file in &page {
            index_file(pool, claim, &file.path).await?;
        }
        drop_dirty(pool, claim, &page).await?;
    }
}

async fn index_file(pool: &PgPool, claim: &Claim, path: &str) -> Result<(), Error> {
    let version: i64 = sqlx::query_scalar("select version from tree where path = $1")
        .bind(path)
        .fetch_one(pool)
        .await?;
    tokio::time::sleep(Duration::from_millis(20)).await;
    sqlx::query(
        "with held as (select from published_under where lane = $3 and fence = $4 for share),
              counted as (insert into runs_of_files (path) select $1 from held)
         insert into indexed (path, version) select $1, $2 from held
         on conflict (path) do update set version = excluded.version",
    )
    .bind(path)
    .bind(version)
    .bind(claim.lane.name())
    .bind(claim.fence)
    .execute(pool)
    .await?;
    Ok(())
}

/// One line, written at once: what, which, and microseconds since 1970.
fn stamp(what: &str, id: u128) -> Result<(), Error> {
    let micros = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_micros();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{what} {id} {micros}")?;
    Ok(out.flush()?)
}
