-- For every segment and term the one block that would hold the term: the last that does not start behind it.
-- Each is one descent of the primary key, read backwards for one row.
select segment.position as "segment!", wanted.position as "term!", held.block as "block!"
from unnest($1::bigint[]) with ordinality as segment (id, position)
cross join unnest($2::text[]) with ordinality as wanted (term, position)
cross join lateral (
    select lexical_blocks.block
    from codebase.lexical_blocks
    where lexical_blocks.segment_id = segment.id
        and lexical_blocks.first_term <= wanted.term collate "C"
    order by lexical_blocks.first_term desc
    limit 1
) as held
