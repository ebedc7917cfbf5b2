-- Workflow entities: JSON documents checked against versioned JSON Schemas. A schema version never changes once stored.

create schema workflow;

create function workflow.set_updated_at() returns trigger language plpgsql as $$
begin
    new.updated_at = now();
    return new;
end
$$;

create table workflow.entity_schemas (
    id uuid primary key default gen_random_uuid(),
    schema_name text not null,
    version integer not null default 1,
    schema_definition jsonb not null,
    description text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by text not null default 'claude-code',

    constraint valid_schema_name check (schema_name ~ '^[a-z_][a-z0-9_]*$' and octet_length(schema_name) <= 63),
    constraint valid_schema_version check (version > 0),
    constraint one_definition_per_version unique (schema_name, version)
);

create trigger update_entity_schemas_updated_at
    before update on workflow.entity_schemas
    for each row execute function workflow.set_updated_at();

create function workflow.refuse_definition_change() returns trigger language plpgsql as $$
begin
    raise exception 'schema % version % never changes; register the next version', old.schema_name, old.version
        using errcode = 'restrict_violation';
end
$$;

create trigger refuse_entity_schemas_definition_change
    before update on workflow.entity_schemas
    for each row
    when ((old.schema_name, old.version, old.schema_definition)
        is distinct from (new.schema_name, new.version, new.schema_definition))
    execute function workflow.refuse_definition_change();

create table workflow.entities (
    id uuid primary key default gen_random_uuid(),
    schema_name text not null,
    schema_version integer not null,
    data jsonb not null,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by text not null default 'claude-code',
    updated_by text not null default 'claude-code',
    deleted_at timestamptz,

    constraint valid_version check (version > 0),
    foreign key (schema_name, schema_version)
        references workflow.entity_schemas (schema_name, version) on delete restrict
);

create trigger update_entities_updated_at
    before update on workflow.entities
    for each row execute function workflow.set_updated_at();

create index idx_entities_schema_created on workflow.entities (schema_name, created_at desc, id);
create index idx_entities_schema_updated on workflow.entities (schema_name, updated_at desc, id);
create index idx_entities_data on workflow.entities using gin (data jsonb_path_ops);
