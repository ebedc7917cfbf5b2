//! A registry database of the test's own, and the few lines every test would otherwise repeat.

use std::time::Duration;

use quarry_postgres::testing::{TestDatabase, test_database};
use quarry_queue::*;
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

/// The long form of the tests was asked for.
pub(crate) fn long() -> bool {
    std::env::var_os("QUARRY_TEST_LONG").is_some()
}

pub(crate) const HOST: &str = "desk";

pub(crate) struct Bench {
    pub(crate) pool: PgPool,
    pub(crate) project: Uuid,
    pub(crate) repository: Uuid,
    pub(crate) worker: Worker,
    _database: TestDatabase,
}

impl Bench {
    pub(crate) async fn new() -> Bench {
        let database = test_database().await;
        let pool = PgPoolOptions::new()
            .max_connections(12)
            .connect(&database.url)
            .await
            .unwrap();
        sqlx::migrate!("../../migrations/registry").run(&pool).await.unwrap();
        let project = project(&pool, "tested").await;
        let worker = register_worker(&pool, HOST, 1, "test", Duration::from_secs(60))
            .await
            .unwrap();
        Bench {
            pool,
            project,
            repository: Uuid::now_v7(),
            worker,
            _database: database,
        }
    }

    pub(crate) async fn sync(&self) -> Ticket {
        enqueue_sync(
            &self.pool,
            self.project,
            self.repository,
            Some(HOST),
            SyncRequest::new("test"),
        )
        .await
        .unwrap()
    }

    pub(crate) async fn save(&self, names: &[&str]) -> Ticket {
        self.try_save(names).await.unwrap()
    }

    pub(crate) async fn try_save(&self, names: &[&str]) -> Result<Ticket> {
        let paths = paths(names);
        mark_dirty(
            &self.pool,
            self.project,
            self.repository,
            Some(HOST),
            &paths,
            Debounce::NONE,
            "test",
        )
        .await
    }

    /// Claims everything that is due.
    pub(crate) async fn claims(&self) -> Vec<Claim> {
        claim(&self.pool, &self.worker, &ClaimFilter::everything(HOST), CLAIM_LIMIT)
            .await
            .unwrap()
    }

    /// The only lane that is due.
    pub(crate) async fn claim(&self) -> Claim {
        let mut claims = self.claims().await;
        assert_eq!(claims.len(), 1, "{claims:?}");
        claims.remove(0)
    }

    pub(crate) async fn settle(&self, claim: &Claim, outcome: Outcome) -> Settled {
        let processed = dirty_files(&self.pool, claim, None, 1_000).await.unwrap();
        settle(
            &self.pool,
            claim,
            &processed,
            outcome,
            json!({"files": processed.len()}),
            FollowUp::default(),
        )
        .await
        .unwrap()
    }

    /// Runs whatever is due until nothing is.
    pub(crate) async fn drain(&self) {
        loop {
            let claims = self.claims().await;
            if claims.is_empty() {
                return;
            }
            for claim in claims {
                self.settle(&claim, Outcome::Succeeded).await;
            }
        }
    }

    /// Ends whatever is leased.
    pub(crate) async fn settle_all(&self) {
        let leased = heartbeat(&self.pool, &self.worker).await.unwrap().leases;
        for lease in leased {
            sqlx::query(
                "update jobs set state = 'idle', worker_id = null, done_generation = claimed_generation where id = $1",
            )
            .bind(lease.job_id)
            .execute(&self.pool)
            .await
            .unwrap();
        }
    }

    pub(crate) async fn state(&self, ticket: Ticket) -> TicketState {
        ticket_status(&self.pool, ticket.id).await.unwrap().state
    }

    /// Makes the worker's lease run out now.
    pub(crate) async fn expire(&self, worker: &Worker) {
        sqlx::query("update workers set alive_until = clock_timestamp() - interval '1 second' where id = $1")
            .bind(worker.id)
            .execute(&self.pool)
            .await
            .unwrap();
    }

    /// Ends every pause.
    pub(crate) async fn make_all_due(&self) {
        sqlx::query("update jobs set run_at = clock_timestamp() where state = 'ready'")
            .execute(&self.pool)
            .await
            .unwrap();
    }

    pub(crate) async fn column(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }
}

pub(crate) async fn project(pool: &PgPool, name: &str) -> Uuid {
    sqlx::query_scalar(
        "insert into projects (name, database_name, state) values ($1, 'project_' || $1, 'ready') returning id",
    )
    .bind(name)
    .fetch_one(pool)
    .await
    .unwrap()
}

pub(crate) fn paths(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// `count` names of files that all belong to one shard.
pub(crate) fn in_shard(shard: i16, count: usize) -> Vec<String> {
    (0..)
        .map(|n| format!("file_{n}.rs"))
        .filter(|path| shard_of(path) == shard)
        .take(count)
        .collect()
}

/// A retry without a pause.
pub(crate) fn at_once(max_attempts: i16) -> RetryPolicy {
    RetryPolicy {
        max_attempts,
        first_pause: Duration::ZERO,
        ..RetryPolicy::default()
    }
}

/// Deterministic numbers: splitmix64.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Asks until the count is not zero.
pub(crate) async fn wait_until(bench: &Bench, count: &'static str) {
    let asking = async {
        while bench.column(count).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking)
        .await
        .unwrap_or_else(|_| panic!("still zero: {count}"));
}
