-- Ends the lease and writes the run into the history. The row is locked and its fence checked by the same transaction.
with lane as (
    update jobs
    set state = $2,
        done_generation = $3,
        attempt = $4,
        losses = $5,
        full_requested = full_requested or (claimed_full and $6),
        -- Null keeps what the first request during the run asked for, but no lane that becomes ready is due before that.
        -- Half of a pause is jitter.
        run_at = case
            when $7::double precision is null then greatest(run_at, clock_timestamp())
            else clock_timestamp() + $7 * (0.5 + random() / 2) * interval '1 second'
        end,
        waiting_since = case when $2 = 'idle' then null else coalesce(waiting_since, clock_timestamp()) end,
        last_error = case when $8 = 'succeeded' then null else coalesce($9, last_error) end,
        last_failed_at = case when $8 in ('failed', 'interrupted') then clock_timestamp() else last_failed_at end,
        worker_id = null,
        leased_at = null,
        cancel_requested = false,
        settled_at = clock_timestamp()
    where id = $1
    returning *
),
run as (
    insert into runs (
        job_id, project_id, repository_id, kind, shard, fence, attempt, worker_id, host, started_at, outcome, error, counts
    )
    select id, project_id, repository_id, kind, shard, fence, $10, $11,
        coalesce((select host from workers where workers.id = $11), ''), $12, $8, $9, $13
    from lane
)
select run_at as "run_at!"
from lane
