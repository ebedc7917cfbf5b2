//! The text of files as the index holds it: chunks tile a file, so any lines of it can be given back without the disk.
//! Hands `get_code` lines with the hash and time of what was indexed. Never looks at the tree: whether the file changed
//! since is the caller's to compare.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::CodebaseError;

/// Paths offered when the asked one is not in the index.
const MOST_NEAR_PATHS: i64 = 5;

/// Lines of an indexed file.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredLines {
    /// The file, relative to the repository's root.
    pub path: String,
    /// First line of `text`, from 1; 0 for an empty file.
    pub start_line: u32,
    /// Last line of `text`, inclusive; less than asked for where the file ends.
    pub end_line: u32,
    /// Lines of the whole file.
    pub total_lines: u32,
    /// The lines with their terminators.
    pub text: String,
    /// The file's language, where it is known.
    pub language: Option<String>,
    /// BLAKE3 of the file that was indexed, on disk.
    pub content_hash: [u8; 32],
    /// When it was indexed.
    pub indexed_at: DateTime<Utc>,
}

/// A chunk, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct ChunkText {
    /// Its identity until its text changes.
    pub id: Uuid,
    /// Its repository.
    pub repository_id: Uuid,
    /// The file, relative to the repository's root.
    pub path: String,
    /// First line, from 1.
    pub start_line: u32,
    /// Last line, inclusive.
    pub end_line: u32,
    /// The innermost definition around the first line of code.
    pub symbol: Option<String>,
    /// What kind of definition that is.
    pub symbol_kind: Option<String>,
    /// The file's language, where it is known.
    pub language: Option<String>,
    /// Its text.
    pub content: String,
}

/// Lines of a file, from and to inclusive, counted from 1; `None` = the whole file.
///
/// # Errors
/// [`CodebaseError::NotFound`] when the file is not in the index, with similar paths; [`CodebaseError::InvalidQuery`]
/// when the lines are not in the file.
pub async fn read_lines(
    pool: &PgPool,
    repository_id: Uuid,
    path: &str,
    lines: Option<(u32, u32)>,
) -> Result<StoredLines, CodebaseError> {
    // One state: the file's row and its chunks must belong together.
    let mut transaction = pool
        .begin_with("begin isolation level repeatable read read only")
        .await?;
    let file = sqlx::query!(
        "select path, language, line_count, content_hash, indexed_at
         from codebase.files
         where repository_id = $1 and path = $2",
        repository_id,
        path
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(file) = file else {
        return Err(not_indexed(&mut transaction, repository_id, path).await?);
    };
    let total_lines = to_line(file.line_count);
    let (start_line, end_line) = lines.unwrap_or((1, total_lines.max(1)));
    if start_line == 0 || end_line < start_line || (start_line > total_lines && lines.is_some()) {
        return Err(CodebaseError::InvalidQuery(format!(
            "lines {start_line}-{end_line} are not in {path}, which has {total_lines}: ask for 1 to {total_lines}"
        )));
    }
    let chunks = sqlx::query!(
        "select start_line, end_line, content
         from codebase.code_chunks
         where repository_id = $1 and file_path = $2 and start_line <= $4 and end_line >= $3
         order by start_line, number",
        repository_id,
        path,
        i32::try_from(start_line).unwrap_or(i32::MAX),
        i32::try_from(end_line).unwrap_or(i32::MAX)
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;

    let mut text = String::new();
    let mut line_number = chunks.first().map_or(0, |chunk| to_line(chunk.start_line));
    let first_line = line_number.max(start_line.min(total_lines));
    for chunk in &chunks {
        for line in chunk.content.split_inclusive('\n') {
            if (start_line..=end_line).contains(&line_number) {
                text.push_str(line);
            }
            // A chunk may end inside a very long line; the next one then goes on with it.
            if line.ends_with('\n') {
                line_number += 1;
            }
        }
    }
    Ok(StoredLines {
        path: file.path,
        start_line: first_line,
        end_line: end_line.min(total_lines),
        total_lines,
        text,
        language: file.language,
        content_hash: file
            .content_hash
            .try_into()
            .expect("a constraint keeps hashes at 32 bytes"),
        indexed_at: file.indexed_at,
    })
}

/// The chunk with this id.
///
/// # Errors
/// [`CodebaseError::NotFound`] when its text changed since or its file is gone: search again.
pub async fn chunk_by_id(pool: &PgPool, id: Uuid) -> Result<ChunkText, CodebaseError> {
    let row = sqlx::query!(
        "select id, repository_id, file_path, start_line, end_line, symbol, symbol_kind, language, content
         from codebase.code_chunks
         where id = $1",
        id
    )
    .fetch_optional(pool)
    .await?
    .ok_or_else(|| CodebaseError::NotFound {
        what: "chunk",
        name: id.to_string(),
    })?;
    Ok(ChunkText {
        id: row.id,
        repository_id: row.repository_id,
        path: row.file_path,
        start_line: to_line(row.start_line),
        end_line: to_line(row.end_line),
        symbol: row.symbol,
        symbol_kind: row.symbol_kind,
        language: row.language,
        content: row.content,
    })
}

/// Names the files that may have been meant: the same file name elsewhere, or the path in another case.
pub(crate) async fn not_indexed(
    connection: &mut PgConnection,
    repository_id: Uuid,
    path: &str,
) -> Result<CodebaseError, CodebaseError> {
    let file_name = path.rsplit('/').next().unwrap_or(path);
    let near = sqlx::query_scalar!(
        "select path
         from codebase.files
         where repository_id = $1
             and right(lower(path), length($2) + 1) in (lower($2), '/' || lower($2))
         order by length(path), path
         limit $3",
        repository_id,
        file_name,
        MOST_NEAR_PATHS
    )
    .fetch_all(connection)
    .await?;
    let name = if near.is_empty() {
        path.to_owned()
    } else {
        format!("{path} (similar: {})", near.join(", "))
    };
    Ok(CodebaseError::NotFound { what: "file", name })
}

fn to_line(stored: i32) -> u32 {
    u32::try_from(stored).expect("a constraint keeps line numbers positive")
}
