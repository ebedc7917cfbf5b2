//! Removes a repository from the queue. A removal beats everything else: the moment it is asked for, the repository's
//! other lanes leave the queue and their leases are revoked, rather than waited for, since a sync may run for minutes.
//! Takes over by fence; never by killing a run: whoever ran learns it at the next heartbeat, and can no longer publish
//! once the removal has raised the fences of [`Lane::publishing`] in the project's database.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::enqueue::{Ticket, Wanted, issue_ticket, ready_lanes};
use crate::error::Result;
use crate::lane::{JobKind, Lane, Priority};
use crate::wakeup;

/// Asks for the removal of a repository. From now until the removal has settled, requests for this repository are
/// refused with [`crate::QueueError::RepositoryRemoved`], also while a removal that failed stands parked: it is then
/// to be asked for again. The tickets of the work this stops are cancelled.
pub async fn enqueue_remove(
    pool: &PgPool,
    project_id: Uuid,
    repository_id: Uuid,
    requested_by: &str,
) -> Result<Ticket> {
    let mut transaction = pool.begin().await?;
    let wanted = Wanted {
        project_id,
        repository_id,
        kind: JobKind::RemoveRepository,
        shards: &[0],
        host: "",
        priority: Priority::Sync,
        full: false,
        first_secs: 0.0,
        window_secs: 0.0,
    };
    let removal = ready_lanes(&mut transaction, &wanted).await?;
    let blocked = block_lanes(&mut transaction, project_id, repository_id).await?;
    cancel_tickets(&mut transaction, &blocked).await?;
    let ticket = issue_ticket(
        &mut transaction,
        project_id,
        Some(repository_id),
        &removal,
        requested_by,
    )
    .await?;
    wakeup::announce(&mut transaction, removal.began, true).await?;
    transaction.commit().await?;
    Ok(ticket)
}

/// Takes the lanes out of the queue. Leases are revoked; their holders learn it at the next heartbeat, and the
/// removal's fence, drawn after this commits, is higher than any of theirs.
async fn block_lanes(connection: &mut PgConnection, project_id: Uuid, repository_id: Uuid) -> Result<Vec<i64>> {
    let lanes = Lane::publishing(project_id, repository_id);
    let kinds: Vec<&str> = lanes.iter().map(|lane| lane.kind.as_str()).collect();
    let shards: Vec<i16> = lanes.iter().map(|lane| lane.shard).collect();
    sqlx::query_file!(
        "src/queries/block_lanes.sql",
        project_id,
        repository_id,
        &kinds as &[&str],
        &shards
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "insert into runs (
             job_id, project_id, repository_id, kind, shard, fence, attempt, worker_id, host, started_at, outcome, error
         )
         select lane.id, project_id, repository_id, kind, shard, fence, attempt, worker_id,
             coalesce(workers.host, ''), leased_at, 'cancelled', 'the repository is being removed'
         from jobs lane
         left join workers on workers.id = lane.worker_id
         where project_id = $1
             and repository_id = $2
             and kind in ('sync_repository', 'index_files')
             and state = 'leased'",
        project_id,
        repository_id,
    )
    .execute(&mut *connection)
    .await?;
    let blocked = sqlx::query_scalar!(
        "update jobs
         set state = 'removing',
             worker_id = null,
             leased_at = null,
             cancel_requested = false
         where project_id = $1
             and repository_id = $2
             and kind in ('sync_repository', 'index_files')
         returning id",
        project_id,
        repository_id,
    )
    .fetch_all(connection)
    .await?;
    Ok(blocked)
}

async fn cancel_tickets(connection: &mut PgConnection, job_ids: &[i64]) -> Result<()> {
    sqlx::query!(
        "update tickets
         set cancelled_at = clock_timestamp(),
             cancel_reason = 'the repository is being removed'
         where cancelled_at is null
             and id in (
                 select ticket_waits.ticket_id
                 from ticket_waits
                 join jobs on jobs.id = ticket_waits.job_id
                 where jobs.id = any ($1)
                     and ticket_waits.generation > jobs.done_generation
             )",
        job_ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes all the queue knows of a repository, except the history. Part of settling its removal, whose lane is
/// locked; the removal's own tickets then wait for nothing and are done.
pub(crate) async fn forget_repository(
    connection: &mut PgConnection,
    project_id: Uuid,
    repository_id: Uuid,
) -> Result<()> {
    let job_ids = sqlx::query_scalar!(
        "select id
         from jobs
         where project_id = $1
             and repository_id = $2
         order by array_position(array['remove_repository', 'sync_repository', 'index_files'], kind), shard
         for update",
        project_id,
        repository_id,
    )
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query!("delete from progress where job_id = any ($1)", &job_ids)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("delete from jobs where id = any ($1)", &job_ids)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("delete from dirty_files where repository_id = $1", repository_id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Gives a repository's lanes back after its removal was cancelled. They stay idle until the next request; what was
/// dirty is still noted.
pub(crate) async fn release_lanes(connection: &mut PgConnection, project_id: Uuid, repository_id: Uuid) -> Result<()> {
    // Locked in order first, written by a second statement, which then sees the rows as they are.
    let job_ids = sqlx::query_scalar!(
        "select id
         from jobs
         where project_id = $1
             and repository_id = $2
             and kind in ('sync_repository', 'index_files')
         order by kind desc, shard
         for no key update",
        project_id,
        repository_id,
    )
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query!(
        "update jobs set state = 'idle' where id = any ($1) and state = 'removing'",
        &job_ids
    )
    .execute(connection)
    .await?;
    Ok(())
}
