//! A batch of files beside what the index holds of them: what has to be inserted, moved and deleted. Hands replace_files.rs
//! the comparison and, from a thread of its own, the lexical segment of the new chunks.
//! Never writes and never locks: who publishes checks the stamps again under locks.

use std::sync::Arc;

use sqlx::PgPool;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::CodebaseError;
use crate::chunk_changes::{ChunkChanges, Described, MovedChunk};
use crate::chunk_rows::{self, line};
use crate::file_rows::{self, FileStamps};
use crate::lexical::{self, ChunkText, Segment};
use crate::new_file::{NewChunk, NewFile};

pub(crate) struct Publication {
    /// By path.
    pub(crate) files: Vec<NewFile>,
    pub(crate) removed: Vec<String>,
    /// Of those files that the index holds.
    pub(crate) stamps: FileStamps,
    insert: Vec<(usize, usize)>,
    pub(crate) moved: Vec<MovedChunk>,
    pub(crate) kept: u64,
    pub(crate) delete: Vec<i64>,
}

impl Publication {
    pub(crate) fn paths(&self) -> Vec<&str> {
        let replaced = self.files.iter().map(|file| file.path.as_str());
        replaced.chain(self.removed_paths()).collect()
    }

    pub(crate) fn removed_paths(&self) -> impl Iterator<Item = &str> {
        self.removed.iter().map(String::as_str)
    }

    /// The chunks to insert, with their files.
    pub(crate) fn new_chunks(&self) -> impl ExactSizeIterator<Item = (&NewFile, &NewChunk)> {
        self.insert.iter().map(|(file, chunk)| {
            let file = &self.files[*file];
            (file, &file.chunks[*chunk])
        })
    }
}

/// Compares `files`, sorted by path, with what is stored at their paths.
pub(crate) async fn compare(
    pool: &PgPool,
    repository_id: Uuid,
    files: Vec<NewFile>,
    removed: &[String],
) -> Result<Publication, CodebaseError> {
    let mut publication = Publication {
        files,
        removed: removed.to_vec(),
        stamps: FileStamps::new(),
        insert: Vec::new(),
        moved: Vec::new(),
        kept: 0,
        delete: Vec::new(),
    };
    publication.stamps = file_rows::read_stamps(pool, repository_id, &publication.paths()).await?;
    let paths = publication.files.iter().map(|file| file.path.as_str());
    let known: Vec<&str> = paths.filter(|path| publication.stamps.contains_key(*path)).collect();
    let mut stored = chunk_rows::stored_chunks(pool, repository_id, &known).await?;
    for (position, file) in publication.files.iter().enumerate() {
        let changes = match stored.remove(&file.path) {
            None => ChunkChanges {
                insert: (0..file.chunks.len()).collect(),
                ..ChunkChanges::default()
            },
            Some(stored) => stored.compare(&described(file)),
        };
        let inserted = changes.insert.into_iter().map(|chunk| (position, chunk));
        publication.insert.extend(inserted);
        publication.moved.extend(changes.moved);
        publication.kept += changes.kept as u64;
        publication.delete.extend(changes.delete);
    }
    Ok(publication)
}

fn described(file: &NewFile) -> Vec<([u8; 32], i32, i32)> {
    let (file_type, language) = (file.file_type.as_deref(), file.language.as_deref());
    let describe = |chunk: &NewChunk| {
        let fingerprint = Described::of_new(chunk, file_type, language).fingerprint();
        (fingerprint, line(chunk.start_line), line(chunk.end_line))
    };
    file.chunks.iter().map(describe).collect()
}

/// Starts cutting the new chunks into terms: that keeps a core busy while Postgres takes the rows.
pub(crate) fn start_segment(publication: &Arc<Publication>) -> JoinHandle<Segment> {
    let publication = Arc::clone(publication);
    tokio::task::spawn_blocking(move || {
        let texts: Vec<ChunkText<'_>> = publication
            .new_chunks()
            .map(|(file, chunk)| ChunkText {
                path: &file.path,
                symbol: chunk.symbol.as_deref(),
                defines: &chunk.defines,
                context_before: chunk.context_before.as_deref(),
                content: &chunk.content,
            })
            .collect();
        lexical::build_segment(&texts)
    })
}
