-- Seconds until the next lane this worker could claim is due; zero or less: it is due now.
-- One look into the index per level and place, like the claim.
select extract(epoch from min(due.run_at) - clock_timestamp())::double precision as seconds
from unnest($1::smallint[], $2::text[]) as place (priority, host)
cross join lateral (
    select lane.run_at
    from jobs lane
    where lane.state = 'ready'
        and lane.priority = place.priority
        and lane.host = place.host
        and lane.kind = any ($3::text[])
        and ($4::uuid[] is null or lane.project_id = any ($4))
    order by lane.run_at
    limit 1
) as due
