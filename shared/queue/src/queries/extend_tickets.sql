-- Tickets that waited for the run being settled also wait for the lanes it made ready, each at its present generation.
-- Only generations this run settles: older ones were extended when their own run settled.
insert into ticket_waits (ticket_id, job_id, generation)
select waiting.ticket_id, lane.id, lane.dirty_generation
from ticket_waits waiting
join tickets on tickets.id = waiting.ticket_id
cross join jobs lane
where waiting.job_id = $1
    and waiting.generation > $2
    and waiting.generation <= $3
    and tickets.cancelled_at is null
    and lane.id = any ($4::bigint[])
    and lane.dirty_generation > lane.done_generation
order by waiting.ticket_id, lane.id
on conflict (ticket_id, job_id) do update set
    generation = greatest(ticket_waits.generation, excluded.generation)
