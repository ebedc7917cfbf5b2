//! The report on the vector index for `quarry status` and `quarry doctor`: what stands, how well it finds, what should happen
//! next. Never repairs anything: see rebuild.rs.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::policy::{Decision, decide, is_exact_better};
use super::state::{read_standing_index, read_vectors};
use crate::CodebaseError;

/// How the vectors of a project are searched, and whether that fits their number.
#[derive(Debug, Clone)]
pub struct VectorIndexHealth {
    /// Chunks in the project.
    pub rows: i64,
    /// Numbers per vector; none before a model is pinned.
    pub dimensions: Option<u32>,
    /// Whether searches scan all vectors.
    pub exact: bool,
    /// The index that stands.
    pub index: Option<IndexInUse>,
    /// What the next maintenance run will do.
    pub next: Decision,
    /// Where the project stands on its way to being large.
    pub advice: IndexAdvice,
}

/// A valid vector index.
#[derive(Debug, Clone)]
pub struct IndexInUse {
    /// In the schema `codebase`.
    pub name: String,
    /// Into how many lists the vectors are sorted.
    pub lists: i32,
    /// How many of them a search reads.
    pub probes: i32,
    /// The part of the true ten nearest that these probes found right after the build; 0 while that is being measured.
    pub recall: f32,
    /// Rows it was built from.
    pub rows_at_build: i64,
    /// Its size now.
    pub size_bytes: i64,
    /// How long the build took.
    pub build_seconds: f32,
    /// When it was built.
    pub built_at: DateTime<Utc>,
}

/// Where a project's number of chunks lies among the limits the design was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexAdvice {
    /// Fewer than 100 000 chunks.
    Comfortable,
    /// Up to 500 000: builds take minutes and gigabytes; watch recall and latency.
    Warning,
    /// More: think about splitting the project or excluding what nobody searches for.
    ActionRequired,
}

impl IndexAdvice {
    fn of(rows: i64) -> IndexAdvice {
        match rows {
            ..100_000 => IndexAdvice::Comfortable,
            100_000..=500_000 => IndexAdvice::Warning,
            _ => IndexAdvice::ActionRequired,
        }
    }
}

/// Looks at the vector index.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn vector_index_health(pool: &PgPool) -> Result<VectorIndexHealth, CodebaseError> {
    let vectors = read_vectors(pool).await?;
    let standing = read_standing_index(pool).await?;
    let built = standing.as_ref().map(|standing| standing.built());
    Ok(VectorIndexHealth {
        rows: vectors.rows,
        dimensions: (vectors.dimensions > 0).then_some(vectors.dimensions),
        exact: built.is_none_or(|built| is_exact_better(vectors.rows, built.recall)),
        next: decide(&vectors, built.as_ref()),
        advice: IndexAdvice::of(vectors.rows),
        index: standing.map(|standing| IndexInUse {
            name: standing.name,
            lists: standing.lists,
            probes: standing.probes,
            recall: standing.recall,
            rows_at_build: standing.rows_at_build,
            size_bytes: standing.size_bytes,
            build_seconds: standing.build_seconds,
            built_at: standing.built_at,
        }),
    })
}
