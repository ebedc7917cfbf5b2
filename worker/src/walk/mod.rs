//! The files of a repository: which ones are indexed, in which order, and what is in each of them.
//! Hands paths, texts and the reason of every refusal to the jobs and the watcher. Never writes to the repository,
//! never follows a link, and never leaves a file out without naming a [`SkipReason`].
//!
//! Everything here blocks: call it from a blocking task. Three doors share one set of rules, so they cannot disagree:
//! [`walk`] lists the whole tree, [`PathRules`] judges one path, [`read_file`] reads one file.

#[cfg(test)]
mod agreement_tests;
mod content_rules;
mod decode;
mod explain;
mod file_stamp;
mod name_rules;
mod path_rules;
mod read_file;
mod skip_reason;
mod tree;
mod which_rule;

pub use explain::{LeftOut, explain};
pub use path_rules::{PathRules, Verdict, is_rule_file, outer_rule_files};
pub use read_file::{FileText, ReadOutcome, read_file, read_stamped};
pub use skip_reason::SkipReason;
pub use tree::{Entry, WalkSummary, walk};
pub use which_rule::IgnoreRule;

use std::path::PathBuf;

/// The name of the ignore file that speaks to Quarry only; same syntax as `.gitignore`.
pub const IGNORE_FILE_NAME: &str = ".quarryignore";

/// What may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkOptions {
    /// Larger files, in bytes, are skipped: source files are smaller, and a chunk list of them would help nobody.
    pub max_file_bytes: u64,
    /// Whether the global ignore file of the user that runs this counts too, as it does for git.
    pub personal_ignore_rules: bool,
}

impl Default for WalkOptions {
    fn default() -> WalkOptions {
        WalkOptions {
            max_file_bytes: 1024 * 1024,
            personal_ignore_rules: true,
        }
    }
}

/// Why a repository cannot be read at all. Single files never raise it: they carry a [`SkipReason`].
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The root is missing or not readable: check the path and its rights; keep what is indexed meanwhile.
    #[error("cannot open the repository {}", root.display())]
    RootUnreadable {
        /// The root as it was given.
        root: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The root is a file: give the directory that holds it.
    #[error("the repository {} is not a directory", root.display())]
    RootNotADirectory {
        /// The root as it was given.
        root: PathBuf,
    },
    /// An ignore file at the root is a pipe, socket or device: replace it by a plain file.
    #[error("an ignore file in {} is not a plain file", root.display())]
    SpecialIgnoreFile {
        /// The root as it was given.
        root: PathBuf,
    },
    /// The path is empty, absolute, or has `.` or `..` in it: give it relative to the root.
    #[error("{path:?} is not a path inside the repository")]
    InvalidPath {
        /// The path as it was given.
        path: String,
    },
}
