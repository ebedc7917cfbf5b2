-- The files of a repository are split into eight lanes instead of four, so that eight workers can share it, and lanes
-- may change a project's embedding model. A path must never be in two lanes at once, so what was marked under the old
-- split gives way to one full sync of its repository, which marks it anew under the new one.

-- Nothing is enqueued, claimed or settled meanwhile. Transactions take jobs before dirty_files; so does this.
lock table jobs, dirty_files in access exclusive mode;

-- A living run would go on to publish paths that now belong to another lane. The lanes of dead workers stay leased:
-- rescue returns them, and the next claim of each raises its fence, which shuts out whoever comes back.
do $$
declare
    busy text;
begin
    select string_agg(distinct format('process %s on %s', workers.pid, workers.host), ', ')
    into busy
    from jobs
    join workers on workers.id = jobs.worker_id
    where jobs.kind = 'index_files'
        and jobs.state = 'leased'
        and workers.alive_until > clock_timestamp();
    if busy is not null then
        raise exception 'this version splits repositories into other lanes, and workers of an earlier version are indexing: %', busy
            using hint = 'Stop them (they finish or hand back their jobs within seconds), then start this version again.';
    end if;
end
$$;

alter table jobs
    drop constraint valid_kind,
    add constraint valid_kind check (
        kind in ('sync_repository', 'index_files', 'rebuild_vector_index', 'remove_repository', 'change_model')
    );

create temporary table resharded on commit drop as
select lane.project_id, lane.repository_id, max(lane.host) as host, bool_or(lane.state = 'removing') as removing
from jobs lane
where lane.kind = 'index_files'
    and (
        lane.dirty_generation > lane.done_generation
        or exists (
            select
            from dirty_files
            where dirty_files.repository_id = lane.repository_id
                and dirty_files.shard = lane.shard
        )
    )
group by lane.project_id, lane.repository_id;

-- A full one: some of the files may have been marked to be read again although they look unchanged.
insert into jobs as lane (
    project_id, repository_id, kind, shard, host, state, priority, full_requested, dirty_generation, waiting_since
)
select project_id, repository_id, 'sync_repository', 0, host, case when removing then 'removing' else 'ready' end, 3, true, 1,
    clock_timestamp()
from resharded
on conflict on constraint one_row_per_lane do update set
    state = case when lane.state in ('idle', 'parked') then 'ready' else lane.state end,
    priority = least(lane.priority, excluded.priority),
    run_at = case when lane.state in ('idle', 'parked') then clock_timestamp() else lane.run_at end,
    waiting_since = coalesce(lane.waiting_since, excluded.waiting_since),
    full_requested = true,
    dirty_generation = lane.dirty_generation + case
        when lane.state in ('idle', 'parked') or (lane.state = 'leased' and lane.dirty_generation = lane.claimed_generation)
            then 1
        else 0
    end,
    attempt = case when lane.state in ('idle', 'parked') then 0 else lane.attempt end,
    losses = case when lane.state in ('idle', 'parked') then 0 else lane.losses end;

-- A removal under way blocks the new lanes too.
insert into jobs (project_id, repository_id, kind, shard, state)
select distinct jobs.project_id, jobs.repository_id, 'index_files', added.shard, 'removing'
from jobs
cross join generate_series(4, 7) as added (shard)
where jobs.kind = 'index_files'
    and jobs.state = 'removing';

-- Whoever waited for a lane of files waits for that sync, and through it for the lanes it will mark.
insert into ticket_waits (ticket_id, job_id, generation)
select distinct waiting.ticket_id, sync.id, sync.dirty_generation
from resharded
join jobs files on files.repository_id = resharded.repository_id and files.project_id = resharded.project_id
    and files.kind = 'index_files'
join ticket_waits waiting on waiting.job_id = files.id and waiting.generation > files.done_generation
join jobs sync on sync.repository_id = resharded.repository_id and sync.project_id = resharded.project_id
    and sync.kind = 'sync_repository'
on conflict (ticket_id, job_id) do update set
    generation = greatest(ticket_waits.generation, excluded.generation);

update jobs
set state = case when state in ('ready', 'parked') then 'idle' else state end,
    claimed_generation = dirty_generation,
    done_generation = dirty_generation,
    waiting_since = null,
    full_requested = false,
    attempt = 0,
    losses = 0
from resharded
where jobs.project_id = resharded.project_id
    and jobs.repository_id = resharded.repository_id
    and jobs.kind = 'index_files'
    and jobs.state <> 'leased';

delete from dirty_files;

-- By which split a path was put into its lane. Without a default: a program of an earlier version, which knows another
-- split, is refused instead of putting a path into a second lane.
alter table dirty_files
    add column shard_count smallint not null,
    add constraint present_split check (shard_count = 8);
