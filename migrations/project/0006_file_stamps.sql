-- What the system said of a file when its content was read: while it says the same, a comparison need not read the file.
-- Null where it could not be believed, as for every file indexed before; such a file is read.

alter table codebase.files
    add column change_time timestamptz,
    add column inode bigint;

-- Files that only their content keeps out of the index. Without a note they would be read by every comparison.
create table codebase.refused_files (
    repository_id uuid not null references codebase.repositories (id) on delete cascade,
    path text collate "C" not null,
    reason text not null,
    -- Which rules refused it.
    chunker_version smallint not null,
    size_bytes bigint not null,
    modified_at timestamptz not null,
    change_time timestamptz not null,
    inode bigint not null,
    primary key (repository_id, path)
);

-- As of the table files.
create index refused_files_in_walk_order
    on codebase.refused_files (repository_id, (replace(path, '/', E'\x01')) collate "C");
