-- Takes up to $9 due lanes for worker $1. One short statement; the work happens under the lease it gives.
--
-- The places to look at are listed by the caller ($2 to $5): each level of priority, within it each host, and of each
-- host the projects from `after` (exclusive) to `through`. Going from project to project reads the first ready lane of
-- each; from those that are due up to 64 are taken, so that the next project has its turn with the next claim.
-- Every scan has equality on the index's first columns and its order on the next: there is no plan with a sort to
-- prefer, whatever the statistics say, and of a project's lanes that are due in the future one is read.
-- Nothing that waits was due before $10: dead entries of the index from before it are not passed, see claim_floor.rs.
-- The inner limits are literals: with a parameter the generic plan of a prepared statement assumes a tenth of the table.
-- Rows are locked one by one as the outer limit asks for them; those other claimers hold are skipped, not waited for.
with candidate as materialized (
    select due.ctid, turn.project_id, turn.room, row_number() over () as position
    from unnest($2::smallint[], $3::text[], $4::uuid[], $5::uuid[]) as place (priority, host, after, through)
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
                    and lane.run_at >= $10
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
                    and lane.run_at >= $10
                order by lane.project_id, lane.run_at
                limit 1
            ) as next
        )
        -- No join: it could change the order of the turns. Null where nothing limits the project.
        select first.project_id, first.run_at, project_room(first.project_id, case
            when exists (select from project_limits own where own.project_id = first.project_id)
                then (select own.max_leases from project_limits own where own.project_id = first.project_id)
            else $8
        end) as room
        from first
        where first.run_at <= statement_timestamp()
            and ($7::uuid[] is null or first.project_id = any ($7))
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
            and lane.kind = any ($6::text[])
        order by lane.run_at
        limit 64
        for no key update skip locked
    ) as due
    where (turn.room is null or turn.room > 0)
        -- An expired worker gets nothing: rescue may have looked at its lanes already.
        and exists (select from workers where id = $1 and alive_until > statement_timestamp())
    limit $9
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
    worker_id = $1,
    leased_at = clock_timestamp(),
    fence = nextval('fences'),
    claimed_generation = dirty_generation,
    claimed_full = full_requested,
    full_requested = false,
    attempt = attempt + 1,
    cancel_requested = false
-- By address: the one way to the rows that no estimate of their number can turn into a scan of the table.
where ctid = any (array(select ctid from within_limits))
returning id, priority, host, run_at, project_id, repository_id, kind, shard, fence, claimed_generation, attempt, claimed_full
