//! A repository on the disk, written by a test. Hands out its paths; removed when it is dropped.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

/// A directory with files.
pub struct Tree {
    root: PathBuf,
    above: Arc<TempDir>,
}

impl Tree {
    /// An empty directory called `name`.
    ///
    /// # Panics
    /// When the disk refuses, as everything here.
    #[must_use]
    pub fn new(name: &str) -> Tree {
        let above = tempfile::tempdir().unwrap();
        // As the index knows it: links resolved.
        let root = above.path().canonicalize().unwrap().join(name);
        std::fs::create_dir(&root).unwrap();
        Tree {
            root,
            above: Arc::new(above),
        }
    }

    /// A directory of it as a tree of its own, with the same files.
    #[must_use]
    pub fn below(&self, relative: &str) -> Tree {
        Tree {
            root: self.path(relative),
            above: self.above.clone(),
        }
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory, as an argument of a command.
    #[must_use]
    pub fn argument(&self) -> &str {
        self.root.to_str().unwrap()
    }

    /// Where a file of it is.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Writes a file and the directories above it.
    pub fn write(&self, relative: &str, content: impl AsRef<[u8]>) {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Removes a file.
    pub fn remove(&self, relative: &str) {
        std::fs::remove_file(self.path(relative)).unwrap();
    }

    /// Gives a file or directory another name.
    pub fn rename(&self, from: &str, to: &str) {
        std::fs::create_dir_all(self.path(to).parent().unwrap()).unwrap();
        std::fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// Writes `count` small modules of different text, spread over some directories.
    pub fn write_modules(&self, count: usize) {
        for number in 0..count {
            self.write(&format!("src/part_{}/module_{number}.py", number % 7), module(number));
        }
    }
}

fn module(number: usize) -> String {
    format!(
        "\"\"\"Module number {number}.\"\"\"\n\n\ndef compute_{number}(value):\n    return value * {number} + 1\n\n\n\
         class Holder{number}:\n    def get(self):\n        return compute_{number}({number})\n"
    )
}
