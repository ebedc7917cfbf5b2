-- Prolongs the life of a worker and tells it what it holds. No row: it has expired.
with beat as (
    update workers
    set seen_at = clock_timestamp(),
        alive_until = clock_timestamp() + $2::double precision * interval '1 second'
    where id = $1
        and alive_until > clock_timestamp()
    returning id
)
select lane.id as "job_id?", lane.fence as "fence?", lane.cancel_requested as "cancel_requested?"
from beat
left join jobs lane on lane.state = 'leased' and lane.worker_id = beat.id
