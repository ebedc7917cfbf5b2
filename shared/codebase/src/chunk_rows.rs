//! The rows of chunks as a publication reads, deletes and moves them. New ones: see write_chunks.rs.
//! Never decides which those are: see chunk_changes.rs.

use std::borrow::Cow;
use std::collections::HashMap;

use futures::TryStreamExt;
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::CodebaseError;
use crate::chunk_changes::{Described, MovedChunk, StoredChunk, StoredChunks};

/// The stored chunks of these files, by path. Texts stream through: only their fingerprints stay.
pub(crate) async fn stored_chunks(
    pool: &PgPool,
    repository_id: Uuid,
    paths: &[&str],
) -> Result<HashMap<String, StoredChunks>, CodebaseError> {
    let mut stored: HashMap<String, StoredChunks> = HashMap::new();
    if paths.is_empty() {
        return Ok(stored);
    }
    let mut rows = sqlx::query_file!("queries/stored_chunks.sql", repository_id, paths as _).fetch(pool);
    while let Some(row) = rows.try_next().await? {
        let described = Described {
            content: &row.content,
            file_type: row.file_type.as_deref(),
            language: row.language.as_deref(),
            symbol: row.symbol.as_deref(),
            symbol_kind: row.symbol_kind.as_deref(),
            defines: &row.defines,
            uses: row.uses.as_deref().map(Cow::Borrowed),
            context_before: row.context_before.as_deref(),
            context_after: row.context_after.as_deref(),
            embedding_hash: &row.embedding_hash,
            has_embedding: row.has_embedding,
            embedding_error: row.embedding_error.as_deref(),
        };
        let fingerprint = described.fingerprint();
        let chunk = StoredChunk {
            number: row.number,
            start_line: row.start_line,
            end_line: row.end_line,
        };
        let file = stored.entry(row.file_path).or_default();
        file.add(fingerprint, chunk);
    }
    Ok(stored)
}

/// The dimension of the project's vectors; none until a model is pinned.
pub(crate) async fn dimensions(executor: impl PgExecutor<'_>) -> Result<Option<u32>, CodebaseError> {
    let modifier = sqlx::query_scalar!(
        "select atttypmod
         from pg_catalog.pg_attribute
         where attrelid = 'codebase.code_chunks'::regclass and attname = 'embedding'"
    )
    .fetch_one(executor)
    .await?;
    Ok(u32::try_from(modifier).ok())
}

/// Deletes every chunk of these files and returns their numbers.
pub(crate) async fn delete_chunks_of(
    connection: &mut PgConnection,
    repository_id: Uuid,
    paths: &[&str],
) -> Result<Vec<i64>, CodebaseError> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let numbers = sqlx::query_scalar!(
        "delete from codebase.code_chunks
         where repository_id = $1 and file_path = any($2)
         returning number",
        repository_id,
        paths as _
    )
    .fetch_all(connection)
    .await?;
    Ok(numbers)
}

pub(crate) async fn delete_chunks(connection: &mut PgConnection, numbers: &[i64]) -> Result<(), CodebaseError> {
    if numbers.is_empty() {
        return Ok(());
    }
    sqlx::query!("delete from codebase.code_chunks where number = any($1)", numbers)
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn move_chunks(connection: &mut PgConnection, moved: &[MovedChunk]) -> Result<(), CodebaseError> {
    if moved.is_empty() {
        return Ok(());
    }
    let numbers: Vec<i64> = moved.iter().map(|chunk| chunk.number).collect();
    let starts: Vec<i32> = moved.iter().map(|chunk| chunk.start_line).collect();
    let ends: Vec<i32> = moved.iter().map(|chunk| chunk.end_line).collect();
    sqlx::query!(
        "update codebase.code_chunks
         set start_line = given.start_line, end_line = given.end_line
         from unnest($1::bigint[], $2::integer[], $3::integer[]) as given (number, start_line, end_line)
         where code_chunks.number = given.number",
        &numbers,
        &starts,
        &ends
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The numbers of `count` chunks to come, ascending. Gaps are left by publishers that run beside or fail.
pub(crate) async fn reserve_numbers(connection: &mut PgConnection, count: usize) -> Result<Vec<i64>, CodebaseError> {
    let count = i32::try_from(count).expect("a batch is bounded");
    let numbers = sqlx::query_scalar!(
        r#"select nextval('codebase.chunk_numbers') as "number!" from generate_series(1, $1)"#,
        count
    )
    .fetch_all(connection)
    .await?;
    Ok(numbers)
}

/// A line number as its column holds it.
pub(crate) fn line(number: u32) -> i32 {
    i32::try_from(number).expect("check_batch refuses lines past 2^31")
}
