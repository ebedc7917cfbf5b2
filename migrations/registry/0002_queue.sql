-- The queue holds one row per lane of work, not one per event: the row is the coalescing key, the lease, the fence and
-- the schedule at once. What is dirty stands beside it in dirty_files.

create sequence fences;
create sequence dirty_file_revisions;

-- The only rows that heartbeats touch.
create table workers (
    id bigint generated always as identity primary key,
    host text not null,
    pid integer not null,
    version text not null,
    started_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp(),
    alive_until timestamptz not null
) with (fillfactor = 50);

create table jobs (
    id bigint generated always as identity primary key,
    project_id uuid not null references projects (id) on delete cascade,
    -- Null: the lane belongs to the whole project.
    repository_id uuid,
    kind text not null,
    shard smallint not null default 0,
    -- Only workers on this host reach the files; '': any worker. Not null, so that claims can look it up by equality.
    host text not null default '',

    -- removing: the repository is being removed; nothing may make the lane ready until that is settled.
    state text not null default 'idle',
    -- 1 saves, 3 syncs and removals, 5 bulk, 7 rebuilds. Claims visit these four one after the other.
    priority smallint not null default 5,
    run_at timestamptz not null default clock_timestamp(),
    -- Since when the latest generation has been asked for; null when nothing is unsettled.
    waiting_since timestamptz,
    full_requested boolean not null default false,
    claimed_full boolean not null default false,

    dirty_generation bigint not null default 0,
    claimed_generation bigint not null default 0,
    done_generation bigint not null default 0,

    fence bigint not null default 0,
    worker_id bigint,
    leased_at timestamptz,
    -- Runs since the last success that failed, the present one included.
    attempt smallint not null default 0,
    -- Runs since the last success that ended with the death of their worker.
    losses smallint not null default 0,
    cancel_requested boolean not null default false,
    settled_at timestamptz,
    last_error text,
    last_failed_at timestamptz,

    constraint valid_kind check (kind in ('sync_repository', 'index_files', 'rebuild_vector_index', 'remove_repository')),
    constraint valid_state check (state in ('idle', 'ready', 'leased', 'parked', 'removing')),
    constraint valid_priority check (priority in (1, 3, 5, 7)),
    constraint leased_by_somebody check ((state = 'leased') = (worker_id is not null)),
    constraint one_row_per_lane unique nulls not distinct (project_id, repository_id, kind, shard)
) with (
    fillfactor = 60,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 500
);

-- Equality on the first two and order by the third: a claim reads exactly the rows it takes.
create index jobs_claimable on jobs (priority, host, run_at) where state = 'ready';
create index jobs_leased on jobs (worker_id) where state = 'leased';

create table dirty_files (
    repository_id uuid not null,
    shard smallint not null,
    path text collate "C" not null,
    revision bigint not null default nextval('dirty_file_revisions'),
    -- Marked by a sync and not by a save since: exempt from the bound on what watchers may leave waiting.
    from_sync boolean not null default false,
    primary key (repository_id, shard, path)
) with (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
);

create index dirty_files_from_saves on dirty_files (repository_id) where not from_sync;

-- What a caller holds: done when every lane it waits for has settled the generation named beside it.
create table tickets (
    id uuid primary key,
    project_id uuid not null references projects (id) on delete cascade,
    -- Null: the work of the whole project.
    repository_id uuid,
    requested_by text not null,
    created_at timestamptz not null default clock_timestamp(),
    cancelled_at timestamptz,
    cancel_reason text,
    constraint cancelled_with_reason check ((cancelled_at is null) = (cancel_reason is null))
);

create table ticket_waits (
    ticket_id uuid not null references tickets (id) on delete cascade,
    job_id bigint not null references jobs (id) on delete cascade,
    generation bigint not null,
    primary key (ticket_id, job_id)
);

create index ticket_waits_by_job on ticket_waits (job_id);
create index tickets_by_age on tickets (created_at);

-- History, in partitions that are dropped by age: see maintain_runs.
create table runs (
    id bigint generated always as identity,
    job_id bigint not null,
    project_id uuid not null,
    repository_id uuid,
    kind text not null,
    shard smallint not null,
    fence bigint not null,
    attempt smallint not null,
    worker_id bigint not null,
    host text not null,
    started_at timestamptz not null,
    finished_at timestamptz not null default clock_timestamp(),
    outcome text not null,
    error text,
    counts jsonb not null default '{}',
    constraint valid_outcome check (outcome in ('succeeded', 'failed', 'cancelled', 'handed_back', 'lost'))
) partition by range (finished_at);

create index runs_by_job on runs (job_id, finished_at desc);

create table runs_default partition of runs default;

-- Creates the partitions of this week and the next two, and drops those older than `keep`. Safe to call at any time.
create function maintain_runs(keep interval) returns void language plpgsql as $$
declare
    week timestamptz;
    partition record;
begin
    perform pg_advisory_xact_lock(hashtext('quarry.maintain_runs'));
    for n in 0..2 loop
        week := date_trunc('week', clock_timestamp() at time zone 'utc') at time zone 'utc' + n * interval '7 days';
        if to_regclass(format('public.runs_%s', to_char(week at time zone 'utc', 'YYYYMMDD'))) is null
            and not exists (select from runs_default where finished_at >= week and finished_at < week + interval '7 days')
        then
            execute format('create table public.runs_%s partition of public.runs for values from (%L) to (%L)',
                to_char(week at time zone 'utc', 'YYYYMMDD'), week, week + interval '7 days');
        end if;
    end loop;
    for partition in
        select c.relname, to_date(substr(c.relname, 6), 'YYYYMMDD') as starts
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'public.runs'::regclass and c.relname ~ '^runs_[0-9]{8}$'
    loop
        if partition.starts + 7 < (clock_timestamp() - keep)::date then
            execute format('drop table public.%I', partition.relname);
        end if;
    end loop;
    delete from runs_default where finished_at < clock_timestamp() - keep;
end
$$;

select maintain_runs(interval '90 days');

-- At most a write a second per run; lost on a crash, which costs nothing.
create unlogged table progress (
    job_id bigint primary key,
    fence bigint not null,
    stage text not null,
    done bigint not null,
    total bigint,
    updated_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);
