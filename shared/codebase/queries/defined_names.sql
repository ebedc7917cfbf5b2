-- The blocks of each segment that hold markers of definitions: from the one that would hold the first to the last that
-- starts before what comes after all of them.
select segment.id as "segment_id!", held.block as "block!"
from unnest($1::bigint[]) as segment (id)
cross join lateral (
    select lexical_blocks.block
    from codebase.lexical_blocks
    where lexical_blocks.segment_id = segment.id
        and lexical_blocks.first_term >= coalesce(
            (
                select first.first_term
                from codebase.lexical_blocks as first
                where first.segment_id = segment.id
                    and first.first_term <= $2::text collate "C"
                order by first.first_term desc
                limit 1
            ),
            ''
        )
        and lexical_blocks.first_term < $3::text collate "C"
    order by lexical_blocks.first_term
) as held
