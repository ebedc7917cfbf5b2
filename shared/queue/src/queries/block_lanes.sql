-- Locks every lane that can publish for a repository, in order, creating those that do not exist: from here on each
-- later request finds the lane and is refused. The lanes' contents are left alone: where false only locks.
-- Locking the visible ones beforehand would break the order against a request that is just creating another.
insert into jobs as lane (project_id, repository_id, kind, shard, state)
select $1, $2, wanted.kind, wanted.shard, 'removing'
from unnest($3::text[], $4::smallint[]) with ordinality as wanted (kind, shard, position)
order by wanted.position
on conflict on constraint one_row_per_lane do update set
    state = lane.state
where false
