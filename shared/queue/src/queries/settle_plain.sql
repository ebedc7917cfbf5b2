-- Ends the leases of runs that succeeded and writes them into the history. Rows somebody holds are skipped and not
-- returned: several are locked here at once, and not in the order of all other modules.
with held as materialized (
    select lane.id, lane.project_id, lane.repository_id, lane.kind, lane.shard, lane.fence, lane.attempt, lane.worker_id,
        lane.leased_at, run.counts
    from unnest($1::bigint[], $2::bigint[], $3::jsonb[]) as run (job_id, fence, counts)
    join jobs lane on lane.id = run.job_id and lane.fence = run.fence
    where lane.state = 'leased'
    for no key update of lane skip locked
),
ended as (
    update jobs
    set state = case when jobs.dirty_generation > jobs.claimed_generation then 'ready' else 'idle' end,
        -- No lane that becomes ready is due before that.
        run_at = greatest(jobs.run_at, clock_timestamp()),
        done_generation = jobs.claimed_generation,
        attempt = 0,
        losses = 0,
        waiting_since = case
            when jobs.dirty_generation > jobs.claimed_generation then coalesce(jobs.waiting_since, clock_timestamp())
        end,
        last_error = null,
        worker_id = null,
        leased_at = null,
        cancel_requested = false,
        settled_at = clock_timestamp()
    from held
    where jobs.id = held.id
    returning jobs.id, jobs.state = 'ready' as again
),
history as (
    insert into runs (
        job_id, project_id, repository_id, kind, shard, fence, attempt, worker_id, host, started_at, outcome, counts
    )
    select held.id, project_id, repository_id, kind, shard, fence, attempt, worker_id, coalesce(workers.host, ''), leased_at,
        'succeeded', case when jsonb_typeof(counts) = 'null' then '{}' else counts end
    from held
    left join workers on workers.id = held.worker_id
)
select id as "id!", again as "again!"
from ended
