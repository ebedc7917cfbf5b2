-- Vectors in half precision. A vector lies in its chunk's row, in the cache of embeddings and in the vector index; with 256
-- dimensions those were three fifths of all storage, and cosines do not need more than the three digits that are kept. What
-- would not fit is scaled to length 1, which no cosine notices: see shared/codebase/src/half_vector.rs.

-- A narrower range of lengths than for new vectors: rounding takes none of these out of that one.
create function codebase.in_half_precision(embedding vector) returns halfvec language sql immutable as $$
    select (case when vector_norm(embedding) between 0.995 and 1.005 then embedding else l2_normalize(embedding) end)::halfvec
$$;

do $$
declare
    in_use record;
    old_index text;
    stored_dimensions integer;
    next_dimensions integer;
begin
    select built.name, built.lists into in_use
    from codebase.vector_indexes as built
    join pg_class on pg_class.relname = built.name
    join pg_index on pg_index.indexrelid = pg_class.oid
    where pg_index.indrelid = 'codebase.code_chunks'::regclass and pg_index.indisvalid
    order by built.built_at desc
    limit 1;

    -- Those that interrupted builds left, too: none fits the new type.
    for old_index in
        select pg_class.relname
        from pg_index
        join pg_class on pg_class.oid = pg_index.indexrelid
        where pg_index.indrelid = 'codebase.code_chunks'::regclass and pg_class.relname ~ '^code_chunks_embedding_[0-9]+$'
    loop
        execute format('drop index codebase.%I', old_index);
    end loop;

    select atttypmod into stored_dimensions
    from pg_attribute
    where attrelid = 'codebase.code_chunks'::regclass and attname = 'embedding';
    select atttypmod into next_dimensions
    from pg_attribute
    where attrelid = 'codebase.code_chunks'::regclass and attname = 'next_embedding';

    -- Every row is written anew, so what else lies in it is put where it should be. Paths, names and contexts had been moved out
    -- of two rows of three before Postgres tried to compress the text: a read of their own for every candidate of a search.
    execute format(
        'alter table codebase.code_chunks
             alter column embedding type halfvec%s using codebase.in_half_precision(embedding),
             alter column embedding set storage %s,
             alter column next_embedding type halfvec%s using codebase.in_half_precision(next_embedding),
             alter column next_embedding set storage main,
             alter column embedding_hash set storage main,
             alter column file_path set storage main,
             alter column symbol set storage main,
             alter column defines set storage main,
             alter column context_before set storage main,
             alter column context_after set storage main',
        case when stored_dimensions > 0 then format('(%s)', stored_dimensions) end,
        case when stored_dimensions between 1 and 2048 then 'plain' else 'main' end,
        case when next_dimensions > 0 then format('(%s)', next_dimensions) end
    );

    -- As many lists of the same vectors want as many probes, so that the record stays true.
    if in_use.name is not null then
        perform set_config('maintenance_work_mem', '1280MB', true);
        execute format(
            'create index %I on codebase.code_chunks using ivfflat (embedding halfvec_cosine_ops) with (lists = %s)',
            in_use.name, in_use.lists
        );
        update codebase.vector_indexes
        set size_bytes = pg_relation_size(('codebase.' || in_use.name)::regclass)
        where name = in_use.name;
    end if;
    delete from codebase.vector_indexes where name is distinct from in_use.name;
end
$$;

alter table codebase.embeddings
    alter column embedding type halfvec using codebase.in_half_precision(embedding),
    alter column embedding set storage main;

drop function codebase.in_half_precision;
