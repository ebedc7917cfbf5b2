-- Takes up to $6 due lanes for worker $1. One short statement; the work happens under the lease it gives.
--
-- The levels of priority are visited one after the other, and within each this worker's own places before the lanes any
-- host can do, as the two arrays list them. So every scan has equality on the index's first two columns and its order
-- on the third: there is no plan with a sort to prefer, whatever the statistics say, and lanes due in the future are
-- never read.
-- The inner limit is a literal: with a parameter the generic plan of a prepared statement assumes a tenth of the table.
-- Rows are locked one by one as the outer limit asks for them; those other claimers hold are skipped, not waited for.
with candidate as materialized (
    select due.ctid
    from unnest($2::smallint[], $3::text[]) as place (priority, host)
    cross join lateral (
        select lane.ctid
        from jobs lane
        where lane.state = 'ready'
            and lane.priority = place.priority
            and lane.host = place.host
            and lane.run_at <= statement_timestamp()
            and lane.kind = any ($4::text[])
            and ($5::uuid[] is null or lane.project_id = any ($5))
        order by lane.run_at
        limit 16
        for no key update skip locked
    ) as due
    -- An expired worker gets nothing: rescue may have looked at its lanes already.
    where exists (select from workers where id = $1 and alive_until > statement_timestamp())
    limit $6
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
-- By address: the one way to the rows that no estimate of their number can turn into a scan of the table.
where ctid = any (array(select ctid from candidate))
returning id, priority, run_at, project_id, repository_id, kind, shard, fence, claimed_generation, attempt, claimed_full
