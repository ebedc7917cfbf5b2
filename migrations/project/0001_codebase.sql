-- What a project knows of its source code: repositories, files, chunks with their vectors, and the fences that keep an
-- old result from overwriting a new one.

create schema codebase;

create function codebase.set_updated_at() returns trigger language plpgsql as $$
begin
    new.updated_at = now();
    return new;
end
$$;

-- Whose database this is. Compared whenever a pool is opened, so a wrong registry row can never lead here.
create table codebase.project_stamp (
    only_row boolean primary key default true check (only_row),
    project_id uuid not null,
    stamped_at timestamptz not null default now()
);

create table codebase.repositories (
    id uuid primary key default gen_random_uuid(),
    host text not null,
    repo_path text not null,

    name text not null,
    last_indexed_at timestamptz,
    total_files integer not null default 0,
    total_chunks integer not null default 0,
    indexing_duration_seconds numeric(10, 2),
    indexing_status text not null default 'pending',

    -- Files the last walk left out, by reason.
    skipped_files jsonb not null default '{}',
    git_commit text,
    git_branch text,
    git_dirty boolean,
    last_error text,

    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),

    constraint valid_status check (indexing_status in ('pending', 'in_progress', 'completed', 'failed')),
    constraint one_repository_per_location unique (host, repo_path)
);

create trigger update_repositories_updated_at
    before update on codebase.repositories
    for each row execute function codebase.set_updated_at();

create table codebase.files (
    id bigint generated always as identity primary key,
    repository_id uuid not null references codebase.repositories (id) on delete cascade,
    -- Relative to the repository's root, separated by '/'.
    path text collate "C" not null,
    -- BLAKE3 of the bytes on disk.
    content_hash bytea not null,
    size_bytes bigint not null,
    modified_at timestamptz,
    language text,
    file_type text,
    line_count integer not null,
    chunk_count integer not null,
    chunker_version smallint not null,
    indexed_at timestamptz not null default clock_timestamp(),

    constraint one_row_per_path unique (repository_id, path),
    constraint content_hash_is_blake3 check (octet_length(content_hash) = 32)
);

-- The order in which a walk meets files: directories component by component. Lets a sync compare both streams in step.
create index files_in_walk_order on codebase.files (repository_id, (replace(path, '/', E'\x01')) collate "C");

create sequence codebase.chunk_numbers;

create table codebase.code_chunks (
    id uuid primary key default gen_random_uuid(),
    -- Dense and ascending: the document number of the lexical index.
    number bigint not null default nextval('codebase.chunk_numbers'),
    repository_id uuid not null references codebase.repositories (id) on delete cascade,

    file_path text collate "C" not null,
    file_type text,
    language text,
    content text not null,
    start_line integer not null,
    end_line integer not null,

    -- The innermost definition that holds the chunk's first line of code, and every name defined in the chunk.
    symbol text,
    symbol_kind text,
    defines text[] not null default '{}',

    -- Its dimension is set when the project's model is pinned. Null: see embedding_error; still found lexically.
    embedding vector,
    embedding_error text,
    -- BLAKE3 of the text that was embedded: the key into embeddings.
    embedding_hash bytea not null,

    context_before text,
    context_after text,
    created_at timestamptz not null default now(),

    constraint valid_line_numbers check (start_line > 0 and end_line >= start_line)
);

-- Inline vectors make exact and filtered scans 3 to 4 times cheaper; content stays beside them.
alter table codebase.code_chunks alter column embedding set storage main;
alter table codebase.code_chunks alter column content set storage main;

create unique index code_chunks_by_number on codebase.code_chunks (number);
create index idx_code_chunks_file_path on codebase.code_chunks (repository_id, file_path);
create index idx_code_chunks_repo_file_type on codebase.code_chunks (repository_id, file_type);

-- Content-addressed cache: equal text is embedded once per project and model.
create table codebase.embeddings (
    content_hash bytea not null,
    model text not null,
    embedding vector not null,
    created_at timestamptz not null default now(),
    primary key (content_hash, model),
    constraint content_hash_is_blake3 check (octet_length(content_hash) = 32)
);
alter table codebase.embeddings alter column embedding set storage main;

-- The highest fence seen per lane. A publisher whose fence is lower has lost its lease.
create table codebase.fences (
    lane text primary key,
    fence bigint not null,
    raised_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

-- One row per vector index that was built: what it was built from decides when to rebuild and how many probes to use.
create table codebase.vector_indexes (
    name text primary key,
    lists integer not null,
    probes integer not null,
    recall real not null,
    rows_at_build bigint not null,
    last_number_at_build bigint not null,
    size_bytes bigint not null,
    build_seconds real not null,
    built_at timestamptz not null default clock_timestamp()
);
