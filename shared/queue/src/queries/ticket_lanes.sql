-- The lanes a ticket still waits for, with what is known of each.
select lane.id, lane.kind, lane.shard, lane.state, lane.last_error,
    progress.stage as "stage?", progress.done as "done?", progress.total
from ticket_waits
join jobs lane on lane.id = ticket_waits.job_id
left join progress on progress.job_id = lane.id and progress.fence = lane.fence and lane.state = 'leased'
where ticket_waits.ticket_id = $1
    and lane.done_generation < ticket_waits.generation
order by lane.id
