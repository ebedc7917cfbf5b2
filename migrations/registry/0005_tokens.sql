-- Who may speak MCP over HTTP, and what was changed over MCP by whom. Of a token only the hash is kept: who reads this
-- table cannot use it.
create table tokens (
    id uuid primary key,
    name text not null,
    secret_hash bytea not null,
    scope text not null,
    -- Not "no row below": a token for projects that were all dropped must not become one for every project.
    all_projects boolean not null,
    created_by text not null,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,
    -- To the minute: a token that is used all the time must not write all the time.
    last_used_at timestamptz,
    revoked_at timestamptz,

    constraint valid_token_name check (name ~ '^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$'),
    constraint whole_hash check (octet_length(secret_hash) = 32),
    constraint valid_scope check (scope in ('read', 'write', 'admin'))
);

create unique index tokens_in_use on tokens (name) where revoked_at is null;

create table token_projects (
    token_id uuid not null references tokens (id) on delete cascade,
    project_id uuid not null references projects (id) on delete cascade,
    primary key (token_id, project_id)
);

create index token_projects_by_project on token_projects (project_id);

-- One row per call of a tool that may change something, whatever came of it. Names, never texts: no foreign keys, so that
-- it outlives what it speaks of.
create table tool_writes (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    token text,
    client text not null,
    tool text not null,
    project text,
    subject text,
    outcome text not null,
    constraint valid_outcome check (outcome in ('done', 'refused', 'cancelled', 'timed_out'))
);

create index tool_writes_by_time on tool_writes (at);
