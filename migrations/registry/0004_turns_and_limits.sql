-- Projects take turns and may be limited, and workers share the rate of an embedding endpoint. A claim used to take the
-- lanes of one level in the order they were due, so that one due lane waited behind the thousand of another project.

-- Equality on the first two, then from project to project, then the order within each: a claim reads one row per project
-- it passes and exactly the rows it takes.
drop index jobs_claimable;
create index jobs_claimable on jobs (priority, host, project_id, run_at) where state = 'ready';

-- What a project may have leased at once; no row: what the worker's own setting says.
create table project_limits (
    project_id uuid primary key references projects (id) on delete cascade,
    -- Null: as many as there are.
    max_leases integer,
    constraint at_least_one check (max_leases > 0)
);

-- How many lanes a project may get from the claim that asks, under a lock on the project's row that the claim holds until
-- it commits: no two claims count at once. Zero also when another claim holds it just now; nobody waits. Null, and no lock,
-- without a limit.
-- Volatile, and so each statement in it sees what was committed before the statement began: the count comes after the lock.
create function project_room(project uuid, max_leases integer) returns integer language plpgsql volatile strict as $$
begin
    perform from projects where id = project for no key update skip locked;
    if not found then
        return 0;
    end if;
    return greatest(0, max_leases - (select count(*) from jobs where state = 'leased' and project_id = project));
end
$$;

-- One row per endpoint whose rate is limited. Below zero: reserved for somebody who waits.
create table token_buckets (
    name text primary key,
    tokens double precision not null,
    filled_at timestamptz not null
) with (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0
);
