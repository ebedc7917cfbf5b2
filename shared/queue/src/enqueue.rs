//! Enters requests: makes lanes ready and issues the tickets that say when what was asked for is done.
//! Hands lanes to claim.rs through the table. Never runs anything and never waits for a lease: a lane that is being
//! run keeps its lease and runs once more.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::{QueueError, Result};
use crate::lane::{JobKind, Priority};
use crate::wakeup;

/// What a caller holds for its request: see [`crate::ticket_status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The id to ask with. Time-ordered.
    pub id: Uuid,
    /// The request joined work that was waiting already; no run was added for it.
    pub deduplicated: bool,
}

/// How a sync is asked for.
#[derive(Clone, Debug)]
pub struct SyncRequest {
    /// Read every file, also those whose size and time look unchanged.
    pub full: bool,
    /// Who goes first.
    pub priority: Priority,
    /// Who asked, for people: the name and version of the client.
    pub requested_by: String,
}

impl SyncRequest {
    /// An ordinary sync: only what changed, before bulk work.
    pub fn new(requested_by: impl Into<String>) -> Self {
        Self {
            full: false,
            priority: Priority::Sync,
            requested_by: requested_by.into(),
        }
    }
}

/// Asks for a sync of a repository, due at once. `host`: only workers there can read it; none: any worker can.
pub async fn enqueue_sync(
    pool: &PgPool,
    project_id: Uuid,
    repository_id: Uuid,
    host: Option<&str>,
    request: SyncRequest,
) -> Result<Ticket> {
    let mut transaction = pool.begin().await?;
    let lanes = ready_lanes(
        &mut transaction,
        &Wanted {
            project_id,
            repository_id,
            kind: JobKind::SyncRepository,
            shards: &[0],
            host: host.unwrap_or_default(),
            priority: request.priority,
            full: request.full,
            first_secs: 0.0,
            window_secs: 0.0,
        },
    )
    .await?;
    let ticket = issue_ticket(
        &mut transaction,
        project_id,
        Some(repository_id),
        &lanes,
        &request.requested_by,
    )
    .await?;
    wakeup::announce(&mut transaction, lanes.began, true).await?;
    transaction.commit().await?;
    Ok(ticket)
}

/// Asks for a rebuild of a project's vector index. A run that wants one when it settles uses
/// [`crate::FollowUp`] instead, so that the tickets it serves wait for the rebuild too.
pub async fn enqueue_rebuild(pool: &PgPool, project_id: Uuid, requested_by: &str) -> Result<Ticket> {
    let mut transaction = pool.begin().await?;
    let lanes = ready_rebuild(&mut transaction, project_id).await?;
    let ticket = issue_ticket(&mut transaction, project_id, None, &lanes, requested_by).await?;
    wakeup::announce(&mut transaction, lanes.began, true).await?;
    transaction.commit().await?;
    Ok(ticket)
}

/// Asks for a project to be embedded anew with the model that its database names.
pub async fn enqueue_model_change(pool: &PgPool, project_id: Uuid, requested_by: &str) -> Result<Ticket> {
    let mut transaction = pool.begin().await?;
    let lanes = ready_project_lane(&mut transaction, project_id, JobKind::ChangeModel).await?;
    let ticket = issue_ticket(&mut transaction, project_id, None, &lanes, requested_by).await?;
    wakeup::announce(&mut transaction, lanes.began, true).await?;
    transaction.commit().await?;
    Ok(ticket)
}

/// Which lanes of one repository are to be made ready, and when they are due.
pub(crate) struct Wanted<'a> {
    pub(crate) project_id: Uuid,
    pub(crate) repository_id: Uuid,
    pub(crate) kind: JobKind,
    /// Ascending: lanes are locked in this order.
    pub(crate) shards: &'a [i16],
    pub(crate) host: &'a str,
    pub(crate) priority: Priority,
    pub(crate) full: bool,
    /// How long an idle lane waits for the companions of the first request.
    pub(crate) first_secs: f64,
    /// How long a lane that is busy or has just run collects. Zero: an explicit request, due at once.
    pub(crate) window_secs: f64,
}

/// Lanes that are ready, locked by this transaction, with the generation that covers the request.
pub(crate) struct ReadyLanes {
    pub(crate) job_ids: Vec<i64>,
    pub(crate) generations: Vec<i64>,
    /// At least one of them did not wait before.
    pub(crate) began: bool,
}

pub(crate) async fn ready_lanes(connection: &mut PgConnection, wanted: &Wanted<'_>) -> Result<ReadyLanes> {
    let changed = sqlx::query_file!(
        "src/queries/ready_lanes.sql",
        wanted.project_id,
        wanted.repository_id,
        wanted.kind.as_str(),
        wanted.shards,
        wanted.host,
        wanted.priority.level(),
        wanted.full,
        wanted.first_secs,
        wanted.window_secs,
    )
    .fetch_all(&mut *connection)
    .await?;
    let began = changed.iter().any(|lane| lane.began);
    // The usual case on an idle system: all were written and returned, which saves a round trip.
    if changed.len() == wanted.shards.len() && changed.iter().all(|lane| lane.state != "removing") {
        return Ok(ReadyLanes {
            job_ids: changed.iter().map(|lane| lane.id).collect(),
            generations: changed.iter().map(|lane| lane.dirty_generation).collect(),
            began,
        });
    }
    // A second statement: lanes that needed no change were not returned, but are locked now.
    let lanes = sqlx::query!(
        "select id, dirty_generation, state
         from jobs
         where project_id = $1
             and repository_id = $2
             and kind = $3
             and shard = any ($4::smallint[])
         order by shard",
        wanted.project_id,
        wanted.repository_id,
        wanted.kind.as_str(),
        wanted.shards,
    )
    .fetch_all(&mut *connection)
    .await?;
    if lanes.is_empty() {
        return Err(QueueError::UnknownProject(wanted.project_id));
    }
    if lanes.iter().any(|lane| lane.state == "removing") {
        return Err(QueueError::RepositoryRemoved(wanted.repository_id));
    }
    Ok(ReadyLanes {
        job_ids: lanes.iter().map(|lane| lane.id).collect(),
        generations: lanes.iter().map(|lane| lane.dirty_generation).collect(),
        began,
    })
}

pub(crate) async fn ready_rebuild(connection: &mut PgConnection, project_id: Uuid) -> Result<ReadyLanes> {
    ready_project_lane(connection, project_id, JobKind::RebuildVectorIndex).await
}

async fn ready_project_lane(connection: &mut PgConnection, project_id: Uuid, kind: JobKind) -> Result<ReadyLanes> {
    let level = Priority::Rebuild.level();
    let lane = sqlx::query_file!("src/queries/ready_project_lane.sql", project_id, level, kind.as_str())
        .fetch_optional(connection)
        .await?
        .ok_or(QueueError::UnknownProject(project_id))?;
    Ok(ReadyLanes {
        job_ids: vec![lane.id],
        generations: vec![lane.dirty_generation],
        began: lane.began,
    })
}

pub(crate) async fn issue_ticket(
    connection: &mut PgConnection,
    project_id: Uuid,
    repository_id: Option<Uuid>,
    lanes: &ReadyLanes,
    requested_by: &str,
) -> Result<Ticket> {
    let id = Uuid::now_v7();
    sqlx::query!(
        "with ticket as (
             insert into tickets (id, project_id, repository_id, requested_by)
             values ($1, $2, $3, $4)
             returning id
         )
         insert into ticket_waits (ticket_id, job_id, generation)
         select ticket.id, lane.job_id, lane.generation
         from ticket
         cross join unnest($5::bigint[], $6::bigint[]) as lane (job_id, generation)",
        id,
        project_id,
        repository_id,
        requested_by,
        &lanes.job_ids,
        &lanes.generations,
    )
    .execute(connection)
    .await?;
    Ok(Ticket {
        id,
        deduplicated: !lanes.began,
    })
}
