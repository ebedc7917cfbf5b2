//! Stops and restarts work on behalf of people. Cancelling a ticket detaches it and stops only what nobody else waits
//! for. Never ends a run by force: the holder of a lease learns it with its next heartbeat and settles.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::{QueueError, Result};
use crate::extend_tickets::has_live_tickets;
use crate::lane::JobKind;
use crate::remove::release_lanes;
use crate::wakeup;

/// Cancels a request. Files it marked stay noted and are indexed with the next request for their lane; until then
/// [`crate::pending()`] shows that the index lags. A ticket that is done or cancelled already stays as it is.
pub async fn cancel_ticket(pool: &PgPool, ticket_id: Uuid) -> Result<()> {
    let open = sqlx::query!(
        "select lane.id, lane.kind, lane.project_id, lane.repository_id
         from ticket_waits
         join jobs lane on lane.id = ticket_waits.job_id
         where ticket_waits.ticket_id = $1
             and ticket_waits.generation > lane.done_generation",
        ticket_id,
    )
    .fetch_all(pool)
    .await?;
    if open.is_empty() {
        let known = sqlx::query_scalar!("select id from tickets where id = $1", ticket_id)
            .fetch_optional(pool)
            .await?;
        return known.map(|_| ()).ok_or(QueueError::UnknownTicket(ticket_id));
    }
    sqlx::query!(
        "update tickets
         set cancelled_at = clock_timestamp(),
             cancel_reason = 'cancelled on request'
         where id = $1
             and cancelled_at is null",
        ticket_id,
    )
    .execute(pool)
    .await?;
    for lane in open {
        stop_if_unwanted(pool, lane.id).await?;
        // What the sync has marked so far runs in lanes of its own, which the ticket does not wait for yet.
        if lane.kind == JobKind::SyncRepository.as_str() {
            let marked = sqlx::query_scalar!(
                "select id from jobs where project_id = $1 and repository_id = $2 and kind = 'index_files' order by shard",
                lane.project_id,
                lane.repository_id,
            )
            .fetch_all(pool)
            .await?;
            for job_id in marked {
                stop_if_unwanted(pool, job_id).await?;
            }
        }
    }
    Ok(())
}

/// Cancels a lane and every request that waits for it: for operators.
pub async fn cancel_job(pool: &PgPool, job_id: i64) -> Result<()> {
    let tickets = sqlx::query_scalar!(
        "select ticket_waits.ticket_id
         from ticket_waits
         join jobs lane on lane.id = ticket_waits.job_id
         join tickets on tickets.id = ticket_waits.ticket_id
         where lane.id = $1
             and ticket_waits.generation > lane.done_generation
             and tickets.cancelled_at is null
         order by tickets.id",
        job_id,
    )
    .fetch_all(pool)
    .await?;
    for ticket_id in tickets {
        cancel_ticket(pool, ticket_id).await?;
    }
    // Also where nobody waits.
    if stop_if_unwanted(pool, job_id).await? {
        Ok(())
    } else {
        Err(QueueError::UnknownJob(job_id))
    }
}

/// Makes a parked or waiting lane due at once, with all its attempts: for operators. False: there was nothing to
/// bring forward, because the lane is idle, leased or blocked by a removal.
pub async fn retry_job(pool: &PgPool, job_id: i64) -> Result<bool> {
    let mut transaction = pool.begin().await?;
    let state = sqlx::query_scalar!("select state from jobs where id = $1 for no key update", job_id)
        .fetch_optional(&mut *transaction)
        .await?
        .ok_or(QueueError::UnknownJob(job_id))?;
    if state != "parked" && state != "ready" {
        return Ok(false);
    }
    sqlx::query!(
        "update jobs
         set state = 'ready',
             attempt = 0,
             losses = 0,
             run_at = clock_timestamp()
         where id = $1",
        job_id,
    )
    .execute(&mut *transaction)
    .await?;
    wakeup::announce(&mut transaction, true, true).await?;
    transaction.commit().await?;
    Ok(true)
}

/// One lane, one transaction: cancelling takes no lock while it holds another. False: there is no such lane.
async fn stop_if_unwanted(pool: &PgPool, job_id: i64) -> Result<bool> {
    let mut transaction = pool.begin().await?;
    let lane = sqlx::query!(
        "select state, kind, project_id, repository_id from jobs where id = $1 for no key update",
        job_id,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(lane) = lane else { return Ok(false) };
    if has_live_tickets(&mut transaction, job_id).await? {
        return Ok(true);
    }
    match lane.state.as_str() {
        "leased" => {
            sqlx::query!("update jobs set cancel_requested = true where id = $1", job_id)
                .execute(&mut *transaction)
                .await?;
        }
        "ready" => {
            make_idle(&mut transaction, job_id).await?;
            if let (true, Some(repository_id)) = (lane.kind == JobKind::RemoveRepository.as_str(), lane.repository_id) {
                release_lanes(&mut transaction, lane.project_id, repository_id).await?;
            }
        }
        // Idle: nothing to stop. Parked: stands already, with its error. Removing: the removal's own lane decides.
        _ => {}
    }
    transaction.commit().await?;
    Ok(true)
}

async fn make_idle(connection: &mut PgConnection, job_id: i64) -> Result<()> {
    sqlx::query!(
        "update jobs set state = 'idle', waiting_since = null, full_requested = false where id = $1",
        job_id
    )
    .execute(connection)
    .await?;
    Ok(())
}
