//! Measures the queue alone, without work in the jobs: how soon a request is claimed, and how many claims a second
//! are settled. Creates and drops a database of its own on the server of the URL it is given.
#![allow(clippy::print_stdout)] // reason: its output is its purpose

use std::time::{Duration, Instant};

use futures::future::join_all;
use quarry_queue::*;
use serde_json::json;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use uuid::Uuid;

const REQUESTS: usize = 300;
const LANES: usize = 4_000;

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let url = std::env::args()
        .nth(1)
        .ok_or("usage: queue_throughput postgres://…/postgres")?;
    let name = format!("queue_throughput_{}", std::process::id());
    let mut server = PgConnection::connect(&url).await?;
    sqlx::raw_sql(AssertSqlSafe(format!("create database {name}")))
        .execute(&mut server)
        .await?;
    let options = url.parse::<sqlx::postgres::PgConnectOptions>()?.database(&name);
    let pool = PgPoolOptions::new().max_connections(20).connect_with(options).await?;
    let measured = measure(&pool).await;
    pool.close().await;
    sqlx::raw_sql(AssertSqlSafe(format!("drop database {name} with (force)")))
        .execute(&mut server)
        .await?;
    measured
}

async fn measure(pool: &PgPool) -> Result<(), Error> {
    sqlx::migrate!("../../migrations/registry").run(pool).await?;
    let project: Uuid = sqlx::query_scalar(
        "insert into projects (name, database_name, state) values ('measured', 'project_measured', 'ready') returning id",
    )
    .fetch_one(pool)
    .await?;
    let worker = register_worker(pool, "here", std::process::id(), "example", Duration::from_secs(3_600)).await?;
    latency(pool, project, &worker).await?;
    for (workers, batch) in [(1, 1), (8, 1), (1, 16), (8, 16)] {
        throughput(pool, project, &worker, workers, batch).await?;
    }
    Ok(())
}

/// One worker that waits for notifications; 20 requests a second.
async fn latency(pool: &PgPool, project: Uuid, worker: &Worker) -> Result<(), Error> {
    let filter = ClaimFilter::everything("here");
    let mut wakeup = WakeUp::listen(pool);
    let (sent, mut received) = tokio::sync::mpsc::unbounded_channel::<Instant>();
    let asking = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        for _ in 0..REQUESTS {
            ticks.tick().await;
            sent.send(Instant::now()).ok();
            enqueue_sync(pool, project, Uuid::now_v7(), None, SyncRequest::new("example")).await?;
        }
        Ok::<_, Error>(())
    };
    let claiming = async {
        let mut latencies = Vec::with_capacity(REQUESTS);
        while latencies.len() < REQUESTS {
            let claims = claim(pool, worker, &filter, 1).await?;
            if claims.is_empty() {
                wakeup.wait(Instant::now() + Duration::from_secs(1)).await;
            }
            for claim in claims {
                latencies.push(received.recv().await.ok_or("nothing was sent")?.elapsed());
                settle(pool, &claim, &[], Outcome::Succeeded, json!({}), FollowUp::default()).await?;
            }
        }
        Ok::<_, Error>(latencies)
    };
    let (asked, latencies) = tokio::join!(asking, claiming);
    asked?;
    let mut latencies = latencies?;
    latencies.sort();
    let at = |percent: usize| latencies[latencies.len() * percent / 100].as_secs_f64() * 1e3;
    println!(
        "enqueue to claim at 20/s: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms",
        at(50),
        at(95),
        at(99)
    );
    Ok(())
}

async fn throughput(pool: &PgPool, project: Uuid, worker: &Worker, workers: usize, batch: usize) -> Result<(), Error> {
    sqlx::query(
        "insert into jobs (project_id, repository_id, kind, state, priority, dirty_generation)
         select $1, gen_random_uuid(), 'sync_repository', 'ready', 3, 1
         from generate_series(1, $2)",
    )
    .bind(project)
    .bind(i32::try_from(LANES)?)
    .execute(pool)
    .await?;
    sqlx::raw_sql("vacuum analyze jobs").execute(pool).await?;
    let start = Instant::now();
    let runs = join_all((0..workers).map(|_| async {
        let filter = ClaimFilter::everything("here");
        let mut settled = 0;
        loop {
            let claims = claim(pool, worker, &filter, batch).await?;
            if claims.is_empty() {
                return Ok::<usize, Error>(settled);
            }
            for claim in &claims {
                settle(pool, claim, &[], Outcome::Succeeded, json!({}), FollowUp::default()).await?;
                settled += 1;
            }
        }
    }))
    .await;
    let mut settled = 0;
    for run in runs {
        settled += run?;
    }
    let per_second = settled as f64 / start.elapsed().as_secs_f64();
    println!("claim and settle, {workers} at once, {batch} per claim: {per_second:.0}/s");
    Ok(())
}
