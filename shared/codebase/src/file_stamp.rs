//! What the system says of a file beside its content. Stored with what was read, it tells a comparison later that the
//! content is still the same. Whether a stamp can be believed is the reader's to judge: only such ones are stored.

use chrono::{DateTime, Utc};

/// Size, times and inode of a file at the moment it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    /// Length in bytes.
    pub size_bytes: i64,
    /// When its content was written last, as far as programs let the system say so. In whole microseconds, as stored.
    pub modified_at: DateTime<Utc>,
    /// When anything of it changed last; no program can set it. In whole microseconds.
    pub change_time: DateTime<Utc>,
    /// Its number in the file system; the bits of an unsigned one.
    pub inode: i64,
}

impl FileStamp {
    /// A stamp from its columns; none where one is null.
    pub(crate) fn of_columns(
        size_bytes: i64,
        modified_at: Option<DateTime<Utc>>,
        change_time: Option<DateTime<Utc>>,
        inode: Option<i64>,
    ) -> Option<FileStamp> {
        Some(FileStamp {
            size_bytes,
            modified_at: modified_at?,
            change_time: change_time?,
            inode: inode?,
        })
    }
}

/// Stamps side by side as `unnest` wants them.
#[derive(Default)]
pub(crate) struct StampColumns {
    pub(crate) modified: Vec<Option<DateTime<Utc>>>,
    pub(crate) changed: Vec<Option<DateTime<Utc>>>,
    pub(crate) inodes: Vec<Option<i64>>,
}

impl StampColumns {
    pub(crate) fn push(&mut self, stamp: Option<&FileStamp>) {
        self.modified.push(stamp.map(|stamp| stamp.modified_at));
        self.changed.push(stamp.map(|stamp| stamp.change_time));
        self.inodes.push(stamp.map(|stamp| stamp.inode));
    }
}
