//! Where git keeps what it knows of a tree, and whether that moved to another commit. Reads a few small files; never runs
//! git and never writes. A tree without git has none of this.

use std::fs;
use std::path::{Path, PathBuf};

/// More than any of these files has; packed references of huge repositories are a few megabytes.
const READ_LIMIT: u64 = 64 * 1024 * 1024;

/// Git's own files for one working tree.
#[derive(Debug)]
pub(super) struct GitMetadata {
    /// Of this working tree: HEAD and the index.
    directory: PathBuf,
    /// Of the repository; another one when the tree is one of several.
    common: PathBuf,
    head: Head,
}

/// Where HEAD is. Equal means that no commit, branch or rebase moved it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Head {
    text: Option<String>,
    commit: Option<String>,
}

impl GitMetadata {
    /// Finds git's files of the tree at `root`, in it or above it.
    pub(super) fn find(root: &Path) -> Option<GitMetadata> {
        let entry = root
            .ancestors()
            .map(|above| above.join(".git"))
            .find(|path| path.exists())?;
        let directory = if entry.is_dir() {
            entry
        } else {
            // A linked working tree or a submodule: the file names the directory.
            let text = read(&entry)?;
            let named = text.strip_prefix("gitdir:")?.trim().to_owned();
            entry.parent()?.join(named).canonicalize().ok()?
        };
        let common = read(&directory.join("commondir"))
            .and_then(|named| directory.join(named.trim()).canonicalize().ok())
            .unwrap_or_else(|| directory.clone());
        let mut git = GitMetadata {
            directory,
            common,
            head: Head::default(),
        };
        git.head = git.read_head();
        Some(git)
    }

    /// The directories whose files tell that HEAD moves or that exclusions change.
    pub(super) fn directories(&self) -> Vec<PathBuf> {
        let mut directories = vec![self.directory.clone(), self.directory.join("logs")];
        directories
            .extend([&self.common, &self.common.join("info"), &self.common.join("reftable")].map(|path| path.clone()));
        // The reference of a branch is a file in directories named after its parts; a packed one has none until it moves.
        if let Some(reference) = self.reference() {
            let file = self.common.join(reference);
            let between = file.ancestors().skip(1).take_while(|above| *above != self.common);
            directories.extend(between.map(Path::to_owned));
        }
        directories.retain(|path| path.is_dir());
        directories.sort_unstable();
        directories.dedup();
        directories
    }

    /// Whether git's own files are meant, those that are watched and those that are not.
    pub(super) fn holds(&self, path: &Path) -> bool {
        path.starts_with(&self.directory) || path.starts_with(&self.common)
    }

    /// The file with exclusions of this repository only.
    pub(super) fn excludes(&self) -> PathBuf {
        self.common.join("info/exclude")
    }

    /// The lock that git holds while it writes the tree and the index.
    pub(super) fn lock(&self) -> PathBuf {
        self.directory.join("index.lock")
    }

    /// Whether HEAD moved since this was asked last.
    pub(super) fn moved(&mut self) -> bool {
        let head = self.read_head();
        let moved = head != self.head;
        self.head = head;
        moved
    }

    fn reference(&self) -> Option<&str> {
        self.head.text.as_deref()?.strip_prefix("ref:").map(str::trim)
    }

    fn read_head(&self) -> Head {
        let text = read(&self.directory.join("HEAD"));
        let reference = text
            .as_deref()
            .and_then(|text| text.strip_prefix("ref:"))
            .map(str::trim);
        let commit = reference.and_then(|reference| {
            read(&self.common.join(reference))
                .or_else(|| self.packed(reference))
                // Every change of any reference makes a new list of tables.
                .or_else(|| read(&self.common.join("reftable/tables.list")))
        });
        Head { commit, text }
    }

    fn packed(&self, reference: &str) -> Option<String> {
        let text = read(&self.common.join("packed-refs"))?;
        let line = text
            .lines()
            .find(|line| line.ends_with(reference) && line.split(' ').nth(1) == Some(reference));
        line.map(str::to_owned)
    }
}

fn read(path: &Path) -> Option<String> {
    let size_bytes = fs::metadata(path).ok().filter(fs::Metadata::is_file)?.len();
    if size_bytes > READ_LIMIT {
        return None;
    }
    fs::read_to_string(path).ok()
}
