//! Whether a file still is what was indexed. Compares hashes only: nothing of the file on disk gets into an answer.
//! Never follows a link, never leaves the repository, never blocks on a pipe, never reads more than the size limit.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};

/// Whether the file at `relative` below `root` differs from the one with the hash `indexed`; `None` when this machine
/// cannot see the repository at all. A file above `max_bytes` is not one that was indexed.
pub(crate) fn differs(root: &Path, relative: &str, indexed: [u8; 32], max_bytes: u64) -> Option<bool> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, root, flags, Mode::empty()).ok()?;
    let same = open_below(root, relative).and_then(|file| hash(file, max_bytes)) == Some(indexed);
    Some(!same)
}

/// Opens part by part, so that a directory swapped for a link between two looks cannot lead out of the root.
fn open_below(root: OwnedFd, relative: &str) -> Option<File> {
    let mut directory = root;
    let mut parts = relative.split('/').peekable();
    while let Some(part) = parts.next() {
        if matches!(part, "" | "." | "..") {
            return None;
        }
        let is_last = parts.peek().is_none();
        // Without NONBLOCK the opening of a pipe waits for somebody to write into it.
        let kind = if is_last {
            OFlags::NONBLOCK | OFlags::NOCTTY
        } else {
            OFlags::DIRECTORY
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | kind;
        let opened = rustix::fs::openat(&directory, part, flags, Mode::empty()).ok()?;
        if is_last {
            let file = File::from(opened);
            return file.metadata().is_ok_and(|metadata| metadata.is_file()).then_some(file);
        }
        directory = opened;
    }
    None
}

fn hash(file: File, max_bytes: u64) -> Option<[u8; 32]> {
    if file.metadata().ok()?.len() > max_bytes {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    // It may grow while it is read.
    hasher.update_reader(file.take(max_bytes)).ok()?;
    Some(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_the_same_bytes_in_a_plain_file_below_the_root_are_unchanged() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        std::fs::create_dir_all(root.join("src")).unwrap();
        std::fs::write(root.join("src/a.rs"), "same").unwrap();
        std::fs::write(directory.path().join("secret"), "same").unwrap();
        symlink("../secret", root.join("link")).unwrap();
        symlink("src", root.join("linked")).unwrap();
        let same = *blake3::hash(b"same").as_bytes();

        assert_eq!(differs(&root, "src/a.rs", same, 4), Some(false));
        assert_eq!(differs(&root, "src/a.rs", same, 3), Some(true), "above the limit");
        for path in [
            "link",
            "linked/a.rs",
            "../secret",
            "src/../src/a.rs",
            "src",
            "gone",
            "",
            "/etc/passwd",
        ] {
            assert_eq!(differs(&root, path, same, 100), Some(true), "{path}");
        }
        std::fs::write(root.join("src/a.rs"), "other").unwrap();
        assert_eq!(differs(&root, "src/a.rs", same, 100), Some(true));
        assert_eq!(differs(&root.join("gone"), "src/a.rs", same, 100), None);
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let made = std::process::Command::new("mkfifo")
            .arg(root.path().join("pipe"))
            .status()
            .unwrap();
        assert!(made.success());
        assert_eq!(differs(root.path(), "pipe", [0; 32], 100), Some(true));
    }
}
