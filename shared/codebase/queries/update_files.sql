-- Files that were in the index, as they are now. Their rows are locked by the same transaction.
update codebase.files
set content_hash = given.content_hash,
    size_bytes = given.size_bytes,
    modified_at = given.modified_at,
    language = given.language,
    file_type = given.file_type,
    line_count = given.line_count,
    chunk_count = given.chunk_count,
    chunker_version = given.chunker_version,
    change_time = given.change_time,
    inode = given.inode,
    indexed_at = clock_timestamp()
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
) as given (
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
where files.repository_id = $1 and files.path = given.path
