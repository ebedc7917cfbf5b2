-- Files that were not in the index. One that appeared since it was looked up is left alone and missing from the answer.
insert into codebase.files (
    repository_id,
    path,
    content_hash,
    size_bytes,
    modified_at,
    language,
    file_type,
    line_count,
    chunk_count,
    chunker_version,
    change_time,
    inode
)
select $1, given.*
from unnest(
    $2::text[],
    $3::bytea[],
    $4::bigint[],
    $5::timestamptz[],
    $6::text[],
    $7::text[],
    $8::integer[],
    $9::integer[],
    $10::smallint[],
    $11::timestamptz[],
    $12::bigint[]
) as given
on conflict (repository_id, path) do nothing
returning id, path
