//! The ivfflat index over the chunks' vectors: whether there should be one, building it beside the old one, and how many of
//! its lists a search has to probe. Hands `search` a plan and `quarry status` a report.
//! Never builds on a nearly empty table, and never blocks a search or a publication.

mod calibrate;
mod health;
mod policy;
mod rebuild;
mod state;

pub use health::{IndexAdvice, IndexInUse, VectorIndexHealth, vector_index_health};
pub use policy::{Decision, RebuildReason};
pub use rebuild::{RebuildMode, Rebuilt, rebuild_vector_index};
pub(crate) use state::{VectorSearchPlan, vector_search_plan};
