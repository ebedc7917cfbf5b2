#![doc = include_str!("../README.md")]

mod bulk;
mod change;
mod claims;
mod code_links;
mod code_properties;
mod code_reference;
mod compile_filter;
mod conflict;
mod cursor;
mod describe;
mod difference;
mod document;
mod embed_entities;
mod entity;
mod entity_text;
mod error;
mod example_document;
mod export;
mod faults;
mod fields;
mod filter;
mod fuzz;
mod history;
mod idempotency;
mod import;
mod limits;
mod link_change;
mod links;
mod lint;
mod migrate_entities;
mod operation;
mod partition;
mod patch;
mod query;
mod query_fields;
mod ready;
mod register;
mod schema_in_force;
mod schemas;
mod search;
mod sorting;
mod strict_json;
mod templates;
mod undo;
mod validate;
mod work_states;
mod write;
mod written_operation;

pub use bulk::{Atomicity, BulkReport, BulkResult, MAX_OPERATIONS, bulk_apply};
pub use change::{Author, change_entity};
pub use claims::{Claim, LEASE_SECS, claim_next, release_claim, renew_claim};
pub use code_links::{CodeLink, code_of};
pub use code_reference::CodeReference;
pub use conflict::{ChangeSince, Conflict};
pub use cursor::CursorKey;
pub use difference::{DifferenceClass, SchemaChange};
pub use embed_entities::find_entities;
pub use entity::{AsOf, Entity, get_entity};
pub use error::WorkflowError;
pub use export::{Exported, export};
pub use faults::{Fault, Faults, MAX_FAULTS};
pub use fuzz::{FuzzOutcome, fuzz};
pub use history::{EntityVersion, MAX_VERSIONS, entity_history};
pub use import::{ImportReport, OnConflict, import};
pub use limits::{MAX_BYTES, MAX_DEPTH};
pub use link_change::{LINK_KINDS, LinkChange, LinkEnd, change_link};
pub use links::{Link, LinkKind, links_of};
pub use lint::{MAX_PATTERNS, MAX_SCHEMA_VALUES};
pub use migrate_entities::{Migrated, Migration, migrate_entities};
pub use operation::{Operation, Target};
pub use partition::{Layout, Partitioned, entity_layout, partition_entities};
pub use patch::{Change, MAX_PATCH_STEPS};
pub use query::{Count, EntityPage, EntityQuery, MAX_PAGE, explain_query, query_entities};
pub use ready::{Blocker, Readiness, explain_readiness, ready_work};
pub use register::{
    DescribedSchema, FailingEntity, MAX_QUERY_FIELDS, NewSchema, Registration, describe_schema, register_schema,
};
pub use schemas::{RegisteredSchema, register_template, registered_schemas};
pub use search::{
    EntitiesFound, EntityHit, EntitySearch, MAX_FOUND, TextToEmbed, TextVector, entities_to_embed, search_entities,
    store_entity_embeddings,
};
pub use strict_json::{read_json, read_json_inside};
pub use templates::{TEMPLATES, Template, template_names};
pub use undo::{Undone, undo_batch};
pub use validate::{CompiledSchema, MAX_COMPARISONS, compile_schema};
