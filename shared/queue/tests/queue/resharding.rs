//! The migration from four lanes per repository to eight, on a queue that was in use.

use crate::support::*;
use quarry_postgres::testing::test_database;
use quarry_queue::*;
use sqlx::PgPool;
use sqlx::migrate::{Migrate as _, Migrator};
use uuid::Uuid;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/registry");
const RESHARDING: i64 = 3;

/// A repository as the earlier version left it: a save waits in lane 2, and a ticket for it.
async fn before(pool: &PgPool) -> (Uuid, Uuid) {
    let mut connection = pool.acquire().await.unwrap();
    connection.ensure_migrations_table("_sqlx_migrations").await.unwrap();
    for migration in MIGRATIONS.iter().filter(|migration| migration.version < RESHARDING) {
        connection.apply("_sqlx_migrations", migration).await.unwrap();
    }
    let project = project(pool, "used").await;
    let (repository, ticket) = (Uuid::now_v7(), Uuid::now_v7());
    let lane: i64 = sqlx::query_scalar(
        "insert into jobs (project_id, repository_id, kind, shard, host, state, priority, dirty_generation, waiting_since)
         values ($1, $2, 'index_files', 2, $3, 'ready', 1, 4, clock_timestamp())
         returning id",
    )
    .bind(project)
    .bind(repository)
    .bind(HOST)
    .fetch_one(pool)
    .await
    .unwrap();
    sqlx::query("insert into dirty_files (repository_id, shard, path) values ($1, 2, 'a')")
        .bind(repository)
        .execute(pool)
        .await
        .unwrap();
    sqlx::query("insert into tickets (id, project_id, repository_id, requested_by) values ($1, $2, $3, 'test')")
        .bind(ticket)
        .bind(project)
        .bind(repository)
        .execute(pool)
        .await
        .unwrap();
    sqlx::query("insert into ticket_waits (ticket_id, job_id, generation) values ($1, $2, 4)")
        .bind(ticket)
        .bind(lane)
        .execute(pool)
        .await
        .unwrap();
    (repository, ticket)
}

async fn lease(pool: &PgPool, seconds_left: i32) {
    sqlx::query(
        "with worker as (
             insert into workers (host, pid, version, alive_until)
             values ('desk', 42, 'old', clock_timestamp() + $1 * interval '1 second')
             returning id
         )
         update jobs set state = 'leased', worker_id = worker.id, leased_at = clock_timestamp(), fence = 7,
             claimed_generation = dirty_generation, attempt = 1
         from worker",
    )
    .bind(seconds_left)
    .execute(pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn what_was_dirty_becomes_one_full_sync_that_the_tickets_wait_for() {
    let database = test_database().await;
    let pool = PgPool::connect(&database.url).await.unwrap();
    let (repository, ticket) = before(&pool).await;
    MIGRATIONS.run(&pool).await.unwrap();

    let worker = register_worker(&pool, HOST, 1, "test", TIME_TO_LIVE).await.unwrap();
    let mut claims = claim(&pool, &worker, &ClaimFilter::everything(HOST), CLAIM_LIMIT)
        .await
        .unwrap();
    assert_eq!(claims.len(), 1, "{claims:?}");
    let sync = claims.remove(0);
    assert_eq!((sync.lane.kind, sync.full), (JobKind::SyncRepository, true));
    assert_eq!(sync.lane.repository_id, Some(repository));
    assert_eq!(ticket_status(&pool, ticket).await.unwrap().state, TicketState::Running);

    mark_dirty_from_sync(&pool, &sync, &paths(&["a"]), Priority::Bulk)
        .await
        .unwrap();
    let outcome = Outcome::Succeeded;
    settle(&pool, &sync, &[], outcome, serde_json::Value::Null, FollowUp::default())
        .await
        .unwrap();
    assert_eq!(ticket_status(&pool, ticket).await.unwrap().state, TicketState::Waiting);
    let marked: i16 = sqlx::query_scalar("select shard from dirty_files")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(marked, shard_of("a"));
}

#[tokio::test]
async fn while_a_worker_of_the_earlier_version_indexes_nothing_is_changed() {
    let database = test_database().await;
    let pool = PgPool::connect(&database.url).await.unwrap();
    before(&pool).await;
    lease(&pool, 60).await;
    let refused = format!("{:?}", MIGRATIONS.run(&pool).await.unwrap_err());
    assert!(refused.contains("process 42 on desk"), "{refused}");
    let dirty: i64 = sqlx::query_scalar("select count(*) from dirty_files")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(dirty, 1);
}

#[tokio::test]
async fn the_lane_of_a_dead_worker_is_run_again_so_that_its_fence_rises() {
    let database = test_database().await;
    let pool = PgPool::connect(&database.url).await.unwrap();
    before(&pool).await;
    lease(&pool, -1).await;
    MIGRATIONS.run(&pool).await.unwrap();
    rescue(&pool, &RetryPolicy::default()).await.unwrap();
    sqlx::query("update jobs set run_at = clock_timestamp()")
        .execute(&pool)
        .await
        .unwrap();
    let worker = register_worker(&pool, HOST, 1, "test", TIME_TO_LIVE).await.unwrap();
    let claims = claim(&pool, &worker, &ClaimFilter::everything(HOST), CLAIM_LIMIT)
        .await
        .unwrap();
    let again = claims
        .iter()
        .find(|claim| claim.lane.kind == JobKind::IndexFiles)
        .unwrap();
    assert_eq!(again.lane.shard, 2);
    assert!(dirty_files(&pool, again, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_program_that_splits_otherwise_cannot_mark_files() {
    let bench = Bench::new().await;
    let refused = sqlx::query("insert into dirty_files (repository_id, shard, path) values ($1, 2, 'a')")
        .bind(bench.repository)
        .execute(&bench.pool)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("shard_count"), "{refused}");
}
