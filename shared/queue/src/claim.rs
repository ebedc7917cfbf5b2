//! Claims due lanes. Each claim is one short statement; the run then works under the lease it gave, and whatever it
//! publishes carries the claim's fence. Never holds a transaction open while work is done and never decides a retry.

use std::num::NonZeroU16;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::claim_floor::ClaimFloor;
use crate::error::Result;
use crate::lane::{JobKind, Lane};
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

/// What a worker is able and willing to do, whose turn it is with it, and how far back lanes wait for it. Keep one for the
/// life of the worker; clones share the last two.
#[derive(Clone, Debug)]
pub struct ClaimFilter {
    /// Where it reaches files: its own host's name, then the labels it carries. It gets the lanes of those and the
    /// lanes any host can do.
    pub hosts: Vec<String>,
    /// The kinds it does.
    pub kinds: Vec<JobKind>,
    /// Only these projects; none: all.
    pub projects: Option<Vec<Uuid>>,
    /// How many lanes of one project may be leased at a time, by all workers together; none: as many as there are.
    /// What [`crate::limit_project`] says of a project goes before it. Exact if all workers say the same.
    pub leases_per_project: Option<NonZeroU16>,
    turns: Turns,
    floor: ClaimFloor,
}

impl ClaimFilter {
    /// Every kind and every project reachable from `host`.
    pub fn everything(host: impl Into<String>) -> Self {
        Self {
            hosts: vec![host.into()],
            kinds: JobKind::ALL.to_vec(),
            projects: None,
            leases_per_project: None,
            turns: Turns::default(),
            floor: ClaimFloor::default(),
        }
    }

    /// Also what several machines can reach that share a label.
    #[must_use]
    pub fn with_labels(mut self, labels: impl IntoIterator<Item = String>) -> Self {
        self.hosts.extend(labels);
        self
    }

    /// Only these kinds.
    #[must_use]
    pub fn with_kinds(mut self, kinds: impl IntoIterator<Item = JobKind>) -> Self {
        self.kinds = kinds.into_iter().collect();
        self
    }

    /// Only these projects.
    #[must_use]
    pub fn with_projects(mut self, projects: impl IntoIterator<Item = Uuid>) -> Self {
        self.projects = Some(projects.into_iter().collect());
        self
    }

    /// At most so many lanes of one project at a time, by all workers together.
    #[must_use]
    pub fn with_leases_per_project(mut self, leases: Option<NonZeroU16>) -> Self {
        self.leases_per_project = leases;
        self
    }

    pub(crate) fn kind_words(&self) -> Vec<&'static str> {
        self.kinds.iter().map(|kind| kind.as_str()).collect()
    }

    /// Each place once, last the one for what any host can do.
    pub(crate) fn distinct_hosts(&self) -> Vec<&str> {
        let mut hosts: Vec<&str> = Vec::with_capacity(self.hosts.len() + 1);
        for host in self.hosts.iter().map(String::as_str).chain([""]) {
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        hosts
    }

    pub(crate) fn default_limit(&self) -> Option<i32> {
        self.leases_per_project.map(|leases| i32::from(leases.get()))
    }
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
    let mut rows = sqlx::query_file!(
        "src/queries/claim.sql",
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
    let next = first_ready(pool, filter, false).await?;
    let wait = next.run_at.map(|at| (at - next.now).to_std().unwrap_or_default());
    if wait == Some(Duration::ZERO) {
        // Perhaps overlooked, because it is due since long before it was committed.
        filter.floor.forget();
    }
    Ok(wait)
}

/// Since when the oldest lane has waited on the filter's hosts, of whatever kind and in whatever project: also what the
/// worker has no place for now, or a project no lease, may be claimed a moment later. Now, if none is due.
async fn oldest_due(pool: &PgPool, filter: &ClaimFilter) -> Result<DateTime<Utc>> {
    let any = ClaimFilter {
        hosts: filter.hosts.clone(),
        ..ClaimFilter::everything("")
    };
    let oldest = first_ready(pool, &any, true).await?;
    Ok(oldest.run_at.map_or(oldest.now, |at| at.min(oldest.now)))
}

struct FirstReady {
    run_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
}

async fn first_ready(pool: &PgPool, filter: &ClaimFilter, over_the_limit_too: bool) -> Result<FirstReady> {
    let places = Turns::default().places(&filter.distinct_hosts());
    let first = sqlx::query_file_as!(
        FirstReady,
        "src/queries/first_ready.sql",
        &places.levels,
        &places.hosts,
        &filter.kind_words() as &[&str],
        filter.projects.as_deref(),
        filter.default_limit(),
        over_the_limit_too,
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
