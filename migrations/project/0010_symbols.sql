-- What one parse of a file tells beside where to cut it: its definitions, a row for each file, and the names that each
-- chunk uses. Packed by shared/codebase: a row for every name would cost more than all chunks. Which files and chunks to
-- unpack for a name is what the lexical index knows already.

create table codebase.file_outlines (
    file_id bigint primary key references codebase.files (id) on delete cascade,
    -- The file's definitions in the order of their beginnings. Never empty: a file without any has no row.
    outline bytea not null
);

-- Where names stand in the chunk's text, as uses and not in comments or strings; null when there are none. Part of the
-- chunk's row, because it is relative to its text: a chunk that only moves keeps it.
alter table codebase.code_chunks add column uses bytea;
alter table codebase.code_chunks alter column uses set storage main;
