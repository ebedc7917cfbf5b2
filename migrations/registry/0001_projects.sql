-- The registry is the one place that says which projects exist and in which database each of them lives.

create function set_updated_at() returns trigger language plpgsql as $$
begin
    new.updated_at = now();
    return new;
end
$$;

create table projects (
    id uuid primary key default gen_random_uuid(),
    name text not null unique,
    database_name text not null unique,

    description text,
    -- creating and dropping rows are finished or undone by the reconciler after a crash.
    state text not null default 'creating',

    -- Pinned by the first index run; null until then.
    embedding_model text,
    embedding_dimensions integer,

    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by text not null default 'claude-code',

    constraint valid_name check (name ~ '^[a-z0-9_]+$' and octet_length(name) <= 40),
    constraint valid_db_name check (database_name ~ '^project_[a-z0-9_]+$' and octet_length(database_name) <= 63),
    constraint valid_state check (state in ('creating', 'ready', 'dropping')),
    constraint embedding_pinned_whole check ((embedding_model is null) = (embedding_dimensions is null)),
    constraint valid_dimensions check (embedding_dimensions between 1 and 2000)
);

create trigger update_projects_updated_at
    before update on projects
    for each row execute function set_updated_at();

-- Which project the repository at a location belongs to, so that two directories called "api" never share one by accident.
create table project_locations (
    host text not null,
    root text not null,
    project_id uuid not null references projects (id) on delete cascade,
    created_at timestamptz not null default now(),
    primary key (host, root)
);

create index project_locations_by_project on project_locations (project_id);
