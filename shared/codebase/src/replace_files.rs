//! Publishes what a lane read: files, outlines, chunks and lexical segment appear in one transaction, under the lane's fence, or not
//! at all. Compares with what is stored first, so that a save writes only the chunks that changed.
//! Never reads the disk and never embeds: what takes long is done before the transaction opens, or beside it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::{PgConnection, PgPool};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::CodebaseError;
use crate::chunk_rows;
use crate::fences::{Fence, hold_fence};
use crate::file_rows;
use crate::lexical::{self, Document, Segment};
use crate::model_change::hold_stored_model;
use crate::new_file::{NewFile, check_batch};
use crate::publication::{Publication, compare, start_segment};
use crate::symbols;
use crate::write_chunks::write_chunks;

/// What a publication did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replaced {
    /// Files whose rows were written.
    pub files_replaced: u64,
    /// Files that were in the index and are gone from it.
    pub files_removed: u64,
    /// Chunks written.
    pub chunks_inserted: u64,
    /// Chunks deleted.
    pub chunks_deleted: u64,
    /// Chunks that are as they were.
    pub chunks_kept: u64,
    /// Chunks whose text is as it was, on other lines.
    pub chunks_moved: u64,
    /// Where the time went.
    pub spent: Spent,
}

/// Where the time of a publication went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Comparing with what is stored.
    pub compare: Duration,
    /// Fence, rows of files and their outlines, deletions.
    pub files: Duration,
    /// Writing the chunks.
    pub chunks: Duration,
    /// Waiting for the lexical segment, which is made meanwhile on a thread of its own.
    pub await_segment: Duration,
    /// Writing the lexical segment.
    pub store_segment: Duration,
    /// The commit.
    pub commit: Duration,
}

/// Makes the index hold exactly `files` at their paths and nothing at the paths in `removed`. Doing it twice is the same
/// as doing it once. `files` should be a batch of bounded size (some thousand chunks): all of it is in memory.
///
/// # Errors
/// [`CodebaseError::FenceLost`]: a newer claim holds the lane, drop the work. [`CodebaseError::NotFound`]: the repository
/// was removed. [`CodebaseError::Contended`]: somebody else published one of the files meanwhile, try again.
/// [`CodebaseError::WrongDimension`] and [`CodebaseError::InvalidFile`]: the batch itself is wrong. Nothing was written
/// in any of these cases.
pub async fn replace_files(
    pool: &PgPool,
    fence: &Fence,
    repository_id: Uuid,
    files: Vec<NewFile>,
    removed: &[String],
) -> Result<Replaced, CodebaseError> {
    publish(pool, fence, None, repository_id, files, removed).await
}

/// As [`replace_files`], with vectors of `model`.
///
/// # Errors
/// As there. [`CodebaseError::ModelChanged`]: the project was switched to another model meanwhile, do the work anew.
pub async fn replace_files_of_model(
    pool: &PgPool,
    fence: &Fence,
    model: &str,
    repository_id: Uuid,
    files: Vec<NewFile>,
    removed: &[String],
) -> Result<Replaced, CodebaseError> {
    publish(pool, fence, Some(model), repository_id, files, removed).await
}

async fn publish(
    pool: &PgPool,
    fence: &Fence,
    model: Option<&str>,
    repository_id: Uuid,
    mut files: Vec<NewFile>,
    removed: &[String],
) -> Result<Replaced, CodebaseError> {
    check_batch(&files, removed, chunk_rows::dimensions(pool).await?)?;
    files.sort_unstable_by(|one, other| one.path.cmp(&other.path));

    let mut clock = Clock::start();
    let publication = Arc::new(compare(pool, repository_id, files, removed).await?);
    let segment = start_segment(&publication);
    let mut replaced = Replaced {
        files_replaced: publication.files.len() as u64,
        chunks_kept: publication.kept,
        chunks_moved: publication.moved.len() as u64,
        ..Replaced::default()
    };
    replaced.spent.compare = clock.lap();

    // Lock order, the same for every publisher: fence, model, repository, files by path.
    let mut transaction = pool.begin().await?;
    hold_fence(&mut transaction, fence).await?;
    if let Some(model) = model {
        hold_stored_model(&mut transaction, model).await?;
    }
    hold_repository(&mut transaction, repository_id).await?;
    let paths = publication.paths();
    file_rows::lock_stamps(&mut transaction, repository_id, &paths, &publication.stamps).await?;
    write(&mut transaction, repository_id, &publication, segment, &mut replaced).await?;
    let mut clock = Clock::start();
    transaction.commit().await?;
    replaced.spent.commit = clock.lap();
    Ok(replaced)
}

/// Writes everything under locks that are held already, and counts it.
async fn write(
    connection: &mut PgConnection,
    repository_id: Uuid,
    publication: &Publication,
    segment: JoinHandle<Segment>,
    replaced: &mut Replaced,
) -> Result<(), CodebaseError> {
    let mut clock = Clock::start();
    replaced.chunks_deleted = delete_chunks(connection, repository_id, publication).await?;
    replaced.files_removed = delete_files(connection, publication).await?;
    let stamps = &publication.stamps;
    let (known, new): (Vec<&NewFile>, Vec<&NewFile>) = publication
        .files
        .iter()
        .partition(|file| stamps.contains_key(&file.path));
    file_rows::update_files(connection, repository_id, known.into_iter()).await?;
    let new_ids = file_rows::insert_files(connection, repository_id, new.into_iter()).await?;
    let id_of = |file: &NewFile| {
        stamps
            .get(&file.path)
            .map_or_else(|| new_ids[&file.path], |stamp| stamp.id)
    };
    let outlines = publication.files.iter().map(|file| (id_of(file), &file.definitions));
    symbols::store_outlines(connection, outlines).await?;
    replaced.spent.files = clock.lap();

    chunk_rows::move_chunks(connection, &publication.moved).await?;
    let numbers = chunk_rows::reserve_numbers(connection, publication.new_chunks().len()).await?;
    let numbered = || publication.new_chunks().zip(numbers.iter().copied());
    let rows = numbered().map(|((file, chunk), number)| (file, chunk, number));
    replaced.chunks_inserted = write_chunks(connection, repository_id, rows).await?;
    replaced.spent.chunks = clock.lap();

    let segment = segment
        .await
        .expect("building a segment does not panic, and the runtime outlives its tasks");
    replaced.spent.await_segment = clock.lap();
    let document = |((file, _), number): ((&NewFile, _), i64)| Document {
        number,
        file_id: id_of(file),
    };
    let documents: Vec<Document> = numbered().map(document).collect();
    lexical::store_segment(connection, repository_id, &segment, &documents).await?;
    replaced.spent.store_segment = clock.lap();
    Ok(())
}

/// Deletes the chunks of removed files and the outdated ones of replaced files; returns how many.
async fn delete_chunks(
    connection: &mut PgConnection,
    repository_id: Uuid,
    publication: &Publication,
) -> Result<u64, CodebaseError> {
    let removed: Vec<&str> = publication.removed_paths().collect();
    let mut buried = chunk_rows::delete_chunks_of(connection, repository_id, &removed).await?;
    chunk_rows::delete_chunks(connection, &publication.delete).await?;
    buried.extend(&publication.delete);
    lexical::bury(connection, repository_id, &buried).await?;
    Ok(buried.len() as u64)
}

async fn delete_files(connection: &mut PgConnection, publication: &Publication) -> Result<u64, CodebaseError> {
    let stored = publication
        .removed
        .iter()
        .filter_map(|path| publication.stamps.get(path));
    let ids: Vec<i64> = stored.map(|stamp| stamp.id).collect();
    file_rows::delete_files(connection, &ids).await
}

/// Keeps the repository from being removed until the transaction ends.
async fn hold_repository(connection: &mut PgConnection, id: Uuid) -> Result<(), CodebaseError> {
    sqlx::query_scalar!("select id from codebase.repositories where id = $1 for key share", id)
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| CodebaseError::no_repository(id))?;
    Ok(())
}

struct Clock(Instant);

impl Clock {
    fn start() -> Clock {
        Clock(Instant::now())
    }

    /// The time since the last call.
    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        let lap = now - self.0;
        self.0 = now;
        lap
    }
}
