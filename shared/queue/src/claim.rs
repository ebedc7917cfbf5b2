//! Claims due lanes. Each claim is one short statement; the run then works under the lease it gave, and whatever it
//! publishes carries the claim's fence. Never holds a transaction open while work is done and never decides a retry.

use std::time::Duration;

use sqlx::PgPool;
use uuid::Uuid;

use crate::error::Result;
use crate::lane::{JobKind, Lane};
use crate::workers::Worker;

/// The most lanes one claim takes; more would sit leased and unworked while other workers idle.
pub const CLAIM_LIMIT: usize = 16;

/// A lane leased to a worker. The lease lasts as long as the worker's heartbeats do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The lane's row.
    pub job_id: i64,
    /// What is to be done.
    pub lane: Lane,
    /// Higher than every fence given before, on any lane. Raise the lane's fence in the project's database to it
    /// before reading the first file.
    pub fence: i64,
    /// The requests up to this generation are served when the run succeeds.
    pub generation: i64,
    /// Which try this is since the last success, from 1.
    pub attempt: i16,
    /// Somebody asked for every file to be read.
    pub full: bool,
    /// Who holds the lease.
    pub worker_id: i64,
}

/// What a worker is able and willing to do.
#[derive(Clone, Debug)]
pub struct ClaimFilter {
    /// Its host: it gets the lanes of that host and those any host can do.
    pub host: String,
    /// The kinds it does.
    pub kinds: Vec<JobKind>,
    /// Only these projects; none: all.
    pub projects: Option<Vec<Uuid>>,
}

impl ClaimFilter {
    /// Every kind and every project reachable from `host`.
    pub fn everything(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            kinds: JobKind::ALL.to_vec(),
            projects: None,
        }
    }

    fn kind_words(&self) -> Vec<&'static str> {
        self.kinds.iter().map(|kind| kind.as_str()).collect()
    }
}

/// Leases up to `limit` (at most [`CLAIM_LIMIT`]) due lanes to the worker, the most urgent first.
///
/// Empty when nothing is due, when others hold it all, or when the worker has expired: the next heartbeat tells.
pub async fn claim(pool: &PgPool, worker: &Worker, filter: &ClaimFilter, limit: usize) -> Result<Vec<Claim>> {
    let limit = i64::try_from(limit.min(CLAIM_LIMIT)).expect("the limit is small");
    let rows = sqlx::query_file!(
        "src/queries/claim.sql",
        worker.id,
        filter.host,
        &filter.kind_words() as &[&str],
        filter.projects.as_deref(),
        limit,
    )
    .fetch_all(pool)
    .await?;
    let mut claims = Vec::with_capacity(rows.len());
    for row in rows {
        claims.push(Claim {
            job_id: row.id,
            lane: Lane {
                project_id: row.project_id,
                repository_id: row.repository_id,
                kind: row.kind.parse()?,
                shard: row.shard,
            },
            fence: row.fence,
            generation: row.claimed_generation,
            attempt: row.attempt,
            full: row.claimed_full,
            worker_id: worker.id,
        });
    }
    Ok(claims)
}

/// How long until a lane is due that this filter lets through; zero: now; none: nothing is waiting.
/// Measured on the database's clock. A lane that others are just claiming counts as due.
pub async fn next_due(pool: &PgPool, filter: &ClaimFilter) -> Result<Option<Duration>> {
    let seconds = sqlx::query_file_scalar!(
        "src/queries/next_due.sql",
        filter.host,
        &filter.kind_words() as &[&str],
        filter.projects.as_deref(),
    )
    .fetch_one(pool)
    .await?;
    Ok(seconds.map(|seconds| Duration::from_secs_f64(seconds.max(0.0))))
}

/// Whether the lease still stands: not revoked, not rescued, and its worker not expired. For the last look before
/// publishing; the fence in the project's database is what makes publishing safe.
pub async fn holds(pool: &PgPool, claim: &Claim) -> Result<bool> {
    let held = sqlx::query_scalar!(
        r#"select exists (
               select
               from jobs
               join workers on workers.id = jobs.worker_id
               where jobs.id = $1
                   and jobs.fence = $2
                   and jobs.state = 'leased'
                   and workers.alive_until > clock_timestamp()
           ) as "held!""#,
        claim.job_id,
        claim.fence,
    )
    .fetch_one(pool)
    .await?;
    Ok(held)
}
