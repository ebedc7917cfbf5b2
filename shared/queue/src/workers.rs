//! Workers: who is alive, by the clock of the database only. A worker's life is what its leases last, so heartbeats
//! touch one row per worker and none per lane. Never returns the lanes of the dead: see rescue.rs.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;

use crate::claim::Claim;
use crate::error::Result;
use crate::lane::{JobKind, Lane};
use crate::settle::{FollowUp, Outcome, settle};

/// How often a worker beats.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(2);

/// How long a worker lives after a beat: three may get lost before its lanes are taken over.
pub const TIME_TO_LIVE: Duration = Duration::from_secs(8);

/// A registered worker.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Its row; a worker that registers anew gets another one.
    pub id: i64,
    /// How long it lives after each beat.
    pub time_to_live: Duration,
}

/// Registers a worker process; it is alive from now on for `time_to_live` (normally [`TIME_TO_LIVE`]).
pub async fn register_worker(
    pool: &PgPool,
    host: &str,
    process_id: u32,
    version: &str,
    time_to_live: Duration,
) -> Result<Worker> {
    let id = sqlx::query_scalar!(
        "insert into workers (host, pid, version, alive_until)
         values ($1, $2, $3, clock_timestamp() + $4::double precision * interval '1 second')
         returning id",
        host,
        process_id.cast_signed(),
        version,
        time_to_live.as_secs_f64(),
    )
    .fetch_one(pool)
    .await?;
    Ok(Worker { id, time_to_live })
}

/// What a heartbeat brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// False: the worker has expired. It stops every run, publishes nothing and registers anew.
    pub alive: bool,
    /// The lanes it holds.
    pub leases: Vec<Lease>,
}

/// A lease, as the database sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The lane's row.
    pub job_id: i64,
    /// The fence of the claim that took it.
    pub fence: i64,
    /// The run is to stop and settle as [`Outcome::Cancelled`].
    pub cancel_requested: bool,
}

impl Beat {
    /// The lanes whose runs are to stop and settle as cancelled.
    pub fn cancelled(&self) -> impl Iterator<Item = i64> + '_ {
        self.leases
            .iter()
            .filter(|lease| lease.cancel_requested)
            .map(|lease| lease.job_id)
    }

    /// Whether the lease of a claim is gone. Ask only about claims that were held before the beat was sent.
    #[must_use]
    pub fn lost(&self, claim: &Claim) -> bool {
        !self
            .leases
            .iter()
            .any(|lease| lease.job_id == claim.job_id && lease.fence == claim.fence)
    }
}

/// Prolongs the worker's life, and with it all its leases.
pub async fn heartbeat(pool: &PgPool, worker: &Worker) -> Result<Beat> {
    let rows = sqlx::query_file!(
        "src/queries/heartbeat.sql",
        worker.id,
        worker.time_to_live.as_secs_f64()
    )
    .fetch_all(pool)
    .await?;
    let leases = rows.iter().filter_map(|row| {
        Some(Lease {
            job_id: row.job_id?,
            fence: row.fence?,
            cancel_requested: row.cancel_requested?,
        })
    });
    Ok(Beat {
        alive: !rows.is_empty(),
        leases: leases.collect(),
    })
}

/// Ends a worker that stops in good order: hands back what it still holds, without counting an attempt.
///
/// Lane by lane, each in a transaction of its own: several locked at once would need the order of all other modules.
pub async fn retire_worker(pool: &PgPool, worker: &Worker) -> Result<()> {
    hand_back(pool, worker, None).await?;
    sqlx::query!("delete from workers where id = $1", worker.id)
        .execute(pool)
        .await?;
    Ok(())
}

/// Hands back leases of a living worker that none of its runs holds, without counting an attempt: the answer to a claim
/// was lost on its way, or a settlement failed for too long.
pub async fn hand_back_strays(pool: &PgPool, worker: &Worker, strays: &[Lease]) -> Result<()> {
    hand_back(pool, worker, Some(strays)).await
}

/// None: whatever it holds.
async fn hand_back(pool: &PgPool, worker: &Worker, only: Option<&[Lease]>) -> Result<()> {
    let fences: Option<Vec<i64>> = only.map(|leases| leases.iter().map(|lease| lease.fence).collect());
    let held = sqlx::query!(
        "select id, project_id, repository_id, kind, shard, fence, claimed_generation, attempt, claimed_full
         from jobs
         where state = 'leased'
             and worker_id = $1
             and ($2::bigint[] is null or fence = any ($2))
         order by id",
        worker.id,
        fences.as_deref(),
    )
    .fetch_all(pool)
    .await?;
    for row in held {
        let claim = Claim {
            job_id: row.id,
            lane: Lane {
                project_id: row.project_id,
                repository_id: row.repository_id,
                kind: row.kind.parse::<JobKind>()?,
                shard: row.shard,
            },
            fence: row.fence,
            generation: row.claimed_generation,
            attempt: row.attempt,
            full: row.claimed_full,
            worker_id: worker.id,
        };
        settle(pool, &claim, &[], Outcome::HandedBack, Value::Null, FollowUp::default()).await?;
    }
    Ok(())
}

/// A worker, for people.
#[derive(Clone, Debug, Serialize)]
pub struct WorkerEntry {
    /// Its row.
    pub id: i64,
    /// Where it runs.
    pub host: String,
    /// Its process there.
    pub process_id: u32,
    /// Its program's version.
    pub version: String,
    /// When it registered.
    pub started_at: DateTime<Utc>,
    /// Its last beat.
    pub seen_at: DateTime<Utc>,
    /// Whether it is alive by the database's clock.
    pub alive: bool,
    /// How many lanes it holds.
    pub leases: i64,
}

/// All workers that have not been retired or cleared away, oldest first.
pub async fn workers(pool: &PgPool) -> Result<Vec<WorkerEntry>> {
    let rows = sqlx::query!(
        r#"select id, host, pid, version, started_at, seen_at, alive_until > clock_timestamp() as "alive!",
               (select count(*) from jobs where jobs.state = 'leased' and jobs.worker_id = workers.id) as "leases!"
           from workers
           order by id"#,
    )
    .fetch_all(pool)
    .await?;
    let entries = rows.into_iter().map(|row| WorkerEntry {
        id: row.id,
        host: row.host,
        process_id: row.pid.cast_unsigned(),
        version: row.version,
        started_at: row.started_at,
        seen_at: row.seen_at,
        alive: row.alive,
        leases: row.leases,
    });
    Ok(entries.collect())
}

/// How many workers on `host` are alive: zero means that nobody reads the files there.
pub async fn workers_alive(pool: &PgPool, host: &str) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from workers where host = $1 and alive_until > clock_timestamp()"#,
        host,
    )
    .fetch_one(pool)
    .await?;
    Ok(count)
}
