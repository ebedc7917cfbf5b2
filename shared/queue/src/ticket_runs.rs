//! The runs that served a ticket, for the report of what it came to. Runs that several tickets share count for each.

use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::Result;

/// What each run of the ticket's lanes counted since the ticket was issued, in the order they ended: also those that were
/// handed back or failed, which had brought a part of their files into the index before.
///
/// # Errors
/// [`crate::QueueError::Database`] only. An unknown ticket has no runs.
pub async fn ticket_counts(pool: &PgPool, ticket_id: Uuid) -> Result<Vec<Value>> {
    let counts = sqlx::query_scalar!(
        "select runs.counts
         from tickets
         join ticket_waits on ticket_waits.ticket_id = tickets.id
         join runs on runs.job_id = ticket_waits.job_id
         where tickets.id = $1
             and runs.finished_at >= tickets.created_at
         order by runs.finished_at",
        ticket_id,
    )
    .fetch_all(pool)
    .await?;
    Ok(counts)
}
