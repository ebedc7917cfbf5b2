//! The two halves of a comparison: the stored files as an ordered stream, and the reading of walked files against them.
//! Marks nothing: see the parent module.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Instant;

use quarry_codebase::{StoredFile, walk_key};
use quarry_registry::PgPool;
use uuid::Uuid;

use super::{JobError, Paired};
use crate::chunk::CHUNKER_VERSION;
use crate::pipeline::{Stage, StageTimes};
use crate::walk::{ReadOutcome, SkipReason, WalkOptions, read_file};

/// Stored files fetched at a time: about 200 kB.
const PAGE: u32 = 2_000;

/// The stored files of a repository in walk order, a page at a time.
pub(super) struct StoredFiles {
    database: PgPool,
    repository_id: Uuid,
    page: VecDeque<StoredFile>,
    last: Option<String>,
    exhausted: bool,
}

impl StoredFiles {
    pub(super) fn new(database: PgPool, repository_id: Uuid) -> StoredFiles {
        StoredFiles {
            database,
            repository_id,
            page: VecDeque::new(),
            last: None,
            exhausted: false,
        }
    }

    /// The stored row of `path`, if there is one. Rows that come before it have no file any more and go to `gone`.
    pub(super) async fn advance_to(
        &mut self,
        path: &str,
        gone: &mut Vec<String>,
    ) -> Result<Option<StoredFile>, JobError> {
        while let Some(next) = self.peek().await? {
            match walk_key(&next.path).cmp(&walk_key(path)) {
                std::cmp::Ordering::Less => gone.extend(self.page.pop_front().map(|file| file.path)),
                std::cmp::Ordering::Equal => return Ok(self.page.pop_front()),
                std::cmp::Ordering::Greater => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Everything the walk did not reach.
    pub(super) async fn drain(&mut self, gone: &mut Vec<String>) -> Result<(), JobError> {
        while self.peek().await?.is_some() {
            gone.extend(self.page.drain(..).map(|file| file.path));
        }
        Ok(())
    }

    async fn peek(&mut self) -> Result<Option<&StoredFile>, JobError> {
        if self.page.is_empty() && !self.exhausted {
            let page =
                quarry_codebase::stored_files(&self.database, self.repository_id, self.last.as_deref(), PAGE).await?;
            self.exhausted = page.is_empty();
            self.last = page.last().map(|file| file.path.clone()).or(self.last.take());
            self.page = page.into();
        }
        Ok(self.page.front())
    }
}

/// What a message of the walk came to.
pub(super) struct Compared {
    /// Paths whose stored state differs from the tree.
    pub(super) dirty: Vec<String>,
    pub(super) unchanged: u64,
    /// Files fit for the index.
    pub(super) total: u64,
    pub(super) skipped: Vec<SkipReason>,
}

/// Reads and hashes the walked files. Blocks.
pub(super) fn read_and_compare(
    root: &Path,
    options: &WalkOptions,
    paired: Paired,
    times: &StageTimes,
) -> Result<Compared, JobError> {
    let started = Instant::now();
    let Paired {
        files,
        gone: dirty,
        skipped,
    } = paired;
    let mut compared = Compared {
        dirty,
        unchanged: 0,
        total: 0,
        skipped,
    };
    for (path, stored) in files {
        match read_file(root, &path, options)? {
            ReadOutcome::Text(file) => {
                compared.total += 1;
                let same = stored
                    .is_some_and(|row| row.content_hash == file.content_hash && row.chunker_version == CHUNKER_VERSION);
                if same {
                    compared.unchanged += 1;
                } else {
                    compared.dirty.push(path);
                }
            }
            ReadOutcome::Skipped(reason) => {
                compared.skipped.push(reason);
                if stored.is_some() {
                    compared.dirty.push(path);
                }
            }
            ReadOutcome::Gone => {
                if stored.is_some() {
                    compared.dirty.push(path);
                }
            }
        }
    }
    times.add_since(Stage::Read, started);
    Ok(compared)
}
