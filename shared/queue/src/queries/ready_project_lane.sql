-- Makes a lane of the whole project ready. Always writes: these are asked for once per bulk load, not once per save.
insert into jobs as lane (project_id, repository_id, kind, shard, state, priority, dirty_generation, waiting_since)
select id, null, $3, 0, 'ready', $2, 1, statement_timestamp()
from projects
where id = $1
on conflict on constraint one_row_per_lane do update set
    state = case when lane.state in ('idle', 'parked') then 'ready' else lane.state end,
    run_at = case when lane.state in ('idle', 'parked') then clock_timestamp() else lane.run_at end,
    waiting_since = case
        when lane.state in ('idle', 'parked') or (lane.state = 'leased' and lane.dirty_generation = lane.claimed_generation)
            then statement_timestamp()
        else lane.waiting_since
    end,
    attempt = case when lane.state in ('idle', 'parked') then 0 else lane.attempt end,
    losses = case when lane.state in ('idle', 'parked') then 0 else lane.losses end,
    dirty_generation = lane.dirty_generation + case
        when lane.state in ('idle', 'parked') or (lane.state = 'leased' and lane.dirty_generation = lane.claimed_generation)
            then 1
        else 0
    end
returning id, dirty_generation, coalesce(lane.waiting_since = statement_timestamp(), false) as "began!"
