//! The figures of this crate on a throw-away Postgres; run it on a quiet machine.
//! `cargo run --release -p quarry-workflow --example workflow_load -- latency 10000|200000 [PARTITIONS]`
//! `… -- increments` 64 writers from 4 processes, 1 000 increments each, on one entity; none may be lost
//! `… -- claims` 100 workers take 2 000 items; none may be taken twice
//! `… -- takeovers` a process that holds 100 claims is killed; others take over, and its late writes are refused
#![allow(clippy::print_stdout, clippy::unwrap_used)] // a report on standard output is what this program is for

#[path = "../tests/workflow/contention.rs"]
mod contention;

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use quarry_postgres::testing::TestServer;
use quarry_workflow::{
    AsOf, Author, Change, Claim, EntityQuery, NewSchema, Operation, Target, WorkflowError, change_entity, claim_next,
    get_entity, partition_entities, query_entities, register_schema,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

const PROCESSES: i64 = 4;
const WRITERS: i64 = 16;
const INCREMENTS: i64 = 1_000;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["latency", count] => latency(count.parse().unwrap(), None).await,
        ["latency", count, partitions] => latency(count.parse().unwrap(), partitions.parse().ok()).await,
        ["increments"] => increments().await,
        ["increment", url, id] => increment(url, id.parse().unwrap()).await,
        ["claims"] => claims().await,
        ["takeovers"] => takeovers().await,
        ["hold", url, count, lease_secs] => hold(url, count.parse().unwrap(), lease_secs.parse().unwrap()).await,
        _ => println!("say latency COUNT [PARTITIONS], increments, claims or takeovers"),
    }
}

async fn database(server: &TestServer, connections: u32) -> (String, PgPool) {
    let url = server.create_database().await.url;
    let pool = connect(&url, connections).await;
    sqlx::raw_sql("create extension vector").execute(&pool).await.unwrap();
    sqlx::migrate!("../../migrations/project").run(&pool).await.unwrap();
    let new = NewSchema {
        name: "item".to_owned(),
        definition: json!({
            "type": "object",
            "properties": {
                "n": {"type": "integer"},
                "title": {"type": "string"},
                "status": {"enum": ["open", "doing", "done"]},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            "additionalProperties": false,
        }),
        query_fields: Some(vec!["status".to_owned(), "n".to_owned()]),
        ..NewSchema::default()
    };
    register_schema(&pool, &new, "load").await.unwrap();
    (url, pool)
}

async fn connect(url: &str, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(600))
        .connect(url)
        .await
        .unwrap()
}

async fn fill(pool: &PgPool, count: i32) {
    sqlx::query(
        "with made as (
             insert into workflow.entities (schema_name, schema_version, data, created_at, updated_at)
             select 'item', 1,
                 jsonb_build_object('n', n, 'title', 'Item number ' || n, 'status',
                     (array['open', 'doing', 'done'])[n % 3 + 1], 'tags', jsonb_build_array('t' || n % 50)),
                 now() - n * interval '1 second', now() - n * interval '1 second'
             from generate_series(1, $1) as n
             returning id, data
         )
         insert into workflow.entity_texts (entity_id, terms, counts, length, text_hash)
         select id, array['item', 'number', data ->> 'n'], '{1,1,1}', 3, 'x'
         from made",
    )
    .bind(count)
    .execute(pool)
    .await
    .unwrap();
    sqlx::raw_sql("analyze").execute(pool).await.unwrap();
}

async fn latency(count: i32, partitions: Option<u32>) {
    let server = TestServer::start_new().await;
    let (_, pool) = database(&server, 5).await;
    fill(&pool, count).await;
    if let Some(partitions) = partitions {
        let started = Instant::now();
        partition_entities(&pool, partitions).await.unwrap();
        println!(
            "partitioned {count} entities in {:.1} s",
            started.elapsed().as_secs_f64()
        );
    }
    println!("{count} entities, {} partitions; milliseconds", partitions.unwrap_or(0));
    let mut made = Vec::new();
    report("create", 500, async |n| {
        let data = json!({"n": -1 - n, "title": format!("Created {n}"), "status": "open", "tags": ["new"]});
        let operation = Operation::Create {
            schema: "item".to_owned(),
            data,
            id: None,
        };
        made.push(change_entity(&pool, &operation, Author::named("load")).await.unwrap());
    })
    .await;
    report("update", 500, async |n| {
        let seen = &made[usize::try_from(n).unwrap()];
        let operation = Operation::Update {
            target: Target {
                id: seen.id,
                expected_version: 1,
                fence: None,
            },
            change: Change::from_patch(json!({"status": "doing"})),
        };
        change_entity(&pool, &operation, Author::named("load")).await.unwrap();
    })
    .await;
    let queries: [(&str, Value, &[&str]); 7] = [
        ("newest", json!({}), &[]),
        ("status, newest", json!({"status": "doing"}), &[]),
        ("n above, by n", json!({"n": {"gt": count / 2}}), &["n"]),
        ("tags contain", json!({"tags": {"contains": "t7"}}), &[]),
        ("title equals", json!({"title": "Item number 77"}), &[]),
        ("words", json!({"$text": "number 77"}), &[]),
        (
            "status, deep",
            json!({"not": {"status": "open"}, "n": {"gte": 10}}),
            &["-n"],
        ),
    ];
    for (name, filter, sort) in queries {
        let query = EntityQuery {
            filter: Some(filter),
            sort: sort.iter().map(|&field| field.to_owned()).collect(),
            ..EntityQuery::all("item")
        };
        report(&format!("query: {name}"), 100, async |_| {
            let page = query_entities(&pool, &query).await.unwrap();
            assert!(!page.entities.is_empty());
        })
        .await;
    }
    let query = EntityQuery {
        ready_only: true,
        ..EntityQuery::all("item")
    };
    report("ready work", 100, async |_| {
        query_entities(&pool, &query).await.unwrap();
    })
    .await;
}

async fn report(name: &str, rounds: i32, mut work: impl AsyncFnMut(i32)) {
    let mut times = Vec::new();
    for round in 0..rounds {
        let started = Instant::now();
        work(round).await;
        times.push(started.elapsed());
    }
    times.sort();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1_000.0;
    println!(
        "{name:<24} p50 {:>7.2}  p95 {:>7.2}  max {:>7.2}",
        at(50),
        at(95),
        at(100)
    );
}

async fn increments() {
    let server = TestServer::start_new().await;
    let (url, pool) = database(&server, 5).await;
    let operation = Operation::Create {
        schema: "item".to_owned(),
        data: json!({"n": 0}),
        id: None,
    };
    let counter = change_entity(&pool, &operation, Author::named("load")).await.unwrap();
    let started = Instant::now();
    let program = std::env::current_exe().unwrap();
    let mut children: Vec<_> = (0..PROCESSES)
        .map(|_| {
            let id = counter.id.to_string();
            Command::new(&program)
                .args(["increment", &url, &id])
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let end = get_entity(&pool, counter.id, AsOf::Now).await.unwrap();
    let expected = PROCESSES * WRITERS * INCREMENTS;
    println!(
        "{expected} increments by {} writers in {PROCESSES} processes: {} counted, {} lost, {:.0} s",
        PROCESSES * WRITERS,
        end.data["n"],
        expected - end.data["n"].as_i64().unwrap(),
        started.elapsed().as_secs_f64()
    );
    assert_eq!(
        (end.data["n"].as_i64(), i64::from(end.version)),
        (Some(expected), expected + 1)
    );
}

/// One process of `increments`.
async fn increment(url: &str, id: Uuid) {
    let pool = connect(url, u32::try_from(WRITERS).unwrap()).await;
    let counter = get_entity(&pool, id, AsOf::Now).await.unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (pool, counter) = (pool.clone(), counter.clone());
            tokio::spawn(async move { contention::increment(&pool, counter, INCREMENTS).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

async fn claims() {
    const WORKERS: i32 = 100;
    const ITEMS: i32 = 2_000;
    let server = TestServer::start_new().await;
    let (_, pool) = database(&server, 50).await;
    fill(&pool, ITEMS).await;
    let started = Instant::now();
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let pool = pool.clone();
            tokio::spawn(async move { contention::claim_all(&pool, &format!("worker {worker}")).await })
        })
        .collect();
    let mut taken = Vec::new();
    for worker in workers {
        taken.extend(worker.await.unwrap());
    }
    let distinct: HashSet<Uuid> = taken.iter().copied().collect();
    println!(
        "{} claims by {WORKERS} workers: {} duplicates, {:.0} s",
        taken.len(),
        taken.len() - distinct.len(),
        started.elapsed().as_secs_f64()
    );
    assert_eq!(taken.len(), distinct.len());
}

/// How soon what a killed process held is somebody else's, and what becomes of its late writes.
async fn takeovers() {
    const HELD: usize = 100;
    const LEASE_SECS: i64 = 5;
    let server = TestServer::start_new().await;
    let (url, pool) = database(&server, 5).await;
    fill(&pool, i32::try_from(2 * HELD).unwrap()).await;
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["hold", &url, &HELD.to_string(), &LEASE_SECS.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let held: Vec<Claim> = lines
        .take(HELD)
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    // SIGKILL: it cannot give anything back.
    holder.kill().unwrap();
    holder.wait().unwrap();
    let mut longest = 0.0_f64;
    let mut refused = 0;
    for lost in &held {
        let query = EntityQuery {
            filter: Some(json!({"$id": lost.entity.id})),
            ..EntityQuery::all("item")
        };
        let taken = loop {
            if let Some(taken) = claim_next(&pool, &query, "next", 600).await.unwrap() {
                break taken;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let waited = taken.expires_at - chrono::TimeDelta::seconds(600) - lost.expires_at;
        longest = longest.max(waited.as_seconds_f64());
        let late = Operation::Update {
            target: Target {
                id: lost.entity.id,
                expected_version: lost.entity.version,
                fence: Some(lost.fence),
            },
            change: Change::from_patch(json!({"status": "done"})),
        };
        let late = change_entity(&pool, &late, Author::named("killed")).await;
        refused += usize::from(matches!(late, Err(WorkflowError::ClaimLost { .. })));
    }
    println!(
        "{HELD} claims of a killed process, leases of {LEASE_SECS} s: the last one taken over {longest:.2} s after its lease's end; \
         {refused} of {HELD} late writes refused"
    );
    assert_eq!(refused, HELD);
}

/// The process that `takeovers` kills: claims, says what it holds, and works for ever.
async fn hold(url: &str, count: usize, lease_secs: u32) {
    let pool = connect(url, 5).await;
    for _ in 0..count {
        let claim = claim_next(&pool, &EntityQuery::all("item"), "killed", lease_secs)
            .await
            .unwrap()
            .unwrap();
        println!("{}", serde_json::to_string(&claim).unwrap());
    }
    std::future::pending().await
}
