//! Whether a file still is what was indexed. Compares hashes only: nothing of the file on disk gets into an answer.
//! Never follows a link, never leaves the repository, never blocks on a pipe, never reads more than the size limit.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use chrono::{DateTime, SubsecRound};
use quarry_codebase::FileStamp;
use rustix::fs::{CWD, Mode, OFlags};

/// What is known of a file that was indexed.
#[derive(Clone, Copy)]
pub(crate) struct IndexedFile {
    pub(crate) content_hash: [u8; 32],
    /// None where it is not known or could not be believed.
    pub(crate) stamp: Option<FileStamp>,
}

/// Whether the file at `relative` below `root` differs from the one that was indexed; `None` when this machine cannot see
/// the repository at all. Reads the file only when its size and times leave that open. A file above `max_bytes` is not one
/// that was indexed.
pub(crate) fn differs(root: &Path, relative: &str, indexed: IndexedFile, max_bytes: u64) -> Option<bool> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, root, flags, Mode::empty()).ok()?;
    let Some(file) = open_below(root, relative) else {
        return Some(true);
    };
    let looks = file.metadata().ok();
    Some(match (looks.as_ref().and_then(stamp_of), indexed.stamp) {
        (Some(now), Some(then)) if now == then => false,
        (Some(now), Some(then)) if now.size_bytes != then.size_bytes => true,
        _ => hash(file, max_bytes) != Some(indexed.content_hash),
    })
}

/// As a worker takes it when it reads a file.
fn stamp_of(metadata: &Metadata) -> Option<FileStamp> {
    let time = |seconds, nanos: i64| {
        let time = DateTime::from_timestamp(seconds, u32::try_from(nanos).ok()?)?;
        Some(time.trunc_subsecs(6))
    };
    Some(FileStamp {
        size_bytes: i64::try_from(metadata.len()).ok()?,
        modified_at: time(metadata.mtime(), metadata.mtime_nsec())?,
        change_time: time(metadata.ctime(), metadata.ctime_nsec())?,
        inode: metadata.ino().cast_signed(),
    })
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
        let same = read_as(b"same");

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

    fn read_as(content: &[u8]) -> IndexedFile {
        IndexedFile {
            content_hash: *blake3::hash(content).as_bytes(),
            stamp: None,
        }
    }

    #[test]
    fn a_file_that_looks_as_it_did_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a.rs"), "read").unwrap();
        let stamp = stamp_of(&std::fs::metadata(root.path().join("a.rs")).unwrap());
        assert!(stamp.is_some());
        // The wrong hash shows that nobody compared it.
        let trusted = IndexedFile {
            stamp,
            ..read_as(b"else")
        };
        assert_eq!(differs(root.path(), "a.rs", trusted, 100), Some(false));
        let touched = IndexedFile {
            stamp: stamp.map(|stamp| FileStamp { inode: 0, ..stamp }),
            ..read_as(b"read")
        };
        assert_eq!(
            differs(root.path(), "a.rs", touched, 100),
            Some(false),
            "the content decides"
        );
        let longer = IndexedFile {
            stamp: stamp.map(|stamp| FileStamp { size_bytes: 9, ..stamp }),
            ..read_as(b"read")
        };
        assert_eq!(differs(root.path(), "a.rs", longer, 100), Some(true));
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let made = std::process::Command::new("mkfifo")
            .arg(root.path().join("pipe"))
            .status()
            .unwrap();
        assert!(made.success());
        assert_eq!(differs(root.path(), "pipe", read_as(b""), 100), Some(true));
    }
}
