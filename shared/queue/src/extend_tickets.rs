//! Makes tickets wait for what a run caused: the lanes a sync marked, the rebuild a load asked for. Part of settling
//! that run, in its transaction; never on its own.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::claim::Claim;
use crate::error::Result;
use crate::settle_decision::LeasedLane;

/// A sync is done when what it marked is done: its tickets come to wait for the index lanes. Also for a rebuild of
/// the project that one of those lanes asked for before the sync settled.
pub(crate) async fn extend_by_marked_lanes(
    connection: &mut PgConnection,
    claim: &Claim,
    lane: &LeasedLane,
    repository_id: Uuid,
) -> Result<()> {
    let mut lanes = lock_index_lanes(connection, claim.lane.project_id, repository_id).await?;
    // A cancelled ticket may have left lanes idle with files in them; this sync promises that all of it gets indexed.
    sqlx::query!(
        "update jobs
         set state = 'ready',
             run_at = clock_timestamp(),
             waiting_since = clock_timestamp()
         where id = any ($1)
             and state = 'idle'
             and dirty_generation > done_generation",
        &lanes,
    )
    .execute(&mut *connection)
    .await?;
    let rebuild = sqlx::query_scalar!(
        "select id
         from jobs
         where project_id = $1
             and repository_id is null
             and kind = 'rebuild_vector_index'
             and state in ('ready', 'leased')",
        claim.lane.project_id,
    )
    .fetch_optional(&mut *connection)
    .await?;
    lanes.extend(rebuild);
    extend_tickets(connection, claim, lane, &lanes).await
}

/// A statement of its own: one that locks and updates at once computes the new rows from its old snapshot first, and
/// Postgres checks the constraints on those before it notices that the rows have changed.
async fn lock_index_lanes(connection: &mut PgConnection, project_id: Uuid, repository_id: Uuid) -> Result<Vec<i64>> {
    let lanes = sqlx::query_scalar!(
        "select id
         from jobs
         where project_id = $1
             and repository_id = $2
             and kind = 'index_files'
         order by shard
         for no key update",
        project_id,
        repository_id,
    )
    .fetch_all(connection)
    .await?;
    Ok(lanes)
}

pub(crate) async fn extend_tickets(
    connection: &mut PgConnection,
    claim: &Claim,
    lane: &LeasedLane,
    job_ids: &[i64],
) -> Result<()> {
    if job_ids.is_empty() {
        return Ok(());
    }
    sqlx::query_file!(
        "src/queries/extend_tickets.sql",
        claim.job_id,
        lane.done_generation,
        lane.claimed_generation,
        job_ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a ticket that nobody cancelled waits for something this lane has not done. Exact under the lane's lock:
/// tickets come to wait for a lane only in transactions that hold it.
pub(crate) async fn has_live_tickets(connection: &mut PgConnection, job_id: i64) -> Result<bool> {
    let wanted = sqlx::query_scalar!(
        r#"select exists (
               select
               from jobs
               join ticket_waits on ticket_waits.job_id = jobs.id
               join tickets on tickets.id = ticket_waits.ticket_id
               where jobs.id = $1
                   and ticket_waits.generation > jobs.done_generation
                   and tickets.cancelled_at is null
           ) as "wanted!""#,
        job_id,
    )
    .fetch_one(connection)
    .await?;
    Ok(wanted)
}
