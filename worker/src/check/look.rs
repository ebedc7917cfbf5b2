//! One file as it is on the disk beside what is stored of it. Blocks. The same rules, cutting and hashing as an index run.

use std::path::Path;

use quarry_codebase::{Difference, DifferenceKind, NewFile, RefusedFile, StoredContent, compare};

use crate::pipeline::cut_file;
use crate::walk::{ReadOutcome, WalkError, WalkOptions, read_stamped};

/// What a look at one file found.
#[derive(Default)]
pub(super) struct Looked {
    /// Whether the file belongs into the index.
    pub(super) belongs: bool,
    pub(super) chunks: u64,
    pub(super) differences: Vec<Difference>,
}

/// Reads the file and compares it. The caller has asked the rules for paths before. `refused`: the note that keeps
/// comparisons from reading the file as long as it looks the same.
pub(super) fn look_at_file(
    root: &Path,
    options: &WalkOptions,
    path: &str,
    stored: Option<&StoredContent>,
    refused: Option<&RefusedFile>,
) -> Result<Looked, WalkError> {
    let (outcome, stamp) = read_stamped(root, path, options)?;
    Ok(match outcome {
        ReadOutcome::Text(file) => {
            let read = cut_file(path, file, stamp).file;
            Looked {
                belongs: true,
                chunks: read.chunks.len() as u64,
                differences: match stored {
                    Some(stored) => compare(&read, stored),
                    None => vec![missing(&read, refused)],
                },
            }
        }
        ReadOutcome::Skipped(reason) => left_out(path, stored, &format!("is left out of the index: {reason}")),
        ReadOutcome::Gone => left_out(path, stored, "is not in the tree"),
    })
}

fn missing(read: &NewFile, refused: Option<&RefusedFile>) -> Difference {
    match refused {
        Some(note) if read.stamp == Some(note.stamp) && note.chunker_version == read.chunker_version => {
            let detail = format!(
                "noted as {}, which it is not, under its present size, times and inode",
                note.reason
            );
            Difference::new(&read.path, DifferenceKind::Stamp, detail)
        }
        _ => Difference::new(&read.path, DifferenceKind::Missing, "not in the index"),
    }
}

/// What is indexed although nothing should be.
pub(super) fn left_out(path: &str, stored: Option<&StoredContent>, why: &str) -> Looked {
    let difference = |_| Difference::new(path, DifferenceKind::Extra, why);
    Looked {
        differences: stored.map(difference).into_iter().collect(),
        ..Looked::default()
    }
}
