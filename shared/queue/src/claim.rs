//! Claims due lanes. Each claim is one short statement; the run then works under the lease it gave, and whatever it
//! publishes carries the claim's fence. Never holds a transaction open while work is done and never decides a retry.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::claim_filter::ClaimFilter;
use crate::error::Result;
use crate::lane::Lane;
use crate::turns::Turns;
use crate::workers::Worker;

/// The most lanes one claim takes, however many places its worker has free: it bounds the statement. So many, because jobs
/// that take no time cost little more than their share of the round trips.
pub const CLAIM_LIMIT: usize = 64;

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

/// Leases up to `limit` (at most [`CLAIM_LIMIT`]) due lanes to the worker, the most urgent first, and at each level from
/// the project whose turn it is.
///
/// Empty when nothing is due, when others hold it all, when the projects with due lanes have all they may, or when the
/// worker has expired: the next heartbeat tells.
pub async fn claim(pool: &PgPool, worker: &Worker, filter: &ClaimFilter, limit: usize) -> Result<Vec<Claim>> {
    let limit = i64::try_from(limit.min(CLAIM_LIMIT)).expect("the limit is small");
    let places = filter.turns.places(&filter.distinct_hosts());
    let since = match filter.floor.current() {
        Some(since) => since,
        None => filter.floor.found(oldest_due(pool, filter).await?),
    };
    let mut rows = sqlx::query!(
        r#"select id as "id!", priority as "priority!", host as "host!", run_at as "run_at!", project_id as "project_id!",
               repository_id, kind as "kind!", shard as "shard!", fence as "fence!", attempt as "attempt!",
               claimed_generation as "claimed_generation!", claimed_full as "claimed_full!"
           from claim_lanes($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"#,
        worker.id,
        &places.levels,
        &places.hosts,
        &places.after,
        &places.through,
        &filter.kind_words() as &[&str],
        filter.projects.as_deref(),
        filter.default_limit(),
        limit,
        since,
    )
    .fetch_all(pool)
    .await?;
    rows.sort_by_key(|row| {
        let position = places.position(row.priority, &row.host, row.project_id);
        (position, row.project_id, row.run_at)
    });
    let mut claims = Vec::with_capacity(rows.len());
    for row in rows {
        filter.turns.served(row.priority, row.host, row.project_id);
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

/// How long until a lane is due that this filter lets through; zero: now; none: nothing is waiting, or only in projects
/// that have all they may. Measured on the database's clock. A lane that others are just claiming counts as due.
pub async fn next_due(pool: &PgPool, filter: &ClaimFilter) -> Result<Option<Duration>> {
    let first = first_due(pool, filter, filter.floor.current(), false).await?;
    Ok(first
        .due_at
        .map(|at| (at - first.looked_at).to_std().unwrap_or_default()))
}

/// Since when the oldest lane has waited on the filter's hosts, of whatever kind and in whatever project: also what the
/// worker has no place for now, or a project no lease, may be claimed a moment later. Now, if none is due.
async fn oldest_due(pool: &PgPool, filter: &ClaimFilter) -> Result<DateTime<Utc>> {
    let any = ClaimFilter {
        hosts: filter.hosts.clone(),
        ..ClaimFilter::everything("")
    };
    let first = first_due(pool, &any, None, true).await?;
    Ok(first.due_at.map_or(first.looked_at, |at| at.min(first.looked_at)))
}

struct FirstDue {
    due_at: Option<DateTime<Utc>>,
    looked_at: DateTime<Utc>,
}

async fn first_due(
    pool: &PgPool,
    filter: &ClaimFilter,
    since: Option<DateTime<Utc>>,
    over_the_limit_too: bool,
) -> Result<FirstDue> {
    let places = Turns::default().places(&filter.distinct_hosts());
    let first = sqlx::query_as!(
        FirstDue,
        r#"select due_at, looked_at as "looked_at!" from first_due($1, $2, $3, $4, $5, $6, $7)"#,
        &places.levels,
        &places.hosts,
        &filter.kind_words() as &[&str],
        filter.projects.as_deref(),
        filter.default_limit(),
        over_the_limit_too,
        since.unwrap_or(DateTime::UNIX_EPOCH),
    )
    .fetch_one(pool)
    .await?;
    Ok(first)
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
