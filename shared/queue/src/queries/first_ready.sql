-- When the first lane is due that this worker could claim, and the time it is now.
-- One look into the index per level, place and project, like the claim. A project that has all it may have leased counts
-- only if $6 says so: the worker that ends one of its runs looks for the next by itself.
select min(turn.run_at) as run_at, clock_timestamp() as "now!"
from unnest($1::smallint[], $2::text[]) as place (priority, host)
cross join lateral (
    with recursive first as (
        (
            select lane.project_id, lane.run_at
            from jobs lane
            where lane.state = 'ready'
                and lane.priority = place.priority
                and lane.host = place.host
                and lane.kind = any ($3::text[])
            order by lane.project_id, lane.run_at
            limit 1
        )
        union all
        select next.project_id, next.run_at
        from first
        cross join lateral (
            select lane.project_id, lane.run_at
            from jobs lane
            where lane.state = 'ready'
                and lane.priority = place.priority
                and lane.host = place.host
                and lane.project_id > first.project_id
                and lane.kind = any ($3::text[])
            order by lane.project_id, lane.run_at
            limit 1
        ) as next
    )
    select first.project_id, first.run_at, case
        when own.project_id is null then $5
        else own.max_leases
    end as max_leases
    from first
    left join project_limits own on own.project_id = first.project_id
    where $4::uuid[] is null or first.project_id = any ($4)
    offset 0
) as turn
where $6
    or turn.max_leases is null
    or turn.max_leases > (select count(*) from jobs where state = 'leased' and jobs.project_id = turn.project_id)
