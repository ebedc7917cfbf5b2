-- The inverted index for BM25. Postgres' own ranking has no inverse document frequency and its parsers do not split
-- identifiers, so terms are made in Rust and stored as immutable segments, one per publishing transaction: for every term
-- one row with the chunks that hold it. Deleted chunks are listed as tombstones until their segment is merged.

create table codebase.lexical_segments (
    id bigint generated always as identity primary key,
    -- Unlike id, unique among all databases and never used again: processes keep decoded segments under it.
    key uuid not null default gen_random_uuid(),
    repository_id uuid not null references codebase.repositories (id) on delete cascade,
    chunk_count integer not null,
    token_count bigint not null,
    -- Per chunk: number, file, length. Encoded by shared/codebase.
    chunks bytea not null,
    created_at timestamptz not null default clock_timestamp()
);
alter table codebase.lexical_segments alter column chunks set storage external;

create index lexical_segments_by_repository on codebase.lexical_segments (repository_id);

-- The segment comes first in the key: a new segment's sorted terms are appended at one place of the tree instead of
-- being spread over all of it, and a merge reads and deletes whole segments.
create table codebase.lexical_postings (
    segment_id bigint not null,
    term text collate "C" not null,
    chunk_count integer not null,
    postings bytea not null,
    primary key (segment_id, term)
);
alter table codebase.lexical_postings alter column postings set storage external;

-- Postings go with their segment. Not a foreign key: its check on every inserted row would cost more than the row.
create function codebase.delete_postings_of_segments() returns trigger language plpgsql as $$
begin
    delete from codebase.lexical_postings
    where segment_id in (select id from deleted_segments);
    return null;
end
$$;

create trigger delete_postings_of_segments
    after delete on codebase.lexical_segments
    referencing old table as deleted_segments
    for each statement execute function codebase.delete_postings_of_segments();

-- Numbers of chunks that were deleted while a segment still lists them: one immutable row per publishing transaction.
create table codebase.lexical_tombstones (
    id bigint generated always as identity primary key,
    key uuid not null default gen_random_uuid(),
    repository_id uuid not null references codebase.repositories (id) on delete cascade,
    chunk_numbers bigint[] not null
);

create index lexical_tombstones_by_repository on codebase.lexical_tombstones (repository_id);
