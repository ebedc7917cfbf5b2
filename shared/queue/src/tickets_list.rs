//! Lists requests for those who made them: newest first, a page at a time. What one of them still waits for tells
//! ticket.rs; lanes, for operators, overview.rs.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use crate::error::Result;
use crate::ticket::TicketState;

/// Which requests to list.
#[derive(Clone, Debug, Default)]
pub struct TicketsFilter {
    /// Only those for these projects; none: all.
    pub project_ids: Option<Vec<Uuid>>,
    /// Only those that stand like this.
    pub state: Option<TicketState>,
    /// Only those before this one in the list: the last of the page before.
    pub after: Option<(DateTime<Utc>, Uuid)>,
    /// At most so many.
    pub limit: u32,
}

/// A request in a list.
#[derive(Clone, Debug, Serialize)]
pub struct TicketEntry {
    /// Its id.
    pub id: Uuid,
    /// For which project.
    pub project_id: Uuid,
    /// For which repository; none: for the whole project.
    pub repository_id: Option<Uuid>,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Where it stands.
    pub state: TicketState,
    /// How many lanes it still waits for.
    pub pending_lanes: i64,
    /// Why it failed or was cancelled.
    pub error: Option<String>,
}

/// The requests that fit, newest first.
///
/// # Errors
/// [`crate::QueueError::Database`] only.
pub async fn tickets_list(pool: &PgPool, filter: &TicketsFilter) -> Result<Vec<TicketEntry>> {
    let rows = sqlx::query_file!(
        "src/queries/tickets_list.sql",
        filter.project_ids.as_deref(),
        filter.after.map(|(at, _)| at),
        filter.after.map(|(_, id)| id),
        filter.state.map(TicketState::as_str),
        i64::from(filter.limit),
    )
    .fetch_all(pool)
    .await?;
    let entries = rows.into_iter().map(|row| TicketEntry {
        id: row.id,
        project_id: row.project_id,
        repository_id: row.repository_id,
        requested_by: row.requested_by,
        created_at: row.created_at,
        state: TicketState::of_column(&row.state),
        pending_lanes: row.pending_lanes,
        error: row.error,
    });
    Ok(entries.collect())
}
