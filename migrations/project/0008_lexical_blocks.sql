-- Postings in blocks of neighbouring terms. A row for every term of every segment cost more in row and index headers than
-- in postings, a third of publishing and a tenth of all storage; a block of about a kilobyte holds some sixty terms.

create table codebase.lexical_blocks (
    segment_id bigint not null,
    -- The smallest of the block's terms, bytewise: a term is in the last block that does not start behind it.
    first_term text collate "C" not null,
    -- Its terms with their postings. Encoded by shared/codebase.
    block bytea not null,
    primary key (segment_id, first_term)
);
alter table codebase.lexical_blocks alter column block set storage external;

-- What stands is carried over as blocks of one term; merges make full ones of them.
create function codebase.varint(number integer) returns bytea language sql immutable as $$
    select case
        when number < 128 then set_byte('\x00', 0, number)
        when number < 16384 then set_byte(set_byte('\x0000', 0, number & 127 | 128), 1, number >> 7)
        when number < 2097152 then set_byte(set_byte(set_byte('\x000000',
            0, number & 127 | 128), 1, number >> 7 & 127 | 128), 2, number >> 14)
        else set_byte(set_byte(set_byte(set_byte('\x00000000',
            0, number & 127 | 128), 1, number >> 7 & 127 | 128), 2, number >> 14 & 127 | 128), 3, number >> 21)
    end
$$;

insert into codebase.lexical_blocks (segment_id, first_term, block)
select segment_id, term,
    codebase.varint(octet_length(term)) || convert_to(term, 'UTF8')
        || codebase.varint(chunk_count) || codebase.varint(octet_length(postings)) || postings
from codebase.lexical_postings;

drop function codebase.varint;
drop table codebase.lexical_postings;

create or replace function codebase.delete_postings_of_segments() returns trigger language plpgsql as $$
begin
    delete from codebase.lexical_blocks
    where segment_id in (select id from deleted_segments);
    return null;
end
$$;
