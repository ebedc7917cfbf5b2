-- Whether somebody waits whom the run of lane $1 should let in: 2 = more urgent work, or a save in this very lane;
-- 1 = work of another project that is as urgent; 0 = nobody.
-- One look into the index per level, place and project, like the claim. What became due only now is left to workers that
-- have nothing to do, and a project that has all it may have leased does not wait for this worker.
select coalesce(max(case when due.priority < mine.priority then 2 else 1 end), 0)::integer as "rank!"
from jobs mine
cross join lateral (
    select mine.priority - 1 as priority
    where mine.priority = 1
        and mine.dirty_generation > mine.claimed_generation
        and mine.run_at <= statement_timestamp()
    union all
    select place.priority
    from unnest($3::smallint[], $4::text[]) as place (priority, host)
    cross join lateral (
        with recursive first as (
            (
                select lane.project_id, lane.run_at
                from jobs lane
                where lane.state = 'ready'
                    and lane.priority = place.priority
                    and lane.host = place.host
                    and lane.kind = any ($5::text[])
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
                    and lane.kind = any ($5::text[])
                order by lane.project_id, lane.run_at
                limit 1
            ) as next
        )
        select first.project_id, case
            when own.project_id is null then $7
            else own.max_leases
        end as max_leases
        from first
        left join project_limits own on own.project_id = first.project_id
        where first.run_at <= statement_timestamp() - $8::double precision * interval '1 second'
            and ($6::uuid[] is null or first.project_id = any ($6))
            and (place.priority < mine.priority or first.project_id <> mine.project_id)
        offset 0
    ) as turn
    where place.priority <= mine.priority
        and (turn.max_leases is null
            or turn.max_leases > (select count(*) from jobs where state = 'leased' and jobs.project_id = turn.project_id)
            -- The lane handed back is one less.
            or turn.project_id = mine.project_id)
) as due
where mine.id = $1
    and mine.fence = $2
