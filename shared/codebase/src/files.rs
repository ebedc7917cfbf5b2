//! The files an index holds, as the last publication left them. Hands a sync its half of the comparison, page by page in the
//! order of the walk, and a lane the state of the paths it is about to read.
//! Never writes chunks: see replace_files.rs.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::CodebaseError;
use crate::fences::{Fence, hold_fence};
use crate::file_stamp::{FileStamp, StampColumns};

/// A file as it stands in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Relative to the repository's root, separated by `/`.
    pub path: String,
    /// BLAKE3 of the bytes that were indexed.
    pub content_hash: [u8; 32],
    /// What it looked like when it was read: while it looks the same, it is the same. None where that is not known.
    pub stamp: Option<FileStamp>,
    /// Which rules cut it.
    pub chunker_version: i16,
    /// How many chunks it has.
    pub chunk_count: i32,
    /// When it was published.
    pub indexed_at: DateTime<Utc>,
}

/// A file whose content is the indexed one although its stamp on record is not, or is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchedFile {
    /// Relative to the repository's root.
    pub path: String,
    /// What was read and found equal.
    pub content_hash: [u8; 32],
    /// What it looks like now.
    pub stamp: FileStamp,
}

/// The key that sorts paths as a walk meets them, bytewise: directories component by component, so that `a/b` comes before
/// `a-b`.
pub fn walk_key(path: &str) -> String {
    path.replace('/', "\u{1}")
}

/// The next `limit` files in the order of a walk, after the path `after`, or from the start.
///
/// # Errors
/// [`CodebaseError::Database`] only. An unknown repository has no files.
pub async fn stored_files(
    pool: &PgPool,
    repository_id: Uuid,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<StoredFile>, CodebaseError> {
    let after = after.map(walk_key).unwrap_or_default();
    let rows = sqlx::query_file_as!(
        StoredFileRow,
        "queries/stored_files.sql",
        repository_id,
        after,
        i64::from(limit)
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(StoredFile::from).collect())
}

/// What the index holds of these paths. A path that is absent from the answer is not indexed.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn file_states(
    pool: &PgPool,
    repository_id: Uuid,
    paths: &[String],
) -> Result<HashMap<String, StoredFile>, CodebaseError> {
    let rows = sqlx::query_as!(
        StoredFileRow,
        "select
             path, content_hash, size_bytes, modified_at, change_time, inode, chunker_version, chunk_count, indexed_at
         from codebase.files
         where repository_id = $1 and path = any($2)",
        repository_id,
        paths
    )
    .fetch_all(pool)
    .await?;
    let files = rows.into_iter().map(StoredFile::from);
    Ok(files.map(|file| (file.path.clone(), file)).collect())
}

/// How many files and chunks the index holds below a directory; `""` is the root.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn files_below(pool: &PgPool, repository_id: Uuid, directory: &str) -> Result<(u64, u64), CodebaseError> {
    // All paths below it and nothing else lie between these, bytewise: '0' is the character after '/'.
    let (from, to) = match directory {
        "" => (String::new(), "\u{10ffff}".to_owned()),
        directory => (format!("{directory}/"), format!("{directory}0")),
    };
    let row = sqlx::query!(
        r#"select count(*) as "files!", coalesce(sum(chunk_count), 0)::bigint as "chunks!"
           from codebase.files
           where repository_id = $1 and path >= $2 and path < $3"#,
        repository_id,
        from,
        to
    )
    .fetch_one(pool)
    .await?;
    Ok((row.files.unsigned_abs(), row.chunks.unsigned_abs()))
}

/// Notes new stamps of files whose content is unchanged, so that the next sync need not read them again.
/// A file that another lane published differently meanwhile is left as it is. Returns how many were noted.
///
/// # Errors
/// [`CodebaseError::FenceLost`] when the lane was taken over; nothing was written.
pub async fn touch_files(
    pool: &PgPool,
    fence: &Fence,
    repository_id: Uuid,
    touched: &[TouchedFile],
) -> Result<u64, CodebaseError> {
    let mut touched: Vec<&TouchedFile> = touched.iter().collect();
    touched.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    let paths: Vec<&str> = touched.iter().map(|file| file.path.as_str()).collect();
    let hashes: Vec<&[u8]> = touched.iter().map(|file| &file.content_hash[..]).collect();
    let mut stamps = StampColumns::default();
    for file in &touched {
        stamps.push(Some(&file.stamp));
    }

    let mut transaction = pool.begin().await?;
    hold_fence(&mut transaction, fence).await?;
    let noted = sqlx::query!(
        "with locked as (
             select files.id, touched.modified_at, touched.change_time, touched.inode
             from unnest($2::text[], $3::bytea[], $4::timestamptz[], $5::timestamptz[], $6::bigint[])
                 as touched (path, content_hash, modified_at, change_time, inode)
             join codebase.files
                 on files.repository_id = $1
                 and files.path = touched.path
                 and files.content_hash = touched.content_hash
             order by files.path
             for no key update of files
         )
         update codebase.files
         set modified_at = locked.modified_at, change_time = locked.change_time, inode = locked.inode
         from locked
         where files.id = locked.id",
        repository_id,
        &paths as _,
        &hashes as _,
        &stamps.modified as _,
        &stamps.changed as _,
        &stamps.inodes as _
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(noted.rows_affected())
}

struct StoredFileRow {
    path: String,
    content_hash: Vec<u8>,
    size_bytes: i64,
    modified_at: Option<DateTime<Utc>>,
    change_time: Option<DateTime<Utc>>,
    inode: Option<i64>,
    chunker_version: i16,
    chunk_count: i32,
    indexed_at: DateTime<Utc>,
}

impl From<StoredFileRow> for StoredFile {
    fn from(row: StoredFileRow) -> StoredFile {
        StoredFile {
            path: row.path,
            content_hash: row
                .content_hash
                .try_into()
                .expect("a constraint keeps hashes at 32 bytes"),
            stamp: FileStamp::of_columns(row.size_bytes, row.modified_at, row.change_time, row.inode),
            chunker_version: row.chunker_version,
            chunk_count: row.chunk_count,
            indexed_at: row.indexed_at,
        }
    }
}
