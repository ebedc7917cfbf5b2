-- Makes lanes of one repository ready, creating those that do not exist. Returns the lanes that were written.
-- "Nothing waits" = idle, parked, or leased without a request since the claim. Only then does the generation move:
-- whatever joins a lane that waits already is covered by the generation the next claim takes.
-- A lane that needs no change is locked all the same (on conflict locks before it evaluates where), so no claim can
-- take it before this transaction's dirty files are committed.
with project as materialized (
    -- First, like the cascade of a dropped project, so that the two cannot wait for each other.
    select id
    from projects
    where id = $1
    for key share
)
insert into jobs as lane (
    project_id, repository_id, kind, shard, host, state, priority, run_at, full_requested, dirty_generation, waiting_since
)
select project.id, $2, $3, wanted.shard, $5, 'ready', $6,
    clock_timestamp() + $8::double precision * interval '1 second', $7, 1, statement_timestamp()
from project
cross join unnest($4::smallint[]) as wanted (shard)
order by wanted.shard
on conflict on constraint one_row_per_lane do update set
    state = case when lane.state in ('idle', 'parked') then 'ready' else lane.state end,
    host = excluded.host,
    priority = case
        when lane.state in ('idle', 'parked') or (lane.state = 'leased' and lane.dirty_generation = lane.claimed_generation)
            then excluded.priority
        else least(lane.priority, excluded.priority)
    end,
    run_at = case
        -- An idle lane answers the first save at once, unless it has just run: then the window collects.
        when lane.state in ('idle', 'parked') then clock_timestamp() + interval '1 second' * case
            when lane.settled_at > clock_timestamp() - $9::double precision * interval '1 second' then $9
            else $8
        end
        when lane.state = 'leased' and lane.dirty_generation = lane.claimed_generation
            then clock_timestamp() + $9 * interval '1 second'
        -- A lane that failed keeps its pause, however often its files are saved; only an explicit request ends it.
        when lane.state = 'ready' and (lane.attempt > 0 or lane.losses > 0) and $9 > 0 then lane.run_at
        -- Never later than the first request said: the window is fixed, it does not slide.
        else least(lane.run_at, clock_timestamp() + $9 * interval '1 second')
    end,
    waiting_since = case
        when lane.state in ('idle', 'parked') or (lane.state = 'leased' and lane.dirty_generation = lane.claimed_generation)
            then statement_timestamp()
        else lane.waiting_since
    end,
    dirty_generation = lane.dirty_generation + case
        when lane.state in ('idle', 'parked') or (lane.state = 'leased' and lane.dirty_generation = lane.claimed_generation)
            then 1
        else 0
    end,
    full_requested = lane.full_requested or excluded.full_requested,
    attempt = case when lane.state in ('idle', 'parked') then 0 else lane.attempt end,
    losses = case when lane.state in ('idle', 'parked') then 0 else lane.losses end
where lane.state in ('idle', 'parked')
    or (lane.state = 'leased' and lane.dirty_generation = lane.claimed_generation)
    or lane.priority > excluded.priority
    or lane.host <> excluded.host
    or (excluded.full_requested and not lane.full_requested)
    or (lane.run_at > clock_timestamp() + $9 * interval '1 second' and (lane.attempt = 0 and lane.losses = 0 or $9 = 0))
returning lane.id, lane.state, lane.dirty_generation, coalesce(lane.waiting_since = statement_timestamp(), false) as "began!"
