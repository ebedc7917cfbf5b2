//! The files of a repository with their chunks, as they are stored: in pages in the order of a walk, or by path.
//! File and chunks of one page come from one state of the database. Never judges them: see compare.rs.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

use crate::CodebaseError;
use crate::file_stamp::FileStamp;
use crate::files::walk_key;

/// A stored file with its chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredContent {
    /// Relative to the repository's root, separated by `/`.
    pub path: String,
    /// BLAKE3 of the bytes that were indexed.
    pub content_hash: [u8; 32],
    /// Length of what was indexed, in bytes.
    pub size_bytes: i64,
    /// What the system said of it when it was read.
    pub stamp: Option<FileStamp>,
    /// Its language, where it is known.
    pub language: Option<String>,
    /// Its extension or name.
    pub file_type: Option<String>,
    /// Number of its lines.
    pub line_count: i32,
    /// Number of its chunks, as its row says.
    pub chunk_count: i32,
    /// Which rules cut it.
    pub chunker_version: i16,
    /// When it was published.
    pub indexed_at: DateTime<Utc>,
    /// Its definitions, packed.
    pub outline: Option<Vec<u8>>,
    /// Its chunks, in the order in which their lines are given back.
    pub chunks: Vec<StoredChunkRow>,
}

/// A stored chunk, without its vector.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the columns of codebase.code_chunks, described in its migration"
)]
pub struct StoredChunkRow {
    pub number: i64,
    pub start_line: i32,
    pub end_line: i32,
    pub content: String,
    pub file_type: Option<String>,
    pub language: Option<String>,
    pub symbol: Option<String>,
    pub symbol_kind: Option<String>,
    pub defines: Vec<String>,
    pub uses: Option<Vec<u8>>,
    pub context_before: Option<String>,
    pub context_after: Option<String>,
    pub embedding_hash: Vec<u8>,
    pub has_embedding: bool,
    pub embedding_error: Option<String>,
    /// Whether the vector is the cache's for this text and model; none when there is nothing to compare.
    pub as_cached: Option<bool>,
}

/// The next `limit` files in the order of a walk, after the path `after`, or from the start. `model` names the cached
/// vectors to compare with.
///
/// # Errors
/// [`CodebaseError::Database`] only. An unknown repository has no files.
pub async fn stored_contents(
    pool: &PgPool,
    repository_id: Uuid,
    model: Option<&str>,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<StoredContent>, CodebaseError> {
    let after = after.map(walk_key).unwrap_or_default();
    let mut transaction = one_state(pool).await?;
    let rows = sqlx::query_file_as!(
        FileRow,
        "queries/stored_contents.sql",
        repository_id,
        after,
        i64::from(limit)
    )
    .fetch_all(&mut *transaction)
    .await?;
    with_chunks(&mut transaction, repository_id, model, rows).await
}

/// The same for some paths; a path that is absent from the answer is not indexed.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn stored_contents_at(
    pool: &PgPool,
    repository_id: Uuid,
    model: Option<&str>,
    paths: &[String],
) -> Result<Vec<StoredContent>, CodebaseError> {
    let mut transaction = one_state(pool).await?;
    let rows = sqlx::query_as!(
        FileRow,
        "select
             path, content_hash, size_bytes, modified_at, change_time, inode, language, file_type, line_count,
             chunk_count, chunker_version, indexed_at,
             (select outline from codebase.file_outlines where file_id = files.id) as outline
         from codebase.files
         where repository_id = $1 and path = any($2)",
        repository_id,
        paths
    )
    .fetch_all(&mut *transaction)
    .await?;
    with_chunks(&mut transaction, repository_id, model, rows).await
}

/// A transaction that sees one state of the database from its first statement on.
pub(crate) async fn one_state(pool: &PgPool) -> Result<Transaction<'static, Postgres>, CodebaseError> {
    Ok(pool
        .begin_with("begin isolation level repeatable read read only")
        .await?)
}

async fn with_chunks(
    connection: &mut PgConnection,
    repository_id: Uuid,
    model: Option<&str>,
    files: Vec<FileRow>,
) -> Result<Vec<StoredContent>, CodebaseError> {
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut chunks: HashMap<String, Vec<StoredChunkRow>> = HashMap::with_capacity(files.len());
    let mut rows =
        sqlx::query_file!("queries/checked_chunks.sql", repository_id, &paths as _, model).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        chunks.entry(row.file_path).or_default().push(StoredChunkRow {
            number: row.number,
            start_line: row.start_line,
            end_line: row.end_line,
            content: row.content,
            file_type: row.file_type,
            language: row.language,
            symbol: row.symbol,
            symbol_kind: row.symbol_kind,
            defines: row.defines,
            uses: row.uses,
            context_before: row.context_before,
            context_after: row.context_after,
            embedding_hash: row.embedding_hash,
            has_embedding: row.has_embedding,
            embedding_error: row.embedding_error,
            as_cached: row.as_cached,
        });
    }
    drop(rows);
    let contents = files.into_iter().map(|file| StoredContent {
        chunks: chunks.remove(&file.path).unwrap_or_default(),
        path: file.path,
        content_hash: file
            .content_hash
            .try_into()
            .expect("a constraint keeps hashes at 32 bytes"),
        size_bytes: file.size_bytes,
        stamp: FileStamp::of_columns(file.size_bytes, file.modified_at, file.change_time, file.inode),
        language: file.language,
        file_type: file.file_type,
        line_count: file.line_count,
        chunk_count: file.chunk_count,
        chunker_version: file.chunker_version,
        indexed_at: file.indexed_at,
        outline: file.outline,
    });
    Ok(contents.collect())
}

struct FileRow {
    path: String,
    content_hash: Vec<u8>,
    size_bytes: i64,
    modified_at: Option<DateTime<Utc>>,
    change_time: Option<DateTime<Utc>>,
    inode: Option<i64>,
    language: Option<String>,
    file_type: Option<String>,
    line_count: i32,
    chunk_count: i32,
    chunker_version: i16,
    indexed_at: DateTime<Utc>,
    outline: Option<Vec<u8>>,
}
