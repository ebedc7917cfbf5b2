-- One page of a repository's files in the order of a walk, with everything their rows say of the content. The expression is
-- that of the index files_in_walk_order.
select
    path,
    content_hash,
    size_bytes,
    modified_at,
    change_time,
    inode,
    language,
    file_type,
    line_count,
    chunk_count,
    chunker_version,
    indexed_at,
    (select outline from codebase.file_outlines where file_id = files.id) as outline
from codebase.files
where repository_id = $1
and replace(path, '/', E'\x01') > $2::text collate "C"
order by replace(path, '/', E'\x01')
limit $3
