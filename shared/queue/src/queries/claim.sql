-- Takes up to $5 due lanes for worker $1. One short statement; the work happens under the lease it gives.
--
-- The levels of priority are visited one after the other, and within each this worker's own host before the lanes any
-- host can do. So every scan has equality on the index's first two columns and its order on the third: there is no
-- plan with a sort to prefer, whatever the statistics say, and lanes due in the future are never read.
-- The inner limit is a literal: with a parameter the generic plan of a prepared statement assumes a tenth of the table.
-- Rows are locked one by one as the outer limit asks for them; those other claimers hold are skipped, not waited for.
with candidate as materialized (
    select due.id
    from (values (1::smallint), (3::smallint), (5::smallint), (7::smallint)) as level (priority)
    cross join (values ($2::text), ('')) as place (host)
    cross join lateral (
        select lane.id
        from jobs lane
        where lane.state = 'ready'
            and lane.priority = level.priority
            and lane.host = place.host
            and lane.run_at <= statement_timestamp()
            and lane.kind = any ($3::text[])
            and ($4::uuid[] is null or lane.project_id = any ($4))
        order by lane.run_at
        limit 16
        for no key update skip locked
    ) as due
    -- An expired worker gets nothing: rescue may have looked at its lanes already.
    where exists (select from workers where id = $1 and alive_until > statement_timestamp())
    limit $5
)
update jobs
set state = 'leased',
    worker_id = $1,
    leased_at = clock_timestamp(),
    fence = nextval('fences'),
    claimed_generation = dirty_generation,
    claimed_full = full_requested,
    full_requested = false,
    attempt = attempt + 1,
    cancel_requested = false
from candidate
where jobs.id = candidate.id
returning jobs.id, project_id, repository_id, kind, shard, fence, claimed_generation, attempt, claimed_full
