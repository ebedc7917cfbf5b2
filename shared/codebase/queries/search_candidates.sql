-- $1: numbers of chunks; $2: the query's vector or null; $3: texts that must occur.
-- Content is not fetched here: of some hundred candidates ten are shown.
select
    chunk.number,
    chunk.id,
    chunk.repository_id,
    chunk.file_path,
    chunk.symbol,
    chunk.defines,
    chunk.start_line,
    chunk.end_line,
    chunk.embedding <=> $2::vector as distance
from codebase.code_chunks as chunk
where chunk.number = any($1)
    and not exists (
        select from unnest($3::text[]) as phrase
        where position(lower(phrase) in lower(chunk.content)) = 0
    )
