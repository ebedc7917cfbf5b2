#![doc = include_str!("../README.md")]

mod check;
mod chunk_changes;
mod chunk_rows;
mod copy;
mod embeddings;
mod error;
mod fences;
mod file_rows;
mod file_stamp;
mod files;
mod forget_content;
mod freshness;
mod half_vector;
mod lexical;
mod model_change;
mod new_file;
mod publication;
mod read_lines;
mod refused_files;
mod remotes;
mod remove_repository;
mod replace_files;
mod repositories;
mod search;
mod symbols;
mod tokenize;
mod vector_index;
mod write_chunks;

pub use check::{
    Counters, Difference, DifferenceKind, StoredChunkRow, StoredContent, compare, counters, loose_chunks,
    stored_contents, stored_contents_at,
};
pub use embeddings::{known_embeddings, prune_embeddings, store_embeddings};
pub use error::CodebaseError;
pub use fences::{Fence, fences, raise_fence, sweep_fences};
pub use file_stamp::FileStamp;
pub use files::{StoredFile, TouchedFile, file_states, files_below, stored_files, touch_files, walk_key};
pub use forget_content::forget_content;
pub use freshness::{Freshness, FreshnessState, Pending, freshness};
pub use lexical::{MergedSegments, check_segments, merge_segments};
pub use model_change::{
    EmbeddingModels, ModelChangeProgress, NextModel, NextVector, Switched, UnembeddedChunk, begin_model_change,
    cancel_model_change, chunks_to_embed, embedding_models, model_change_progress, note_stored_model, store_next,
    switch_model,
};
pub use new_file::{NewChunk, NewFile};
pub use read_lines::{ChunkText, StoredLines, chunk_by_id, read_lines};
pub use refused_files::{RefusedFile, note_refused, refused_files, refused_files_at};
pub use remotes::{FollowedBranch, Remote, ensure_remote_repository, record_target, target_commit};
pub use remove_repository::{Removed, remove_repository};
pub use replace_files::{Replaced, Spent, replace_files, replace_files_of_model};
pub use repositories::{
    GitState, IndexingStatus, Repository, ensure_repository, find_repository, find_repository_at, mark_completed,
    mark_failed, mark_in_progress, record_walk, repositories,
};
pub use search::{
    CandidateCounts, Correction, Degraded, Elsewhere, Explanation, Hit, MAX_LIMIT, MAX_TEXT_BYTES, SearchMode,
    SearchOutcome, SearchRequest, SearchTimings, SimilarOutcome, SimilarRequest, SimilarTo, Standing, VectorScan,
    Weights, fuse_question, search, similar,
};
pub use symbols::{
    Definition, Definitions, FileOutline, NameMatch, NameSeparator, NameUse, OutlineEntry, SymbolDefinition,
    SymbolKind, SymbolOutcome, SymbolRequest, SymbolUse, UseRole, file_outline, find_symbol,
};
pub use tokenize::text_terms;
pub use vector_index::{
    Decision, IndexAdvice, IndexInUse, RebuildMode, RebuildReason, Rebuilt, VectorIndexHealth, rebuild_vector_index,
    vector_index_health,
};
