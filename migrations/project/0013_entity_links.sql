-- How entities hang together: what waits for what, who works on what, and which code an entity is about.

create table workflow.entity_links (
    from_id uuid not null references workflow.entities (id) on delete cascade,
    kind text not null,
    to_id uuid not null references workflow.entities (id) on delete cascade,
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null,
    primary key (from_id, kind, to_id),
    constraint valid_kind check (kind in ('blocks', 'parent_of', 'relates_to', 'duplicates', 'supersedes')),
    constraint links_two_entities check (from_id <> to_id)
);
create index entity_links_by_target on workflow.entity_links (to_id, kind);

-- What keeps an entity from being worked on: whatever blocks it or anything it is a part of, and is neither done nor
-- deleted. `via` is the entity itself or the one above it that is blocked.
create function workflow.open_blockers(of_entity uuid) returns table (via uuid, blocker uuid)
language sql stable as $$
    with recursive above (id) as (
        select of_entity
        union
        select parent.id
        from above
        join workflow.entity_links as link on link.to_id = above.id and link.kind = 'parent_of'
        join workflow.entities as parent on parent.id = link.from_id and parent.deleted_at is null
    )
    select above.id, blocker.id
    from above
    join workflow.entity_links as link on link.to_id = above.id and link.kind = 'blocks'
    join workflow.entities as blocker on blocker.id = link.from_id
    where blocker.deleted_at is null and blocker.work_state <> 'done'
$$;

-- Who works on an entity, until when. A later claim has a higher fence, and a write under an older one is refused.
create sequence workflow.claim_fences;

create table workflow.entity_claims (
    entity_id uuid primary key references workflow.entities (id) on delete cascade,
    holder text not null,
    fence bigint not null,
    claimed_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null
) with (fillfactor = 50);

create table workflow.entity_code (
    entity_id uuid not null references workflow.entities (id) on delete cascade,
    -- As it is written: repository/path#L10-L42 or repository/path#symbol.
    reference text collate "C" not null,
    repository text collate "C" not null,
    -- Null: the repository as a whole, or a symbol wherever it is.
    path text collate "C",
    start_line integer,
    end_line integer,
    symbol text,
    -- Whether the document says so itself, in a property of the format code-reference. Else somebody linked it.
    in_document boolean not null,
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null,
    primary key (entity_id, reference),
    constraint valid_lines check (
        (start_line is null and end_line is null) or (start_line > 0 and end_line >= start_line)
    )
);
create index entity_code_by_place on workflow.entity_code (repository, path);
