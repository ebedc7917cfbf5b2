//! What became of a request. Computed from the lanes whenever somebody asks: a counter in a row would be one more
//! thing that races and lies. Never changes anything.

use std::time::Duration;

use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use crate::error::{QueueError, Result};
use crate::lane::JobKind;
use crate::progress::Progress;

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    /// No worker is at it.
    Waiting,
    /// At least one lane it waits for runs.
    Running,
    /// Everything asked for, and everything that caused, is done.
    Done,
    /// A lane it waits for stands parked. A later request may bring the lane, and with it this ticket, to an end.
    Failed,
    /// Nobody waits for it any more, or its repository was removed.
    Cancelled,
}

impl TicketState {
    /// As it stands in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TicketState::Waiting => "waiting",
            TicketState::Running => "running",
            TicketState::Done => "done",
            TicketState::Failed => "failed",
            TicketState::Cancelled => "cancelled",
        }
    }

    pub(crate) fn of_column(text: &str) -> TicketState {
        match text {
            "running" => TicketState::Running,
            "done" => TicketState::Done,
            "failed" => TicketState::Failed,
            "cancelled" => TicketState::Cancelled,
            _ => TicketState::Waiting, // the query leaves nothing else
        }
    }
}

/// A lane a ticket still waits for.
#[derive(Clone, Debug, Serialize)]
pub struct OpenLane {
    /// The lane's row.
    pub job_id: i64,
    /// What it does.
    pub kind: JobKind,
    /// Which part of the repository.
    pub shard: i16,
    /// `idle`, `ready`, `leased`, `parked` or `removing`.
    pub state: String,
    /// Why its last run failed.
    pub last_error: Option<String>,
    /// How far its present run is.
    pub progress: Option<Progress>,
}

/// A request and what it still waits for.
#[derive(Clone, Debug, Serialize)]
pub struct TicketStatus {
    /// Its id.
    pub id: Uuid,
    /// Where it stands.
    pub state: TicketState,
    /// For which project.
    pub project_id: Uuid,
    /// For which repository; none: for the whole project.
    pub repository_id: Option<Uuid>,
    /// Who asked.
    pub requested_by: String,
    /// How long ago.
    pub age: Duration,
    /// What it waits for.
    pub open_lanes: Vec<OpenLane>,
    /// Dirty files of the repository, those of other requests included; 0 once the ticket is done.
    pub pending_files: i64,
    /// Why it failed or was cancelled.
    pub error: Option<String>,
}

/// Where a request stands.
pub async fn ticket_status(pool: &PgPool, ticket_id: Uuid) -> Result<TicketStatus> {
    // Lanes first: a ticket whose lanes are read as done before it is cancelled must not be reported as waiting.
    let open_lanes = open_lanes(pool, ticket_id).await?;
    let ticket = sqlx::query!(
        r#"select project_id, repository_id, requested_by, cancel_reason,
               extract(epoch from clock_timestamp() - created_at)::double precision as "age_seconds!"
           from tickets
           where id = $1"#,
        ticket_id,
    )
    .fetch_optional(pool)
    .await?
    .ok_or(QueueError::UnknownTicket(ticket_id))?;
    let pending_files = match ticket.repository_id {
        Some(repository_id) if !open_lanes.is_empty() => {
            sqlx::query_scalar!(
                r#"select count(*) as "count!" from dirty_files where repository_id = $1"#,
                repository_id,
            )
            .fetch_one(pool)
            .await?
        }
        _ => 0,
    };
    let state = state_of(ticket.cancel_reason.is_some(), &open_lanes);
    let error = match state {
        TicketState::Failed => open_lanes
            .iter()
            .find(|lane| lane.state == "parked")
            .and_then(|lane| lane.last_error.clone()),
        TicketState::Cancelled => ticket.cancel_reason,
        _ => None,
    };
    Ok(TicketStatus {
        id: ticket_id,
        state,
        project_id: ticket.project_id,
        repository_id: ticket.repository_id,
        requested_by: ticket.requested_by,
        age: Duration::from_secs_f64(ticket.age_seconds.max(0.0)),
        open_lanes,
        pending_files,
        error,
    })
}

fn state_of(cancelled: bool, open_lanes: &[OpenLane]) -> TicketState {
    let any = |state: &str| open_lanes.iter().any(|lane| lane.state == state);
    if cancelled {
        TicketState::Cancelled
    } else if open_lanes.is_empty() {
        TicketState::Done
    } else if any("parked") {
        TicketState::Failed
    } else if any("leased") {
        TicketState::Running
    } else {
        TicketState::Waiting
    }
}

async fn open_lanes(pool: &PgPool, ticket_id: Uuid) -> Result<Vec<OpenLane>> {
    let rows = sqlx::query_file!("src/queries/ticket_lanes.sql", ticket_id)
        .fetch_all(pool)
        .await?;
    let mut lanes = Vec::with_capacity(rows.len());
    for row in rows {
        lanes.push(OpenLane {
            job_id: row.id,
            kind: row.kind.parse()?,
            shard: row.shard,
            state: row.state,
            last_error: row.last_error,
            progress: Progress::from_columns(row.stage, row.done, row.total),
        });
    }
    Ok(lanes)
}
