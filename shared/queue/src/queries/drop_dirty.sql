-- Deletes exactly the revisions that were processed, if the lease still stands. The lane's row comes first; a save
-- that holds it is waited for, and the revision it wrote is then seen as different and stays.
with held as materialized (
    select repository_id, shard
    from jobs
    where id = $1
        and fence = $2
        and state = 'leased'
    for share
),
dropped as (
    delete from dirty_files
    using held, unnest($3::text[], $4::bigint[]) as processed (path, revision)
    where dirty_files.repository_id = held.repository_id
        and dirty_files.shard = held.shard
        and dirty_files.path = processed.path collate "C"
        and dirty_files.revision = processed.revision
)
select exists (select from held) as "held!"
