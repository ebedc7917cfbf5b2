//! The inverted index for BM25: immutable segments of terms in Postgres, written by the publishing transaction.
//! Hands scored chunk numbers to `search`; a publisher calls [`build_segment`] off the async threads, then
//! [`store_segment`] and [`bury`] in its transaction. Never changes a stored segment: a merge writes a new one.

mod blocks;
mod build_segment;
mod cache;
mod candidates;
mod check_segments;
mod close_names;
mod compare_terms;
mod defined_names;
mod holding;
mod insert_blocks;
pub(crate) mod markers;
mod merge_segments;
mod postings;
mod score;
mod snapshot;
mod store_segment;
pub(crate) mod varint;

pub(crate) use build_segment::{ChunkText, Segment, build_segment};
pub(crate) use candidates::{LexicalCandidates, QueryTerms, score_chunks};
pub use check_segments::check_segments;
pub(crate) use close_names::CloseMarker;
pub(crate) use defined_names::defined_names;
pub(crate) use holding::{Holding, chunks_holding};
pub use merge_segments::{MergedSegments, merge_segments};
pub(crate) use score::Scored;
pub(crate) use snapshot::{LexicalSnapshot, load_snapshot};
pub(crate) use store_segment::{Document, bury, store_segment};
