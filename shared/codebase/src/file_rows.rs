//! The rows of files as a publication writes them. Locks them in the order of their paths, so that publishers that meet on
//! one path wait for each other and never in a circle.
//! Never reads for anybody but a publication: see files.rs for that.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::CodebaseError;
use crate::file_stamp::StampColumns;
use crate::new_file::NewFile;

/// A file's row, and when it was last published: both change with whoever publishes the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStamp {
    pub(crate) id: i64,
    indexed_at: DateTime<Utc>,
}

pub(crate) type FileStamps = HashMap<String, FileStamp>;

pub(crate) async fn read_stamps(
    executor: impl PgExecutor<'_>,
    repository_id: Uuid,
    paths: &[&str],
) -> Result<FileStamps, CodebaseError> {
    let rows = sqlx::query!(
        "select path, id, indexed_at
         from codebase.files
         where repository_id = $1 and path = any($2)",
        repository_id,
        paths as _
    )
    .fetch_all(executor)
    .await?;
    let stamps = rows.into_iter().map(|row| {
        let stamp = FileStamp {
            id: row.id,
            indexed_at: row.indexed_at,
        };
        (row.path, stamp)
    });
    Ok(stamps.collect())
}

/// Locks what was read before and refuses when anything of it changed meanwhile.
pub(crate) async fn lock_stamps(
    connection: &mut PgConnection,
    repository_id: Uuid,
    paths: &[&str],
    read_before: &FileStamps,
) -> Result<(), CodebaseError> {
    let rows = sqlx::query!(
        "select path, id, indexed_at
         from codebase.files
         where repository_id = $1 and path = any($2)
         order by path
         for update",
        repository_id,
        paths as _
    )
    .fetch_all(connection)
    .await?;
    for row in &rows {
        let stamp = FileStamp {
            id: row.id,
            indexed_at: row.indexed_at,
        };
        if read_before.get(&row.path) != Some(&stamp) {
            return Err(contended(&row.path));
        }
    }
    if rows.len() == read_before.len() {
        return Ok(());
    }
    let gone = read_before
        .keys()
        .find(|path| rows.iter().all(|row| row.path != **path));
    Err(contended(gone.map_or("a file", String::as_str)))
}

/// The columns of files that are published, side by side as `unnest` wants them.
#[derive(Default)]
struct Columns<'a> {
    paths: Vec<&'a str>,
    hashes: Vec<&'a [u8]>,
    sizes: Vec<i64>,
    stamps: StampColumns,
    languages: Vec<Option<&'a str>>,
    types: Vec<Option<&'a str>>,
    lines: Vec<i32>,
    chunks: Vec<i32>,
    versions: Vec<i16>,
}

impl<'a> Columns<'a> {
    fn of(files: impl Iterator<Item = &'a NewFile>) -> Columns<'a> {
        let mut columns = Columns::default();
        for file in files {
            let chunk_count = i32::try_from(file.chunks.len());
            columns.paths.push(&file.path);
            columns.hashes.push(&file.content_hash);
            columns.sizes.push(file.size_bytes);
            columns.stamps.push(file.stamp.as_ref());
            columns.languages.push(file.language.as_deref());
            columns.types.push(file.file_type.as_deref());
            columns.lines.push(file.line_count);
            columns
                .chunks
                .push(chunk_count.expect("a file has fewer chunks than bytes, and files are bounded"));
            columns.versions.push(file.chunker_version);
        }
        columns
    }
}

/// Adds files that had no row, in the order they come (sorted by path), and returns their ids.
pub(crate) async fn insert_files<'a>(
    connection: &mut PgConnection,
    repository_id: Uuid,
    files: impl Iterator<Item = &'a NewFile>,
) -> Result<HashMap<String, i64>, CodebaseError> {
    let columns = Columns::of(files);
    if columns.paths.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query_file!(
        "queries/insert_files.sql",
        repository_id,
        &columns.paths as _,
        &columns.hashes as _,
        &columns.sizes,
        &columns.stamps.modified as _,
        &columns.languages as _,
        &columns.types as _,
        &columns.lines,
        &columns.chunks,
        &columns.versions,
        &columns.stamps.changed as _,
        &columns.stamps.inodes as _
    )
    .fetch_all(connection)
    .await?;
    let ids: HashMap<String, i64> = rows.into_iter().map(|row| (row.path, row.id)).collect();
    match columns.paths.iter().find(|path| !ids.contains_key(**path)) {
        Some(taken) => Err(contended(taken)),
        None => Ok(ids),
    }
}

/// Brings rows that are locked already up to what was read now.
pub(crate) async fn update_files<'a>(
    connection: &mut PgConnection,
    repository_id: Uuid,
    files: impl Iterator<Item = &'a NewFile>,
) -> Result<(), CodebaseError> {
    let columns = Columns::of(files);
    if columns.paths.is_empty() {
        return Ok(());
    }
    sqlx::query_file!(
        "queries/update_files.sql",
        repository_id,
        &columns.paths as _,
        &columns.hashes as _,
        &columns.sizes,
        &columns.stamps.modified as _,
        &columns.languages as _,
        &columns.types as _,
        &columns.lines,
        &columns.chunks,
        &columns.versions,
        &columns.stamps.changed as _,
        &columns.stamps.inodes as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes rows that are locked already and returns how many.
pub(crate) async fn delete_files(connection: &mut PgConnection, ids: &[i64]) -> Result<u64, CodebaseError> {
    if ids.is_empty() {
        return Ok(0);
    }
    let deleted = sqlx::query!("delete from codebase.files where id = any($1)", ids)
        .execute(connection)
        .await?;
    Ok(deleted.rows_affected())
}

fn contended(path: &str) -> CodebaseError {
    CodebaseError::Contended { path: path.to_owned() }
}
