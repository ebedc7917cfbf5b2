//! Judges walked files against what the index knows of them. One that looks as it did when it was read is not read again;
//! of all others the content decides, never a time. Marks and writes nothing: see the parent module.

use std::path::Path;
use std::time::Instant;

use quarry_codebase::{FileStamp, RefusedFile, StoredFile, TouchedFile};

use super::JobError;
use crate::chunk::CHUNKER_VERSION;
use crate::pipeline::{Stage, StageTimes};
use crate::walk::{ReadOutcome, SkipReason, WalkOptions, read_stamped};

/// A message of the walk with what is known of every path, and the known paths that the walk passed over.
#[derive(Default)]
pub(super) struct Paired {
    pub(super) files: Vec<Walked>,
    /// Of stored files.
    pub(super) gone: Vec<String>,
    /// Of refused files.
    pub(super) forgotten: Vec<String>,
    pub(super) skipped: Vec<SkipReason>,
}

/// A file of the tree.
pub(super) struct Walked {
    pub(super) path: String,
    pub(super) stamp: Option<FileStamp>,
    pub(super) stored: Option<StoredFile>,
    pub(super) refused: Option<RefusedFile>,
}

/// What a message of the walk came to.
#[derive(Default)]
pub(super) struct Compared {
    /// Paths whose stored state differs from the tree.
    pub(super) dirty: Vec<String>,
    /// Files with the stored content and another stamp.
    pub(super) touched: Vec<TouchedFile>,
    /// Files that their content keeps out.
    pub(super) refused: Vec<RefusedFile>,
    /// Paths that are refused no more.
    pub(super) forgotten: Vec<String>,
    pub(super) unchanged: u64,
    /// Files whose content was read.
    pub(super) read: u64,
    /// Files fit for the index.
    pub(super) total: u64,
    pub(super) skipped: Vec<SkipReason>,
}

/// Compares a message of the walk. Blocks.
pub(super) fn compare(
    root: &Path,
    options: &WalkOptions,
    paired: Paired,
    times: &StageTimes,
) -> Result<Compared, JobError> {
    let started = Instant::now();
    let mut compared = Compared {
        dirty: paired.gone,
        forgotten: paired.forgotten,
        skipped: paired.skipped,
        ..Compared::default()
    };
    for file in paired.files {
        if is_as_stored(&file) {
            compared.total += 1;
            compared.unchanged += 1;
        } else if let Some(reason) = still_refused(&file) {
            compared.skipped.push(reason);
        } else {
            let (outcome, stamp) = read_stamped(root, &file.path, options)?;
            compared.add_read(file, outcome, stamp);
        }
    }
    times.add_since(Stage::Read, started);
    Ok(compared)
}

fn is_as_stored(file: &Walked) -> bool {
    file.stamp.is_some()
        && file
            .stored
            .as_ref()
            .is_some_and(|row| row.stamp == file.stamp && row.chunker_version == CHUNKER_VERSION)
}

fn still_refused(file: &Walked) -> Option<SkipReason> {
    if file.stored.is_some() {
        return None;
    }
    let known = file.refused.as_ref()?;
    if file.stamp != Some(known.stamp) || known.chunker_version != CHUNKER_VERSION {
        return None;
    }
    SkipReason::from_name(&known.reason)
}

impl Compared {
    fn add_read(&mut self, file: Walked, outcome: ReadOutcome, stamp: Option<FileStamp>) {
        self.read += 1;
        let Walked {
            path, stored, refused, ..
        } = file;
        let was_stored = stored.is_some();
        match outcome {
            ReadOutcome::Text(text) => {
                self.total += 1;
                if refused.is_some() {
                    self.forgotten.push(path.clone());
                }
                match stored
                    .filter(|row| row.content_hash == text.content_hash && row.chunker_version == CHUNKER_VERSION)
                {
                    None => self.dirty.push(path),
                    Some(row) => {
                        self.unchanged += 1;
                        self.touched.extend(
                            stamp
                                .filter(|stamp| row.stamp != Some(*stamp))
                                .map(|stamp| TouchedFile {
                                    path,
                                    content_hash: text.content_hash,
                                    stamp,
                                }),
                        );
                    }
                }
            }
            ReadOutcome::Skipped(reason) => {
                self.skipped.push(reason);
                if was_stored {
                    self.dirty.push(path.clone());
                }
                match stamp {
                    Some(stamp) => self.refused.push(RefusedFile {
                        path,
                        reason: reason.name().to_owned(),
                        chunker_version: CHUNKER_VERSION,
                        stamp,
                    }),
                    None if refused.is_some() => self.forgotten.push(path),
                    None => {}
                }
            }
            ReadOutcome::Gone => {
                if refused.is_some() {
                    self.forgotten.push(path.clone());
                }
                if was_stored {
                    self.dirty.push(path);
                }
            }
        }
    }
}
