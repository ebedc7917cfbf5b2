//! The tools of workflow entities. One file for each question: which kinds there are, what is stored, what changes, what
//! may be worked on.

mod answers;
mod change_entity;
mod find_entities;
mod schemas;
mod work;

pub(crate) use answers::{EntitiesAnswer, EntityAnswer};
pub(crate) use change_entity::{
    BulkAnswer, BulkApply, CreateEntity, EntityTarget, Revert, UndoBatch, UndoneAnswer, UpdateEntity, bulk_apply,
    change_target, create_entity, revert, undo_batch, update_entity,
};
pub(crate) use find_entities::{
    EntityHistory, GetEntity, HistoryAnswer, QueryEntities, SearchEntities, entity_history, get_entity, query_entities,
    search_entities,
};
pub(crate) use schemas::{
    DescribeSchema, ListSchemas, RegisterSchema, SchemaAnswer, SchemasAnswer, describe_schema, list_schemas,
    register_schema,
};
pub(crate) use work::{
    ClaimAnswer, ClaimNext, LinkAnswer, LinkEntities, ReadyWork, Release, ReleaseAnswer, claim_next, link_entities,
    ready_work, release,
};
