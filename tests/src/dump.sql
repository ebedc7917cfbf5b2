select concat_ws(
    ' ',
    'file', repository.repo_path, file.path, encode(file.content_hash, 'hex'), file.language, file.file_type,
    file.line_count, file.chunk_count
)
from codebase.files file
join codebase.repositories repository on repository.id = file.repository_id
union all
select concat_ws(
    ' ',
    'chunk', repository.repo_path, chunk.file_path, chunk.start_line, chunk.end_line, md5(chunk.content),
    coalesce(md5(chunk.embedding::text), 'no vector'), chunk.embedding_error, chunk.language, chunk.file_type,
    chunk.symbol, chunk.symbol_kind, chunk.defines, md5(chunk.uses), md5(chunk.context_before), md5(chunk.context_after)
)
from codebase.code_chunks chunk
join codebase.repositories repository on repository.id = chunk.repository_id
union all
select concat_ws(' ', 'outline', repository.repo_path, file.path, md5(outline.outline))
from codebase.file_outlines outline
join codebase.files file on file.id = outline.file_id
join codebase.repositories repository on repository.id = file.repository_id
union all
select concat_ws(' ', 'repository', repo_path, total_files, total_chunks, indexing_status, skipped_files)
from codebase.repositories
order by 1
