-- Seconds until the next lane this worker could claim is due; zero or less: it is due now.
-- One look into the index per level and place, like the claim.
select extract(epoch from min(due.run_at) - clock_timestamp())::double precision as seconds
from (values (1::smallint), (3::smallint), (5::smallint), (7::smallint)) as level (priority)
cross join (values ($1::text), ('')) as place (host)
cross join lateral (
    select lane.run_at
    from jobs lane
    where lane.state = 'ready'
        and lane.priority = level.priority
        and lane.host = place.host
        and lane.kind = any ($2::text[])
        and ($3::uuid[] is null or lane.project_id = any ($3))
    order by lane.run_at
    limit 1
) as due
