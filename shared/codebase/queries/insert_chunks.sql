-- A few chunks. Their names lie one after the other in $12; each row says which are its own.
insert into codebase.code_chunks (
    repository_id, id, number, file_path, file_type, language, content, start_line, end_line, symbol, symbol_kind,
    defines, uses, embedding, embedding_error, embedding_hash, context_before, context_after
)
select
    $1,
    given.id,
    given.number,
    given.file_path,
    given.file_type,
    given.language,
    given.content,
    given.start_line,
    given.end_line,
    given.symbol,
    given.symbol_kind,
    ($12::text[])[given.first_name:given.last_name],
    given.uses,
    given.embedding,
    given.embedding_error,
    given.embedding_hash,
    given.context_before,
    given.context_after
from unnest(
    $2::uuid[],
    $3::bigint[],
    $4::text[],
    $5::text[],
    $6::text[],
    $7::text[],
    $8::integer[],
    $9::integer[],
    $10::text[],
    $11::text[],
    $13::integer[],
    $14::integer[],
    $15::bytea[],
    $16::halfvec[],
    $17::text[],
    $18::bytea[],
    $19::text[],
    $20::text[]
) as given (
    id, number, file_path, file_type, language, content, start_line, end_line, symbol, symbol_kind, first_name,
    last_name, uses, embedding, embedding_error, embedding_hash, context_before, context_after
)
