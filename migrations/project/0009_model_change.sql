-- A project can be given another embedding model while it answers from the vectors of the old one: the new vectors fill a
-- column beside, and one transaction makes it the column that is searched.

-- Whose vectors the chunks have. Here and not in the registry, so that a search and a publication can ask within their own
-- transaction; the registry's column follows.
create table codebase.embedding_model (
    only_row boolean primary key default true check (only_row),
    -- Null: nothing was embedded yet, or all of it before this table was there: then the registry knows.
    model text,
    next_model text,
    next_dimensions integer,
    next_since timestamptz,
    constraint next_model_whole check (num_nulls(next_model, next_dimensions, next_since) in (0, 3))
);
insert into codebase.embedding_model default values;

alter table codebase.code_chunks
    add column next_embedding vector,
    add column next_embedding_error text;
alter table codebase.code_chunks alter column next_embedding set storage main;
