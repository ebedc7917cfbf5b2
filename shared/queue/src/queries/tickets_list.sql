-- Requests, newest first, each with where it stands: see state_of in ticket.rs, which says the same of one.
select id as "id!", project_id as "project_id!", repository_id, requested_by as "requested_by!",
    created_at as "created_at!", state as "state!", pending_lanes as "pending_lanes!", error
from (
    select tickets.id, tickets.project_id, tickets.repository_id, tickets.requested_by, tickets.created_at,
        case
            when tickets.cancelled_at is not null then 'cancelled'
            when open.lanes = 0 then 'done'
            when open.parked then 'failed'
            when open.leased then 'running'
            else 'waiting'
        end as state,
        case when tickets.cancelled_at is null then open.lanes else 0 end as pending_lanes,
        case
            when tickets.cancelled_at is not null then tickets.cancel_reason
            when open.parked then open.error
        end as error
    from tickets
    cross join lateral (
        select count(*) as lanes,
            coalesce(bool_or(lane.state = 'parked'), false) as parked,
            coalesce(bool_or(lane.state = 'leased'), false) as leased,
            (array_agg(lane.last_error order by lane.id) filter (where lane.state = 'parked'))[1] as error
        from ticket_waits
        join jobs lane on lane.id = ticket_waits.job_id
        where ticket_waits.ticket_id = tickets.id
            and lane.done_generation < ticket_waits.generation
    ) as open
    where ($1::uuid[] is null or tickets.project_id = any ($1))
        and ($2::timestamptz is null or (tickets.created_at, tickets.id) < ($2, $3))
) as listed
where $4::text is null or state = $4
order by created_at desc, id desc
limit $5
