-- One page of a repository's refused files in the order of a walk. The expression is that of the index
-- refused_files_in_walk_order: whoever changes one changes both.
select path, reason, chunker_version, size_bytes, modified_at, change_time, inode
from codebase.refused_files
where repository_id = $1
and replace(path, '/', E'\x01') > $2::text collate "C"
order by replace(path, '/', E'\x01')
limit $3
