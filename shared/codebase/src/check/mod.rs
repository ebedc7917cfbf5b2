//! What the index holds, laid beside what it should hold: the half of `quarry check` that knows the tables.
//! Hands differences to the worker, which reads the tree and asks the queue what still waits. Never repairs anything.

mod compare;
mod contents;
mod counters;
mod difference;
mod loose_chunks;

pub use compare::compare;
pub(crate) use contents::one_state;
pub use contents::{StoredChunkRow, StoredContent, stored_contents, stored_contents_at};
pub use counters::{Counters, counters};
pub use difference::{Difference, DifferenceKind};
pub use loose_chunks::loose_chunks;
