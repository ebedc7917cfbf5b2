//! Removes a repository with everything that was derived from it, in batches that lock little and finish soon.
//! Hands the caller counts to report. Never touches the tree on disk, nor the vectors in the cache, which age out by themselves.

use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

use crate::CodebaseError;
use crate::fences::{Fence, hold_fence, shut_lanes};

/// A transaction of some 20 ms, so that index builds and vacuums never wait long for it.
const CHUNKS_PER_BATCH: i64 = 2_000;
const FILES_PER_BATCH: i64 = 5_000;
/// A segment has some ten thousand postings.
const SEGMENTS_PER_BATCH: i64 = 4;

/// What a removal deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Rows of files.
    pub files: u64,
    /// Rows of chunks.
    pub chunks: u64,
    /// Lexical segments with their postings.
    pub segments: u64,
}

/// Removes a repository. From the first batch on no other lane of it can publish. May be run again after a crash, and
/// removing what is gone already removes nothing. The lanes' fences stay, see [`crate::sweep_fences`].
///
/// # Errors
/// [`CodebaseError::FenceLost`] when the lane was taken over: the new holder continues.
pub async fn remove_repository(pool: &PgPool, fence: &Fence, id: Uuid) -> Result<Removed, CodebaseError> {
    let mut transaction = begin(pool, fence).await?;
    shut_lanes(&mut transaction, fence, id).await?;
    transaction.commit().await?;

    let mut removed = Removed::default();
    loop {
        let mut transaction = begin(pool, fence).await?;
        let segments = delete_segments(&mut transaction, id).await?;
        transaction.commit().await?;
        removed.segments += segments;
        if segments == 0 {
            break;
        }
    }
    loop {
        let mut transaction = begin(pool, fence).await?;
        let chunks = delete_chunks(&mut transaction, id).await?;
        transaction.commit().await?;
        removed.chunks += chunks;
        if chunks == 0 {
            break;
        }
    }
    loop {
        let mut transaction = begin(pool, fence).await?;
        let files = delete_files(&mut transaction, id).await?;
        transaction.commit().await?;
        removed.files += files;
        if files == 0 {
            break;
        }
    }
    let mut transaction = begin(pool, fence).await?;
    sqlx::query!("delete from codebase.repositories where id = $1", id)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(removed)
}

async fn begin(pool: &PgPool, fence: &Fence) -> Result<Transaction<'static, Postgres>, CodebaseError> {
    let mut transaction = pool.begin().await?;
    hold_fence(&mut transaction, fence).await?;
    Ok(transaction)
}

async fn delete_segments(connection: &mut PgConnection, id: Uuid) -> Result<u64, CodebaseError> {
    let deleted = sqlx::query!(
        "delete from codebase.lexical_segments
         where id in (
             select id
             from codebase.lexical_segments
             where repository_id = $1
             order by id
             limit $2
         )",
        id,
        SEGMENTS_PER_BATCH
    )
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected())
}

async fn delete_chunks(connection: &mut PgConnection, id: Uuid) -> Result<u64, CodebaseError> {
    let deleted = sqlx::query!(
        "delete from codebase.code_chunks
         where number in (
             select number
             from codebase.code_chunks
             where repository_id = $1
             limit $2
         )",
        id,
        CHUNKS_PER_BATCH
    )
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected())
}

async fn delete_files(connection: &mut PgConnection, id: Uuid) -> Result<u64, CodebaseError> {
    let deleted = sqlx::query!(
        "delete from codebase.files
         where id in (
             select id
             from codebase.files
             where repository_id = $1
             limit $2
         )",
        id,
        FILES_PER_BATCH
    )
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected())
}
