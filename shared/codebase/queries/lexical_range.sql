-- The blocks of each segment that can hold a term from $2 on and below $3: those that start in between, and the last that
-- starts before.
select segment.position as "segment!", held.block as "block!"
from unnest($1::bigint[]) with ordinality as segment (id, position)
cross join lateral (
    select lexical_blocks.block
    from codebase.lexical_blocks
    where lexical_blocks.segment_id = segment.id
        and lexical_blocks.first_term < $3 collate "C"
        and lexical_blocks.first_term >= coalesce((
            select before.first_term
            from codebase.lexical_blocks as before
            where before.segment_id = segment.id
                and before.first_term <= $2 collate "C"
            order by before.first_term desc
            limit 1
        ), '')
) as held
