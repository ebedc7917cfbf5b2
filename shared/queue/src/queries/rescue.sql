-- Returns the lanes of dead workers, which have no row any more, to the queue.
-- Candidates are named with their fence: should one be settled and claimed anew while this statement runs, the fence
-- differs and the new lease is left alone. Locked lanes are skipped; the next rescue finds them.
with orphan as materialized (
    select id, fence
    from jobs
    where state = 'leased'
        and not exists (select from workers where workers.id = jobs.worker_id)
    limit 1000
),
locked as materialized (
    select lane.*
    from orphan
    join jobs lane on lane.id = orphan.id and lane.fence = orphan.fence
    where lane.state = 'leased'
    for no key update of lane skip locked
),
returned as (
    update jobs
    set state = case when locked.losses + 1 >= $1::smallint then 'parked' else 'ready' end,
        losses = locked.losses + 1,
        -- It did not fail: how often its workers died is counted apart.
        attempt = locked.attempt - 1,
        full_requested = locked.full_requested or locked.claimed_full,
        -- Spread, so that the lanes of one dead worker do not all come back in the same millisecond.
        run_at = clock_timestamp() + least(1.0, 0.01 * 2 ^ least(locked.losses, 7)) * random() * interval '1 second',
        waiting_since = coalesce(locked.waiting_since, clock_timestamp()),
        last_error = case
            when locked.losses + 1 >= $1::smallint then format('its worker died %s times in a row while running it', locked.losses + 1)
            else locked.last_error
        end,
        last_failed_at = case when locked.losses + 1 >= $1::smallint then clock_timestamp() else locked.last_failed_at end,
        worker_id = null,
        leased_at = null,
        cancel_requested = false
    from locked
    where jobs.id = locked.id
    returning jobs.id
),
history as (
    insert into runs (
        job_id, project_id, repository_id, kind, shard, fence, attempt, worker_id, host, started_at, outcome, error
    )
    select id, project_id, repository_id, kind, shard, fence, attempt, worker_id, '', leased_at, 'lost',
        'the lease expired: its worker stopped giving signs of life'
    from locked
)
select count(*) as "count!"
from returned
