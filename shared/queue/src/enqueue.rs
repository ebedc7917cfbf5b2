//! Enters requests: makes lanes ready and issues the tickets that say when what was asked for is done.
//! Hands lanes to claim.rs through the table. Never runs anything and never waits for a lease: a lane that is being
//! run keeps its lease and runs once more.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::{QueueError, Result};
use crate::lane::{JobKind, Priority, SHARDS};
use crate::wakeup;

/// More saved paths than this, in one call or waiting for one repository, give way to a sync: walking the tree is
/// then cheaper than keeping a list of it, and the list stays bounded while no worker lives.
pub const WAITING_SAVES_LIMIT: usize = 2_000;

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
    let wanted = Wanted {
        project_id,
        repository_id,
        kind: JobKind::SyncRepository,
        shards: &[0],
        host: host.unwrap_or_default(),
        priority: request.priority,
        full: request.full,
        first_secs: 0.0,
        window_secs: 0.0,
    };
    let ticket = enqueue(pool, &wanted, &Marked::default(), &request.requested_by).await?;
    Ok(ticket.expect("only saved files can be too many"))
}

/// Enters a whole request in one statement. None, and nothing is done: so many saved files wait already that a sync is
/// cheaper.
pub(crate) async fn enqueue(
    pool: &PgPool,
    wanted: &Wanted<'_>,
    marked: &Marked<'_>,
    requested_by: &str,
) -> Result<Option<Ticket>> {
    let id = Uuid::now_v7();
    let channel = wakeup::channel(wanted.is_due_at_once());
    let began = sqlx::query_scalar!(
        "select enqueue($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        wanted.project_id,
        wanted.repository_id,
        wanted.kind.as_str(),
        wanted.shards,
        wanted.host,
        wanted.priority.level(),
        wanted.full,
        wanted.first_secs,
        wanted.window_secs,
        &marked.shards,
        &marked.paths as &[&str],
        SHARDS,
        i32::try_from(WAITING_SAVES_LIMIT).expect("it is 2 000"),
        id,
        requested_by,
        channel,
    )
    .fetch_one(pool)
    .await
    .map_err(|error| wanted.refusal(error))?;
    let Some(began) = began else {
        return Ok(None);
    };
    if began && channel.is_some() {
        wakeup::note_announcement();
    }
    Ok(Some(Ticket {
        id,
        deduplicated: !began,
    }))
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

impl Wanted<'_> {
    fn is_due_at_once(&self) -> bool {
        self.first_secs == 0.0 && self.window_secs == 0.0
    }

    /// What the functions of migrations/registry/0007_enqueue_functions.sql refuse, by their codes.
    fn refusal(&self, error: sqlx::Error) -> QueueError {
        match error.as_database_error().and_then(|error| error.code()).as_deref() {
            Some("QQ001") => QueueError::UnknownProject(self.project_id),
            Some("QQ002") => QueueError::RepositoryRemoved(self.repository_id),
            _ => error.into(),
        }
    }
}

/// Paths with their shards, each once, in the order in which rows are locked.
#[derive(Default)]
pub(crate) struct Marked<'a> {
    pub(crate) shards: Vec<i16>,
    pub(crate) paths: Vec<&'a str>,
}

/// Lanes that are ready, locked by this transaction, with the generation that covers the request.
pub(crate) struct ReadyLanes {
    pub(crate) job_ids: Vec<i64>,
    pub(crate) generations: Vec<i64>,
    /// At least one of them did not wait before.
    pub(crate) began: bool,
}

pub(crate) async fn ready_lanes(connection: &mut PgConnection, wanted: &Wanted<'_>) -> Result<ReadyLanes> {
    let lanes = sqlx::query!(
        r#"select job_ids as "job_ids!", generations as "generations!", began as "began!"
           from ready_lanes($1, $2, $3, $4, $5, $6, $7, $8, $9)"#,
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
    .fetch_one(connection)
    .await
    .map_err(|error| wanted.refusal(error))?;
    Ok(ReadyLanes {
        job_ids: lanes.job_ids,
        generations: lanes.generations,
        began: lanes.began,
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
        "select issue_ticket($1, $2, $3, $4, $5, $6)",
        id,
        project_id,
        repository_id,
        &lanes.job_ids,
        &lanes.generations,
        requested_by,
    )
    .execute(connection)
    .await?;
    Ok(Ticket {
        id,
        deduplicated: !lanes.began,
    })
}
