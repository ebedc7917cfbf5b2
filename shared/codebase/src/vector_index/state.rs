//! Reads what stands: the vectors, the index over them and the record of its build.
//! Hands search its plan in one cheap query, meant to be kept for some seconds. Never changes anything.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::policy::{Built, Vectors, is_exact_better};
use crate::CodebaseError;

/// How to search the vectors now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VectorSearchPlan {
    /// Compare all of them: there is no index, or scanning is fast enough and finds more.
    Exact,
    /// Through the index that stands.
    Index {
        /// `ivfflat.probes` for it.
        probes: i32,
    },
}

/// A record of `codebase.vector_indexes` whose index exists and is valid.
#[derive(Debug, Clone)]
pub(crate) struct StandingIndex {
    pub(crate) name: String,
    pub(crate) lists: i32,
    pub(crate) probes: i32,
    pub(crate) recall: f32,
    pub(crate) rows_at_build: i64,
    last_number_at_build: i64,
    size_bytes_at_build: i64,
    pub(crate) size_bytes: i64,
    pub(crate) build_seconds: f32,
    pub(crate) built_at: DateTime<Utc>,
}

impl StandingIndex {
    pub(crate) fn built(&self) -> Built {
        Built {
            rows: self.rows_at_build,
            last_number: self.last_number_at_build,
            size_bytes: self.size_bytes_at_build,
            size_bytes_now: self.size_bytes,
            recall: self.recall,
        }
    }
}

/// How a search among `rows` chunks should go about the vectors: which index, how many probes, or all of them.
pub(crate) async fn vector_search_plan(
    executor: impl PgExecutor<'_>,
    rows: i64,
) -> Result<VectorSearchPlan, CodebaseError> {
    Ok(match read_standing_index(executor).await? {
        Some(standing) if !is_exact_better(rows, standing.recall) => VectorSearchPlan::Index {
            probes: standing.probes,
        },
        _ => VectorSearchPlan::Exact,
    })
}

/// Counts chunks from the files' rows: a hundred times cheaper than counting vectors, and chunks without one are few.
pub(crate) async fn read_vectors(executor: impl PgExecutor<'_>) -> Result<Vectors, CodebaseError> {
    let row = sqlx::query!(
        r#"select
               (select coalesce(sum(chunk_count), 0)::bigint from codebase.files) as "rows!",
               (select case when is_called then last_value else 0 end from codebase.chunk_numbers) as "last_number!",
               (
                   select atttypmod
                   from pg_catalog.pg_attribute
                   where attrelid = 'codebase.code_chunks'::regclass and attname = 'embedding'
               ) as "dimensions!""#
    )
    .fetch_one(executor)
    .await?;
    Ok(Vectors {
        rows: row.rows,
        last_number: row.last_number,
        dimensions: u32::try_from(row.dimensions).unwrap_or(0),
    })
}

pub(crate) async fn read_standing_index(executor: impl PgExecutor<'_>) -> Result<Option<StandingIndex>, CodebaseError> {
    let standing = sqlx::query_as!(
        StandingIndex,
        r#"select
               built.name,
               built.lists,
               built.probes,
               built.recall,
               built.rows_at_build,
               built.last_number_at_build,
               built.size_bytes as size_bytes_at_build,
               pg_relation_size(pg_index.indexrelid) as "size_bytes!",
               built.build_seconds,
               built.built_at
           from codebase.vector_indexes as built
           join pg_catalog.pg_class on pg_class.relname = built.name
           join pg_catalog.pg_index on pg_index.indexrelid = pg_class.oid
           where pg_index.indrelid = 'codebase.code_chunks'::regclass and pg_index.indisvalid
           order by built.built_at desc
           limit 1"#
    )
    .fetch_optional(executor)
    .await?;
    Ok(standing)
}
