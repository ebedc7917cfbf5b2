-- Entities come alive: every version of a document is kept by the database itself, writes can be retried and taken back
-- as a batch, and what is asked for often comes from an index.

alter table workflow.entity_schemas
    -- JSON pointers of properties that queries select and sort by. Each has an index of its own.
    add column query_fields text[] not null default '{}';

alter table workflow.entities
    -- What made the present version, and with which others it was made.
    add column operation text not null default 'create',
    add column batch_id uuid,
    -- What its schema says about the document: may be worked on, is being worked on or waits for something else, is done.
    add column work_state text not null default 'ready',
    add constraint valid_work_state check (work_state in ('ready', 'busy', 'done')),
    add constraint valid_operation check (
        operation in ('create', 'update', 'delete', 'restore', 'revert', 'migrate', 'import', 'undo')
    );

-- The oldest first, in the order of idx_entities_schema_created read backwards.
create index entities_ready on workflow.entities (schema_name, created_at, id desc)
    where deleted_at is null and work_state <> 'done';

create table workflow.entity_versions (
    entity_id uuid not null references workflow.entities (id) on delete cascade,
    version integer not null,
    schema_version integer not null,
    data jsonb not null,
    is_deleted boolean not null,
    operation text not null,
    batch_id uuid,
    changed_at timestamptz not null,
    changed_by text not null,
    primary key (entity_id, version)
);

create index entity_versions_by_batch on workflow.entity_versions (batch_id) where batch_id is not null;

insert into workflow.entity_versions
    (entity_id, version, schema_version, data, is_deleted, operation, changed_at, changed_by)
select id, version, schema_version, data, deleted_at is not null, 'import', updated_at, updated_by
from workflow.entities;

-- Whoever writes says which version they saw, also by hand: a change that skips or repeats a version is refused.
-- The clock, not the transaction's start: of two versions the later one has the later time.
create function workflow.next_version() returns trigger language plpgsql as $$
begin
    if new.id <> old.id or new.schema_name <> old.schema_name then
        raise exception 'entity % keeps its id and its schema', old.id using errcode = 'restrict_violation';
    end if;
    if new.version <> old.version + 1 then
        raise exception 'entity % is at version %: the next one is %', old.id, old.version, old.version + 1
            using errcode = 'restrict_violation';
    end if;
    new.updated_at = greatest(clock_timestamp(), old.updated_at + interval '1 microsecond');
    return new;
end
$$;

create function workflow.keep_version() returns trigger language plpgsql as $$
begin
    insert into workflow.entity_versions
        (entity_id, version, schema_version, data, is_deleted, operation, batch_id, changed_at, changed_by)
    values
        (new.id, new.version, new.schema_version, new.data, new.deleted_at is not null, new.operation, new.batch_id,
         new.updated_at, new.updated_by);
    return null;
end
$$;

drop trigger update_entities_updated_at on workflow.entities;
create trigger update_entities_updated_at
    before update on workflow.entities
    for each row execute function workflow.next_version();
create trigger keep_entities_version
    after insert or update on workflow.entities
    for each row execute function workflow.keep_version();

-- What a document says, in the terms of the lexical index of code. Made in Rust, in the transaction that writes it.
create table workflow.entity_texts (
    entity_id uuid primary key references workflow.entities (id) on delete cascade,
    terms text[] collate "C" not null,
    -- How often each of them occurs, and how many there are in all.
    counts smallint[] not null,
    length integer not null,
    -- The text that stands for the document when it is embedded, as a hash; and the hash of what was embedded.
    text_hash bytea not null,
    embedded_hash bytea,
    model text,
    embedding vector,
    embedding_error text
);
alter table workflow.entity_texts alter column embedding set storage main;

create index entity_texts_by_term on workflow.entity_texts using gin (terms);
create index entity_texts_to_embed on workflow.entity_texts (entity_id)
    where embedded_hash is distinct from text_hash;

-- A write that was retried is recognised by its key and answered as the first time.
create table workflow.idempotency_keys (
    key text collate "C" primary key,
    request_hash bytea not null,
    answer jsonb not null,
    created_at timestamptz not null default clock_timestamp()
);
create index idempotency_keys_by_age on workflow.idempotency_keys (created_at);

create table workflow.batches (
    id uuid primary key default gen_random_uuid(),
    operations integer not null,
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null,
    -- The batch that took this one back.
    undone_by uuid references workflow.batches (id)
);

-- Signs the cursors of this project. Made by the first query: a row of the template would be every project's key.
create table workflow.cursor_key (
    only_one boolean primary key default true check (only_one),
    key bytea not null check (octet_length(key) = 32)
);

-- What a property is selected and sorted by: its value, texts cut so that any fits an index. A property that is missing
-- counts as null; arrays and objects are compared whole, never through this.
-- The way through jsonb_object is the immutable one, so that the function is inlined and its index found.
create function workflow.query_key(data jsonb, path text[]) returns jsonb
language sql immutable parallel safe
return case
    when jsonb_typeof(data #> path) = 'string' and length(data #>> path) > 250
        then jsonb_object(array['text', left(data #>> path, 250)]) -> 'text'
    when jsonb_typeof(data #> path) in ('array', 'object') then 'null'::jsonb
    else coalesce(data #> path, 'null'::jsonb)
end;

-- The moment a date-time names, whatever its offset; null for what is none. Immutable because RFC 3339 always has one.
create function workflow.instant(date_time text) returns timestamptz
language plpgsql immutable strict parallel safe as $$
begin
    if date_time !~ '^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$' then
        return null;
    end if;
    return date_time::timestamptz;
exception when others then
    return null;
end
$$;
