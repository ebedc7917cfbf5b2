-- The two questions about a fence, asked in one place each: a claimer raises it, a publisher holds it. Whoever changes
-- how fences are kept changes these functions and nothing else, and a test can show what they are good for.

-- Makes `claimed` the fence of the lane and returns what stands there then: `claimed`, or what a newer claim raised.
-- A publication that is just running is waited for, for two seconds. Its claim is over by then, and what keeps it open is
-- a worker that was stopped in the middle of it, or a network that lost its packets: its session is ended.
create function codebase.raise_fence(of_lane text, claimed bigint) returns bigint
language plpgsql
set lock_timeout = '2s'
as $$
declare
    standing bigint;
begin
    loop
        begin
            insert into codebase.fences as held (lane, fence)
            values (of_lane, claimed)
            on conflict (lane) do update
            set fence = excluded.fence, raised_at = clock_timestamp()
            where held.fence <= excluded.fence
            returning fence into standing;
            if standing is null then
                select fence into standing from codebase.fences where lane = of_lane;
            end if;
            return standing;
        exception when lock_not_available then
            select fence into standing from codebase.fences where lane = of_lane;
            if standing > claimed then
                return standing;
            end if;
            -- Whoever locks a row writes its transaction's number into xmax.
            perform pg_terminate_backend(holder.pid)
            from codebase.fences
            join pg_locks as holder
                on holder.locktype = 'transactionid'
                and holder.transactionid = fences.xmax
                and holder.granted
            where fences.lane = of_lane;
        end;
    end loop;
end
$$;

-- Keeps the fence of the lane from being raised until the transaction ends. Returns null while it is `claimed`, else the
-- fence of whoever took the lane over; 0 when none was ever raised.
create function codebase.hold_fence(of_lane text, claimed bigint) returns bigint
language plpgsql
as $$
declare
    standing bigint;
begin
    select fence into standing from codebase.fences where lane = of_lane for share;
    return nullif(coalesce(standing, 0), claimed);
end
$$;
