//! What the queue looks like, for people. Reads only. What an answer says of its freshness: see pending.rs.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::error::{QueueError, Result};
use crate::lane::JobKind;
use crate::progress::Progress;

/// Which lanes to list.
#[derive(Clone, Debug, Default)]
pub struct JobsFilter {
    /// Only this project.
    pub project_id: Option<Uuid>,
    /// Only this repository.
    pub repository_id: Option<Uuid>,
    /// Only these kinds.
    pub kinds: Option<Vec<JobKind>>,
    /// Only lanes in these states; none named: all but idle ones.
    pub states: Vec<String>,
    /// Also lanes in which nothing waits.
    pub idle: bool,
    /// At most so many; none: 100.
    pub limit: Option<u32>,
}

/// A lane, for people.
#[derive(Clone, Debug, Serialize)]
pub struct JobEntry {
    /// The lane's row.
    pub job_id: i64,
    /// What it does.
    pub kind: JobKind,
    /// For which project.
    pub project_id: Uuid,
    /// The project's name.
    pub project_name: String,
    /// For which repository; none: for the whole project.
    pub repository_id: Option<Uuid>,
    /// Which part of the repository.
    pub shard: i16,
    /// `idle`, `ready`, `leased`, `parked` or `removing`.
    pub state: String,
    /// 1 goes first: see [`crate::Priority`].
    pub priority: i16,
    /// Runs since the last success that failed, the present one included.
    pub attempt: i16,
    /// Runs since the last success that ended with the death of their worker.
    pub losses: i16,
    /// Where its files are; none: any worker can do it.
    pub host: Option<String>,
    /// When it is due, if ready.
    pub next_run_at: Option<DateTime<Utc>>,
    /// Since when it is run, if leased.
    pub leased_at: Option<DateTime<Utc>>,
    /// The host of the worker that runs it.
    pub worker_host: Option<String>,
    /// That worker's process.
    pub worker_process_id: Option<u32>,
    /// The run is asked to stop.
    pub cancel_requested: bool,
    /// Seconds since what waits was asked for; of an idle lane, since it was settled.
    pub age_seconds: Option<f64>,
    /// Why its last failure failed, until it succeeds.
    pub last_error: Option<String>,
    /// When that was.
    pub last_failed_at: Option<DateTime<Utc>>,
    /// How many files are marked in it.
    pub dirty_files: i64,
    /// How far its present run is.
    pub progress: Option<Progress>,
}

/// Lists lanes: running ones first, then what waits, by urgency.
pub async fn jobs_list(pool: &PgPool, filter: &JobsFilter) -> Result<Vec<JobEntry>> {
    entries(pool, filter, None).await
}

/// One lane and its latest runs, newest first, at most 20.
pub async fn job_show(pool: &PgPool, job_id: i64) -> Result<(JobEntry, Vec<RunEntry>)> {
    let filter = JobsFilter {
        idle: true,
        ..JobsFilter::default()
    };
    let entry = entries(pool, &filter, Some(job_id))
        .await?
        .pop()
        .ok_or(QueueError::UnknownJob(job_id))?;
    let runs = sqlx::query_as!(
        RunEntry,
        r#"select id, fence, attempt, host, started_at, finished_at, outcome, error, counts
           from runs
           where job_id = $1
           order by finished_at desc
           limit 20"#,
        job_id,
    )
    .fetch_all(pool)
    .await?;
    Ok((entry, runs))
}

async fn entries(pool: &PgPool, filter: &JobsFilter, job_id: Option<i64>) -> Result<Vec<JobEntry>> {
    let kinds: Option<Vec<&str>> = filter
        .kinds
        .as_ref()
        .map(|kinds| kinds.iter().map(|kind| kind.as_str()).collect());
    let named: Vec<&str> = filter.states.iter().map(String::as_str).collect();
    let states: Option<&[&str]> = match (filter.idle, named.is_empty()) {
        (_, false) => Some(&named),
        (true, true) => None,
        (false, true) => Some(&["leased", "ready", "parked", "removing"]),
    };
    let rows = sqlx::query_file!(
        "src/queries/jobs_list.sql",
        filter.project_id,
        filter.repository_id,
        kinds.as_deref() as Option<&[&str]>,
        states as Option<&[&str]>,
        job_id,
        i64::from(filter.limit.unwrap_or(100)),
    )
    .fetch_all(pool)
    .await?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        entries.push(JobEntry {
            job_id: row.id,
            kind: row.kind.parse()?,
            project_id: row.project_id,
            project_name: row.project_name,
            repository_id: row.repository_id,
            shard: row.shard,
            next_run_at: (row.state == "ready").then_some(row.run_at),
            state: row.state,
            priority: row.priority,
            attempt: row.attempt,
            losses: row.losses,
            host: Some(row.host).filter(|host| !host.is_empty()),
            leased_at: row.leased_at,
            worker_host: row.worker_host,
            worker_process_id: row.worker_pid.map(i32::cast_unsigned),
            cancel_requested: row.cancel_requested,
            age_seconds: row.age_seconds,
            last_error: row.last_error,
            last_failed_at: row.last_failed_at,
            dirty_files: row.dirty_files,
            progress: Progress::from_columns(row.stage, row.done, row.total),
        });
    }
    Ok(entries)
}

/// A run that has ended, for people.
#[derive(Clone, Debug, Serialize)]
pub struct RunEntry {
    /// Its row.
    pub id: i64,
    /// The fence it published under.
    pub fence: i64,
    /// Which try it was.
    pub attempt: i16,
    /// Where it ran; empty when its worker was gone.
    pub host: String,
    /// When it was claimed.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// `succeeded`, `failed`, `interrupted`, `cancelled`, `handed_back` or `lost`.
    pub outcome: String,
    /// Why it did not succeed.
    pub error: Option<String>,
    /// What it did, as the job counts it.
    pub counts: Value,
}

/// How full the queue is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueueDepth {
    /// Lanes that wait, retries included.
    pub ready: i64,
    /// Lanes that run.
    pub leased: i64,
    /// Lanes that stand with an error.
    pub parked: i64,
    /// Files marked and not yet indexed.
    pub dirty_files: i64,
    /// For how many seconds the lane that is due longest has been due.
    pub oldest_due_seconds: Option<f64>,
}

/// How full the queue is, of one project or of all.
pub async fn queue_depth(pool: &PgPool, project_id: Option<Uuid>) -> Result<QueueDepth> {
    let depth = sqlx::query_as!(
        QueueDepth,
        r#"select count(*) filter (where state = 'ready') as "ready!",
               count(*) filter (where state = 'leased') as "leased!",
               count(*) filter (where state = 'parked') as "parked!",
               (select count(*) from dirty_files
                where $1::uuid is null or repository_id in (select repository_id from jobs where project_id = $1)
               ) as "dirty_files!",
               extract(epoch from clock_timestamp() - min(run_at)
                   filter (where state = 'ready' and run_at <= clock_timestamp()))::double precision
                   as oldest_due_seconds
           from jobs
           where state <> 'idle'
               and ($1::uuid is null or project_id = $1)"#,
        project_id,
    )
    .fetch_one(pool)
    .await?;
    Ok(depth)
}
