-- What a batch did to links, so that it can be taken back as a whole: entities have versions for that, links have not.

create table workflow.batch_links (
    batch_id uuid not null references workflow.batches (id),
    place bigint generated always as identity,
    from_id uuid not null references workflow.entities (id) on delete cascade,
    -- A kind of link between entities, or about for code; and an entity's id, or the place in code.
    kind text not null,
    target text not null,
    -- Whether the batch made the link; else it took it away.
    is_new boolean not null,
    -- Whose link it is, and since when.
    created_at timestamptz not null,
    created_by text not null,
    primary key (batch_id, place)
);
create index batch_links_by_entity on workflow.batch_links (from_id);
