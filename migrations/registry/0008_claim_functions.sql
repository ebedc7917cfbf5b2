-- Looking for due lanes moves into functions, for the sake of the settings they bring along: how the index is read must not
-- hang on estimates. While a transaction somewhere pins xmin, the statistics speak of some hundred living rows, the index
-- holds ten thousands of dead ones, and a plan that reads a part of it and sorts looks cheaper by a page.

-- Takes up to `most` due lanes for a worker. One short statement; the work happens under the lease it gives.
--
-- The places to look at are listed by the caller (levels to through_projects): each level of priority, within it each host,
-- and of each host the projects from `after` (exclusive) to `through`. Going from project to project reads the first ready
-- lane of each; from those that are due up to 64 are taken, so that the next project has its turn with the next claim.
-- Nothing that waits is due before `since`: what is dead in the index before it is not passed.
-- Every scan has equality on the index's first columns and its order on the next, and of a project's lanes that are due in
-- the future one is read.
-- The inner limits are literals: with a parameter a generic plan assumes a tenth of the table.
-- Rows are locked one by one as the outer limit asks for them; those other claimers hold are skipped, not waited for.
create function claim_lanes(
    for_worker bigint,
    levels smallint[],
    hosts text[],
    after_projects uuid[],
    through_projects uuid[],
    wanted_kinds text[],
    wanted_projects uuid[],
    default_limit integer,
    most bigint,
    since timestamptz
) returns setof jobs
language plpgsql
set enable_sort = off
set enable_incremental_sort = off
set enable_bitmapscan = off
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    with candidate as materialized (
        select due.ctid, turn.project_id, turn.room, row_number() over () as position
        from unnest(levels, hosts, after_projects, through_projects) as place (priority, host, after, through)
        cross join lateral (
            with recursive first as (
                (
                    select lane.project_id, lane.run_at
                    from jobs lane
                    where lane.state = 'ready'
                        and lane.priority = place.priority
                        and lane.host = place.host
                        and lane.project_id > place.after
                        and lane.project_id <= place.through
                        and lane.run_at >= since
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
                        and lane.project_id <= place.through
                        and lane.run_at >= since
                    order by lane.project_id, lane.run_at
                    limit 1
                ) as next
            )
            -- No join: it could change the order of the turns. Null where nothing limits the project.
            select first.project_id, first.run_at, project_room(first.project_id, case
                when exists (select from project_limits own where own.project_id = first.project_id)
                    then (select own.max_leases from project_limits own where own.project_id = first.project_id)
                else default_limit
            end) as room
            from first
            where first.run_at <= statement_timestamp()
                and (wanted_projects is null or first.project_id = any (wanted_projects))
            offset 0
        ) as turn
        cross join lateral (
            select lane.ctid
            from jobs lane
            where lane.state = 'ready'
                and lane.priority = place.priority
                and lane.host = place.host
                and lane.project_id = turn.project_id
                -- From the lane that was just read: with many dead rows before it, they are not passed twice.
                and lane.run_at >= turn.run_at
                and lane.run_at <= statement_timestamp()
                and lane.kind = any (wanted_kinds)
            order by lane.run_at
            limit 64
            for no key update skip locked
        ) as due
        where (turn.room is null or turn.room > 0)
            -- An expired worker gets nothing: rescue may have looked at its lanes already.
            and exists (select from workers where id = for_worker and alive_until > statement_timestamp())
        limit most
    ),
    -- A limited project may have been met at several places.
    within_limits as materialized (
        select candidate.ctid
        from candidate
        where candidate.room is null
            or candidate.room >= (
                select count(*)
                from candidate earlier
                where earlier.project_id = candidate.project_id
                    and earlier.position <= candidate.position
            )
    )
    update jobs
    set state = 'leased',
        worker_id = for_worker,
        leased_at = clock_timestamp(),
        fence = nextval('fences'),
        claimed_generation = dirty_generation,
        claimed_full = full_requested,
        full_requested = false,
        attempt = attempt + 1,
        cancel_requested = false
    -- By address: the one way to the rows that no estimate of their number can turn into a scan of the table.
    where ctid = any (array(select ctid from within_limits))
    returning jobs.*;
end
$$;

-- When the first lane is due that a worker could claim, and the time it is now.
-- One look into the index per level, place and project, like the claim. A project that has all it may have leased counts
-- only if `over_the_limit_too`: the worker that ends one of its runs looks for the next by itself.
create function first_due(
    levels smallint[],
    hosts text[],
    wanted_kinds text[],
    wanted_projects uuid[],
    default_limit integer,
    over_the_limit_too boolean,
    since timestamptz,
    out due_at timestamptz,
    out looked_at timestamptz
)
language plpgsql
set enable_sort = off
set enable_incremental_sort = off
set enable_bitmapscan = off
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
    select min(turn.run_at), clock_timestamp()
    into due_at, looked_at
    from unnest(levels, hosts) as place (priority, host)
    cross join lateral (
        with recursive first as (
            (
                select lane.project_id, lane.run_at
                from jobs lane
                where lane.state = 'ready'
                    and lane.priority = place.priority
                    and lane.host = place.host
                    and lane.run_at >= since
                    and lane.kind = any (wanted_kinds)
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
                    and lane.run_at >= since
                    and lane.kind = any (wanted_kinds)
                order by lane.project_id, lane.run_at
                limit 1
            ) as next
        )
        select first.project_id, first.run_at, case
            when own.project_id is null then default_limit
            else own.max_leases
        end as max_leases
        from first
        left join project_limits own on own.project_id = first.project_id
        where wanted_projects is null or first.project_id = any (wanted_projects)
        offset 0
    ) as turn
    where over_the_limit_too
        or turn.max_leases is null
        or turn.max_leases > (select count(*) from jobs where state = 'leased' and jobs.project_id = turn.project_id);
end
$$;
