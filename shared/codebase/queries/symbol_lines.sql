-- The chunks that hold some lines of some files, in the order of the lines.
select wanted.position as "position!", chunk.id, chunk.start_line, chunk.content
from unnest($1::uuid[], $2::text[], $3::integer[], $4::integer[])
    with ordinality as wanted (repository_id, path, first_line, last_line, position)
join codebase.code_chunks as chunk
    on chunk.repository_id = wanted.repository_id
    and chunk.file_path = wanted.path collate "C"
    and chunk.start_line <= wanted.last_line
    and chunk.end_line >= wanted.first_line
order by wanted.position, chunk.start_line, chunk.number
