-- Requests are entered by functions of the database: whoever saved a file waits for it, and one statement is one round trip
-- where the same in a transaction of the client's would be seven.

-- Makes lanes of one repository ready, creating those that do not exist; locks them in the order of `wanted_shards`, which
-- ascend. Returns them with the generation that covers the request, and whether one of them did not wait before.
-- "Nothing waits" = idle, parked, or leased without a request since the claim. Only then does the generation move:
-- whatever joins a lane that waits already is covered by the generation the next claim takes.
-- A lane that needs no change is locked all the same (on conflict locks before it evaluates where), so no claim can
-- take it before this transaction's dirty files are committed.
create function ready_lanes(
    wanted_project uuid,
    wanted_repository uuid,
    wanted_kind text,
    wanted_shards smallint[],
    wanted_host text,
    wanted_priority smallint,
    wanted_full boolean,
    -- How long an idle lane waits for the companions of the first request.
    first_secs double precision,
    -- How long a lane that is busy or has just run collects. Zero: an explicit request, due at once.
    window_secs double precision,
    out job_ids bigint[],
    out generations bigint[],
    out began boolean
)
language plpgsql
as $$
declare
    removing boolean;
begin
    with project as materialized (
        -- First, like the cascade of a dropped project, so that the two cannot wait for each other.
        select id
        from projects
        where id = wanted_project
        for key share
    ),
    written as (
        insert into jobs as lane (
            project_id, repository_id, kind, shard, host, state, priority, run_at, full_requested, dirty_generation,
            waiting_since
        )
        select project.id, wanted_repository, wanted_kind, wanted.shard, wanted_host, 'ready', wanted_priority,
            clock_timestamp() + first_secs * interval '1 second', wanted_full, 1, statement_timestamp()
        from project
        cross join unnest(wanted_shards) as wanted (shard)
        order by wanted.shard
        on conflict on constraint one_row_per_lane do update set
            state = case when lane.state in ('idle', 'parked') then 'ready' else lane.state end,
            host = excluded.host,
            priority = case
                when lane.state in ('idle', 'parked')
                    or (lane.state = 'leased' and lane.dirty_generation = lane.claimed_generation)
                    then excluded.priority
                else least(lane.priority, excluded.priority)
            end,
            run_at = case
                -- An idle lane answers the first save at once, unless it has just run: then the window collects.
                when lane.state in ('idle', 'parked') then clock_timestamp() + interval '1 second' * case
                    when lane.settled_at > clock_timestamp() - window_secs * interval '1 second' then window_secs
                    else first_secs
                end
                when lane.state = 'leased' and lane.dirty_generation = lane.claimed_generation
                    then clock_timestamp() + window_secs * interval '1 second'
                -- A lane that failed keeps its pause, however often its files are saved; only an explicit request ends it.
                when lane.state = 'ready' and (lane.attempt > 0 or lane.losses > 0) and window_secs > 0 then lane.run_at
                -- Never later than the first request said: the window is fixed, it does not slide.
                else least(lane.run_at, clock_timestamp() + window_secs * interval '1 second')
            end,
            waiting_since = case
                when lane.state in ('idle', 'parked')
                    or (lane.state = 'leased' and lane.dirty_generation = lane.claimed_generation)
                    then statement_timestamp()
                else lane.waiting_since
            end,
            dirty_generation = lane.dirty_generation + case
                when lane.state in ('idle', 'parked')
                    or (lane.state = 'leased' and lane.dirty_generation = lane.claimed_generation)
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
            or (
                lane.run_at > clock_timestamp() + window_secs * interval '1 second'
                and (lane.attempt = 0 and lane.losses = 0 or window_secs = 0)
            )
        returning lane.id, lane.shard, lane.state, lane.dirty_generation,
            coalesce(lane.waiting_since = statement_timestamp(), false) as has_begun
    )
    select
        coalesce(array_agg(written.id order by written.shard), '{}'),
        coalesce(array_agg(written.dirty_generation order by written.shard), '{}'),
        coalesce(bool_or(written.has_begun), false),
        coalesce(bool_or(written.state = 'removing'), false)
    into job_ids, generations, began, removing
    from written;

    if cardinality(job_ids) < cardinality(wanted_shards) then
        -- A second statement: lanes that needed no change were not returned, but are locked now.
        select
            coalesce(array_agg(lane.id order by lane.shard), '{}'),
            coalesce(array_agg(lane.dirty_generation order by lane.shard), '{}'),
            coalesce(bool_or(lane.state = 'removing'), false)
        into job_ids, generations, removing
        from jobs as lane
        where lane.project_id = wanted_project
            and lane.repository_id = wanted_repository
            and lane.kind = wanted_kind
            and lane.shard = any (wanted_shards);
        if cardinality(job_ids) = 0 then
            raise exception 'there is no project %', wanted_project using errcode = 'QQ001';
        end if;
    end if;
    if removing then
        raise exception 'repository % is being removed', wanted_repository using errcode = 'QQ002';
    end if;
end
$$;

-- Notes dirty files; the newest revision wins. The lanes' rows are locked by the same transaction already.
create function mark_files(
    of_repository uuid,
    marked_shards smallint[],
    marked_paths text[],
    found_by_sync boolean,
    split smallint
) returns void
language plpgsql
as $$
begin
    insert into dirty_files (repository_id, shard, path, from_sync, shard_count)
    select of_repository, marked.shard, marked.path, found_by_sync, split
    from unnest(marked_shards, marked_paths) as marked (shard, path)
    order by marked.shard, marked.path collate "C"
    on conflict (repository_id, shard, path) do update set
        revision = excluded.revision,
        from_sync = dirty_files.from_sync and excluded.from_sync;
end
$$;

-- A ticket that is done when these generations of the lanes are.
create function issue_ticket(
    ticket uuid,
    of_project uuid,
    of_repository uuid,
    job_ids bigint[],
    generations bigint[],
    asked_by text
) returns void
language plpgsql
as $$
begin
    with issued as (
        insert into tickets (id, project_id, repository_id, requested_by)
        values (ticket, of_project, of_repository, asked_by)
        returning id
    )
    insert into ticket_waits (ticket_id, job_id, generation)
    select issued.id, lane.job_id, lane.generation
    from issued
    cross join unnest(job_ids, generations) as lane (job_id, generation);
end
$$;

-- A whole request: lanes, saved files, ticket, and a notification on `channel` (none: do not notify) when a lane became
-- ready. Returns whether one did; null, and nothing is done, when `waiting_limit` saved files wait for the repository already.
create function enqueue(
    wanted_project uuid,
    wanted_repository uuid,
    wanted_kind text,
    wanted_shards smallint[],
    wanted_host text,
    wanted_priority smallint,
    wanted_full boolean,
    first_secs double precision,
    window_secs double precision,
    marked_shards smallint[],
    marked_paths text[],
    split smallint,
    waiting_limit integer,
    ticket uuid,
    asked_by text,
    channel text
) returns boolean
language plpgsql
as $$
declare
    lanes record;
begin
    if cardinality(marked_paths) > 0 then
        perform
        from dirty_files
        where dirty_files.repository_id = wanted_repository and not dirty_files.from_sync
        offset waiting_limit - 1
        limit 1;
        if found then
            return null;
        end if;
    end if;
    select *
    into lanes
    from ready_lanes(
        wanted_project, wanted_repository, wanted_kind, wanted_shards, wanted_host, wanted_priority, wanted_full, first_secs,
        window_secs
    );
    if cardinality(marked_paths) > 0 then
        perform mark_files(wanted_repository, marked_shards, marked_paths, false, split);
    end if;
    perform issue_ticket(ticket, wanted_project, wanted_repository, lanes.job_ids, lanes.generations, asked_by);
    if lanes.began and channel is not null then
        perform pg_notify(channel, '');
    end if;
    return lanes.began;
end
$$;
