-- Lanes for people: what waits, runs or stands parked, the most urgent first.
select lane.id, lane.kind, lane.project_id, projects.name as project_name, lane.repository_id, lane.shard, lane.state,
    lane.priority, lane.attempt, lane.losses, lane.host, lane.run_at, lane.waiting_since, lane.leased_at,
    lane.last_error, lane.last_failed_at, lane.cancel_requested,
    workers.host as "worker_host?", workers.pid as "worker_pid?",
    extract(epoch from clock_timestamp() - coalesce(lane.waiting_since, lane.settled_at))::double precision as age_seconds,
    case when lane.kind = 'index_files' then (
        select count(*)
        from dirty_files
        where dirty_files.repository_id = lane.repository_id
            and dirty_files.shard = lane.shard
    ) else 0 end as "dirty_files!",
    progress.stage as "stage?", progress.done as "done?", progress.total
from jobs lane
join projects on projects.id = lane.project_id
left join workers on workers.id = lane.worker_id
left join progress on progress.job_id = lane.id and progress.fence = lane.fence and lane.state = 'leased'
where ($1::uuid is null or lane.project_id = $1)
    and ($2::uuid is null or lane.repository_id = $2)
    and ($3::text[] is null or lane.kind = any ($3))
    and ($4::text[] is null or lane.state = any ($4))
    and ($5::bigint is null or lane.id = $5)
order by array_position(array['leased', 'ready', 'parked', 'removing', 'idle'], lane.state),
    lane.priority, lane.run_at, lane.id
limit $6
