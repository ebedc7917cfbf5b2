//! Walks a whole repository in the order of paths. Hands every file, found or skipped, to the caller's sink, one at a time.
//! Never opens a file and never holds more than the directories between the root and the current entry.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::vec;

use quarry_codebase::FileStamp;

use super::file_stamp::stamp_of;
use super::path_rules::EntryKind;
use super::{PathRules, SkipReason, WalkError, WalkOptions};

/// One entry of the tree. Paths are relative to the root, with `/` between their parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A file to index.
    Found {
        /// Path of the file.
        path: String,
        /// Size in bytes.
        size_bytes: u64,
        /// What the system says of it, to be compared with what it said when the file was read.
        stamp: Option<FileStamp>,
    },
    /// A file that is not indexed, or a directory of which nothing is.
    Skipped {
        /// Path of the file or directory; lossy where the name is not UTF-8.
        path: String,
        /// Why.
        reason: SkipReason,
    },
}

/// What a walk saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WalkSummary {
    /// Number of files found.
    pub found: u64,
    /// Their size together, in bytes.
    pub found_bytes: u64,
    /// Number of entries skipped, by reason; a skipped directory counts once.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Whether the sink ended the walk early.
    pub stopped: bool,
}

/// Hands every file below `root` to `sink`, in the byte order of `path.replace('/', "\u{1}")`, until it breaks.
///
/// A directory that cannot be listed is one entry skipped as [`SkipReason::Unreadable`]: what is indexed below it is
/// unknown, not gone.
pub fn walk(
    root: &Path,
    options: &WalkOptions,
    mut sink: impl FnMut(Entry) -> ControlFlow<()>,
) -> Result<WalkSummary, WalkError> {
    let mut rules = PathRules::new(root, options)?;
    let names = sorted_names(rules.root()).map_err(|source| WalkError::RootUnreadable {
        root: root.to_owned(),
        source,
    })?;
    let mut open_directories = vec![Listing {
        path: String::new(),
        names: names.into_iter(),
    }];
    let mut summary = WalkSummary::default();

    while let Some(listing) = open_directories.last_mut() {
        let Some(child) = listing.names.next() else {
            open_directories.pop();
            continue;
        };
        let path = join(&listing.path, &child.name);
        let judged = match judge(&mut rules, &path, &child) {
            Judged::Gone => continue,
            Judged::Enter(names) => {
                open_directories.push(Listing {
                    path,
                    names: names.into_iter(),
                });
                continue;
            }
            Judged::Skip(reason) => {
                *summary.skipped.entry(reason).or_default() += 1;
                Entry::Skipped { path, reason }
            }
            Judged::File { size_bytes, stamp } => {
                summary.found += 1;
                summary.found_bytes += size_bytes;
                Entry::Found {
                    path,
                    size_bytes,
                    stamp,
                }
            }
        };
        if sink(judged).is_break() {
            summary.stopped = true;
            break;
        }
    }
    Ok(summary)
}

struct Listing {
    path: String,
    names: vec::IntoIter<Child>,
}

struct Child {
    name: String,
    is_utf8: bool,
    entry: fs::DirEntry,
}

enum Judged {
    Enter(Vec<Child>),
    File {
        size_bytes: u64,
        stamp: Option<FileStamp>,
    },
    Skip(SkipReason),
    /// Deleted between the listing of its directory and now.
    Gone,
}

fn judge(rules: &mut PathRules, path: &str, child: &Child) -> Judged {
    if !child.is_utf8 {
        return Judged::Skip(SkipReason::NotUtf8Name);
    }
    let kind = match child.entry.file_type() {
        Ok(file_type) => EntryKind::of(file_type),
        Err(error) => return unreadable_or_gone(&error),
    };
    if let Some(reason) = rules.refuse(path, kind) {
        return Judged::Skip(reason);
    }
    if kind == EntryKind::Directory {
        return sorted_names(&child.entry.path()).map_or_else(|error| unreadable_or_gone(&error), Judged::Enter);
    }
    let metadata = match child.entry.metadata() {
        Ok(metadata) => metadata,
        Err(error) => return unreadable_or_gone(&error),
    };
    if let Some(reason) = rules.refuse_size(metadata.len()) {
        return Judged::Skip(reason);
    }
    Judged::File {
        size_bytes: metadata.len(),
        stamp: stamp_of(&metadata),
    }
}

fn unreadable_or_gone(error: &std::io::Error) -> Judged {
    if error.kind() == std::io::ErrorKind::NotFound {
        Judged::Gone
    } else {
        Judged::Skip(SkipReason::Unreadable)
    }
}

fn sorted_names(directory: &Path) -> std::io::Result<Vec<Child>> {
    let mut entries = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| (entry.file_name(), entry)))
        .collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_unstable_by(|(left, _), (right, _)| left.as_bytes().cmp(right.as_bytes()));
    let children = entries.into_iter().map(|(name, entry)| match name.into_string() {
        Ok(name) => Child {
            name,
            is_utf8: true,
            entry,
        },
        Err(name) => Child {
            name: name.to_string_lossy().into_owned(),
            is_utf8: false,
            entry,
        },
    });
    Ok(children.collect())
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
