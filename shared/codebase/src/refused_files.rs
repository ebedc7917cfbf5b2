//! Files that only their content keeps out of the index: remembered with their stamps, so that a comparison need not read
//! them again to refuse them again. Written by syncs only, under their fence.
//! Never decides what is refused.

use sqlx::PgPool;
use uuid::Uuid;

use crate::CodebaseError;
use crate::fences::{Fence, hold_fence};
use crate::file_stamp::{FileStamp, StampColumns};
use crate::files::walk_key;

/// A file that was read and refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedFile {
    /// Relative to the repository's root.
    pub path: String,
    /// Why, by its stable name.
    pub reason: String,
    /// Which rules refused it: others may think better of it.
    pub chunker_version: i16,
    /// What it looked like.
    pub stamp: FileStamp,
}

/// The next `limit` refused files in the order of a walk, after the path `after`, or from the start.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn refused_files(
    pool: &PgPool,
    repository_id: Uuid,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<RefusedFile>, CodebaseError> {
    let rows = sqlx::query_file!(
        "queries/refused_files.sql",
        repository_id,
        after.map(walk_key).unwrap_or_default(),
        i64::from(limit)
    )
    .fetch_all(pool)
    .await?;
    let files = rows.into_iter().map(|row| RefusedFile {
        path: row.path,
        reason: row.reason,
        chunker_version: row.chunker_version,
        stamp: FileStamp {
            size_bytes: row.size_bytes,
            modified_at: row.modified_at,
            change_time: row.change_time,
            inode: row.inode,
        },
    });
    Ok(files.collect())
}

/// Which of these paths are noted as refused.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn refused_files_at(
    pool: &PgPool,
    repository_id: Uuid,
    paths: &[String],
) -> Result<Vec<RefusedFile>, CodebaseError> {
    let rows = sqlx::query!(
        "select path, reason, chunker_version, size_bytes, modified_at, change_time, inode
         from codebase.refused_files
         where repository_id = $1 and path = any($2)",
        repository_id,
        paths
    )
    .fetch_all(pool)
    .await?;
    let files = rows.into_iter().map(|row| RefusedFile {
        path: row.path,
        reason: row.reason,
        chunker_version: row.chunker_version,
        stamp: FileStamp {
            size_bytes: row.size_bytes,
            modified_at: row.modified_at,
            change_time: row.change_time,
            inode: row.inode,
        },
    });
    Ok(files.collect())
}

/// Notes refused files and forgets those at the paths `forgotten`, which are gone or refused no more.
///
/// # Errors
/// [`CodebaseError::FenceLost`] when the lane was taken over; nothing was written.
pub async fn note_refused(
    pool: &PgPool,
    fence: &Fence,
    repository_id: Uuid,
    refused: &[RefusedFile],
    forgotten: &[String],
) -> Result<(), CodebaseError> {
    let paths: Vec<&str> = refused.iter().map(|file| file.path.as_str()).collect();
    let reasons: Vec<&str> = refused.iter().map(|file| file.reason.as_str()).collect();
    let versions: Vec<i16> = refused.iter().map(|file| file.chunker_version).collect();
    let sizes: Vec<i64> = refused.iter().map(|file| file.stamp.size_bytes).collect();
    let mut stamps = StampColumns::default();
    for file in refused {
        stamps.push(Some(&file.stamp));
    }

    let mut transaction = pool.begin().await?;
    hold_fence(&mut transaction, fence).await?;
    sqlx::query!(
        "delete from codebase.refused_files where repository_id = $1 and path = any($2)",
        repository_id,
        forgotten
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "insert into codebase.refused_files (
             repository_id, path, reason, chunker_version, size_bytes, modified_at, change_time, inode
         )
         select $1, given.*
         from unnest(
             $2::text[], $3::text[], $4::smallint[], $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::bigint[]
         ) as given
         on conflict (repository_id, path) do update
         set reason = excluded.reason,
             chunker_version = excluded.chunker_version,
             size_bytes = excluded.size_bytes,
             modified_at = excluded.modified_at,
             change_time = excluded.change_time,
             inode = excluded.inode",
        repository_id,
        &paths as _,
        &reasons as _,
        &versions,
        &sizes,
        &stamps.modified as _,
        &stamps.changed as _,
        &stamps.inodes as _
    )
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.commit().await?)
}
