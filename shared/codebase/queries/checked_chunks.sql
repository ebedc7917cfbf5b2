-- The chunks of some files with everything but their vectors, in the order in which their lines are given back.
-- `as_cached`: whether the vector is the one that the cache holds for the embedded text; null when either is absent.
select
    chunk.number,
    chunk.file_path,
    chunk.start_line,
    chunk.end_line,
    chunk.content,
    chunk.file_type,
    chunk.language,
    chunk.symbol,
    chunk.symbol_kind,
    chunk.defines,
    chunk.uses,
    chunk.context_before,
    chunk.context_after,
    chunk.embedding_hash,
    chunk.embedding is not null as "has_embedding!",
    chunk.embedding_error,
    cached.embedding = chunk.embedding as "as_cached?"
from codebase.code_chunks as chunk
left join codebase.embeddings as cached
    on cached.content_hash = chunk.embedding_hash
    and cached.model = $3
where chunk.repository_id = $1 and chunk.file_path = any($2)
order by chunk.file_path, chunk.start_line, chunk.number
