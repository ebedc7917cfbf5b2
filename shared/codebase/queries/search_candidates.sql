-- The hash of the embedded text tells equal chunks, except those that are longer than what is embedded of them.
-- $1: numbers of chunks; $2: the query's vector or null; $3: texts that must occur;
-- $4: a regular expression or null.
-- Content is not fetched here: of some hundred candidates ten are shown.
select
    chunk.number,
    chunk.id,
    chunk.repository_id,
    chunk.file_path,
    chunk.language,
    chunk.symbol,
    chunk.symbol_kind,
    chunk.defines,
    chunk.start_line,
    chunk.end_line,
    case
        when octet_length(chunk.content) + coalesce(octet_length(chunk.context_before), 0) < 8192 then chunk.embedding_hash
        else sha256(convert_to(chunk.content, 'UTF8'))
    end as "text_hash!",
    chunk.embedding <=> $2::halfvec as distance,
    coalesce(chunk.content ~ $4::text, false) as "matches_pattern!"
from codebase.code_chunks as chunk
where chunk.number = any($1)
    and not exists (
        select from unnest($3::text[]) as phrase
        where position(lower(phrase) in lower(chunk.content)) = 0
    )
