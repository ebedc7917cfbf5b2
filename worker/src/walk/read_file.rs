//! Reads one file of a repository as text. Hands the text with the hash of the bytes on disk to chunking.
//! Never leaves the root, never follows a link, never blocks on a pipe, never reads more than the size limit.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use chrono::Utc;
use quarry_codebase::FileStamp;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::file_stamp::believable_stamp;
use super::path_rules::is_plain_relative;
use super::{SkipReason, WalkError, WalkOptions, content_rules, decode, name_rules};

/// What reading one file came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadOutcome {
    /// Its text.
    Text(FileText),
    /// It is there, but does not belong into the index.
    Skipped(SkipReason),
    /// No file lies at this path (any more).
    Gone,
}

/// The text of a file and the bytes it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    /// Decoded text, without a byte order mark, line ends as they are, no NUL.
    pub text: String,
    /// BLAKE3 of the bytes on disk, before decoding.
    pub content_hash: [u8; 32],
    /// Number of bytes on disk.
    pub size_bytes: u64,
}

/// Reads the file at `relative` below `root`.
///
/// Applies what the name and the content tell (secrets, binary, generated, minified, too large). Ignore files and hidden
/// names are the business of [`super::PathRules`], which the caller asks before.
pub fn read_file(root: &Path, relative: &str, options: &WalkOptions) -> Result<ReadOutcome, WalkError> {
    read_stamped(root, relative, options).map(|(outcome, _)| outcome)
}

/// As [`read_file`], with the file's stamp: while the file has this stamp, reading it comes to the same. None where that
/// cannot be said: no content was read, the file changed just now, or its file system does not keep change times.
pub fn read_stamped(
    root: &Path,
    relative: &str,
    options: &WalkOptions,
) -> Result<(ReadOutcome, Option<FileStamp>), WalkError> {
    if !is_plain_relative(relative) || relative.contains('\0') {
        return Err(WalkError::InvalidPath {
            path: relative.to_owned(),
        });
    }
    if let Some(reason) = name_rules::refuse_file_name(relative) {
        return Ok((ReadOutcome::Skipped(reason), None));
    }
    let root_directory = open_root(root)?;
    let mut file = match open_below(root_directory, relative) {
        Ok(file) => file,
        Err(outcome) => return Ok((outcome, None)),
    };
    let Some((bytes, stamp)) = read_at_most(&mut file, options.max_file_bytes) else {
        return Ok((ReadOutcome::Skipped(SkipReason::Unreadable), None));
    };
    if bytes.len() as u64 > options.max_file_bytes {
        return Ok((ReadOutcome::Skipped(SkipReason::TooLarge), None));
    }
    Ok((judge(relative, bytes), stamp))
}

fn judge(relative: &str, bytes: Vec<u8>) -> ReadOutcome {
    let size_bytes = bytes.len() as u64;
    let content_hash = *blake3::hash(&bytes).as_bytes();
    let text = match decode::decode(bytes) {
        Ok(text) => text,
        Err(reason) => return ReadOutcome::Skipped(reason),
    };
    if let Some(reason) = content_rules::refuse_text(relative, &text) {
        return ReadOutcome::Skipped(reason);
    }
    ReadOutcome::Text(FileText {
        text,
        content_hash,
        size_bytes,
    })
}

fn open_root(root: &Path) -> Result<OwnedFd, WalkError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, root, flags, Mode::empty()).map_err(|error| match error {
        Errno::NOTDIR => WalkError::RootNotADirectory { root: root.to_owned() },
        error => WalkError::RootUnreadable {
            root: root.to_owned(),
            source: error.into(),
        },
    })
}

/// Opens part by part, so that a directory swapped for a link between two looks cannot lead out of the root.
fn open_below(root_directory: OwnedFd, relative: &str) -> Result<File, ReadOutcome> {
    let mut directory = root_directory;
    let mut parts = relative.split('/').peekable();
    while let Some(part) = parts.next() {
        let name = CString::new(part).map_err(|_| ReadOutcome::Gone)?;
        if parts.peek().is_some() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            directory = match rustix::fs::openat(&directory, &name, flags, Mode::empty()) {
                Ok(opened) => opened,
                Err(error) => return Err(not_opened(&directory, &name, error)),
            };
            continue;
        }
        // Opening a device can have effects of its own, so its kind is asked first, and again once it is open.
        let kind = rustix::fs::statat(&directory, &name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| not_opened(&directory, &name, error))
            .map(|status| FileType::from_raw_mode(status.st_mode))?;
        refuse_kind(kind)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&directory, &name, flags, Mode::empty())
            .map_err(|error| not_opened(&directory, &name, error))?;
        let kind = rustix::fs::fstat(&opened)
            .map(|status| FileType::from_raw_mode(status.st_mode))
            .map_err(|_| ReadOutcome::Skipped(SkipReason::Unreadable))?;
        refuse_kind(kind)?;
        return Ok(File::from(opened));
    }
    Err(ReadOutcome::Gone)
}

fn refuse_kind(kind: FileType) -> Result<(), ReadOutcome> {
    match kind {
        FileType::RegularFile => Ok(()),
        FileType::Symlink => Err(ReadOutcome::Skipped(SkipReason::Symlink)),
        FileType::Directory => Err(ReadOutcome::Gone),
        _ => Err(ReadOutcome::Skipped(SkipReason::Special)),
    }
}

/// Systems differ in what they say about a link that was not followed, so the entry itself is asked.
fn not_opened(directory: &impl AsFd, name: &CString, error: Errno) -> ReadOutcome {
    let is_link = || {
        rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|status| FileType::from_raw_mode(status.st_mode) == FileType::Symlink)
    };
    match error {
        Errno::NOENT => ReadOutcome::Gone,
        Errno::LOOP | Errno::MLINK | Errno::NOTDIR if is_link() => ReadOutcome::Skipped(SkipReason::Symlink),
        Errno::NOTDIR => ReadOutcome::Gone,
        Errno::NXIO | Errno::OPNOTSUPP => ReadOutcome::Skipped(SkipReason::Special),
        _ => ReadOutcome::Skipped(SkipReason::Unreadable),
    }
}

/// Reads one byte more than the limit at most: the file may grow after its size was told.
fn read_at_most(file: &mut File, max_bytes: u64) -> Option<(Vec<u8>, Option<FileStamp>)> {
    let looked_at = Utc::now();
    let metadata = file.metadata().ok()?;
    let expected = usize::try_from(metadata.len().min(max_bytes)).ok()?;
    let mut bytes = Vec::with_capacity(expected + 1);
    let stamp = believable_stamp(file, &metadata, looked_at);
    file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).ok()?;
    Some((bytes, stamp))
}

#[cfg(test)]
#[path = "read_file_tests.rs"]
mod tests;
