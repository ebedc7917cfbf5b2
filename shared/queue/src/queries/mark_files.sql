-- Notes dirty files; the newest revision wins. The lanes' rows are locked by the same transaction already.
insert into dirty_files (repository_id, shard, path, from_sync, shard_count)
select $1, marked.shard, marked.path, $4, $5
from unnest($2::smallint[], $3::text[]) as marked (shard, path)
order by marked.shard, marked.path collate "C"
on conflict (repository_id, shard, path) do update set
    revision = excluded.revision,
    from_sync = dirty_files.from_sync and excluded.from_sync
