-- The chunks of files that are about to be replaced, with everything but their vectors, in the order of their lines.
select
    number,
    file_path,
    start_line,
    end_line,
    content,
    file_type,
    language,
    symbol,
    symbol_kind,
    defines,
    uses,
    context_before,
    context_after,
    embedding_hash,
    embedding is not null as "has_embedding!",
    embedding_error
from codebase.code_chunks
where repository_id = $1 and file_path = any($2)
order by file_path, start_line, number
