//! What the system says of a file, and whether that can be believed later: while it says the same, the content is the same.
//! Follows git's rule for entries that are "racily clean" (git's Documentation/technical/racy-git.txt), with the change
//! time where git takes the modification time: `touch -d`, `rsync --times` and editors set that one back, nobody the other.
//!
//! A change soon after the look can leave the same times behind, because file systems count time in steps. So a stamp is
//! believed only when the file had not changed for longer than such a step before it was looked at; otherwise the file goes
//! without a stamp and is read again by the next comparison.

use std::fs::Metadata;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use quarry_codebase::FileStamp;

/// The coarsest step in use is one second (ext4 with small inodes); kernels stamp with a clock that is some milliseconds late.
const STEP_AND_SKEW: TimeDelta = TimeDelta::seconds(2);

/// What the system says of a file now; none where a time is beyond any calendar, which some file systems allow.
pub(super) fn stamp_of(metadata: &Metadata) -> Option<FileStamp> {
    Some(FileStamp {
        size_bytes: i64::try_from(metadata.len()).ok()?,
        modified_at: time(metadata.mtime(), metadata.mtime_nsec())?,
        change_time: time(metadata.ctime(), metadata.ctime_nsec())?,
        inode: metadata.ino().cast_signed(),
    })
}

/// The stamp of a file that is about to be read, if it can be believed. `looked_at` is the time just before `metadata` was
/// asked for.
pub(super) fn believable_stamp(file: &impl AsFd, metadata: &Metadata, looked_at: DateTime<Utc>) -> Option<FileStamp> {
    let stamp = stamp_of(metadata)?;
    (is_settled(&stamp, looked_at) && keeps_change_times(file)).then_some(stamp)
}

fn is_settled(stamp: &FileStamp, looked_at: DateTime<Utc>) -> bool {
    stamp.change_time + STEP_AND_SKEW <= looked_at
}

fn time(seconds: i64, nanos: i64) -> Option<DateTime<Utc>> {
    let time = DateTime::from_timestamp(seconds, u32::try_from(nanos).ok()?)?;
    // Postgres knows no time before 4713 BC.
    (time.timestamp() >= 0).then(|| time.trunc_subsecs(6))
}

/// File systems of this machine that give every change a time of this machine's clock. Others keep none (FAT), or have it
/// from another machine's clock, or from a program that may say what it likes (NFS, SMB, 9p, FUSE): there every file is read.
#[cfg(target_os = "linux")]
fn keeps_change_times(file: &impl AsFd) -> bool {
    const EXT: u32 = 0xef53;
    const XFS: u32 = 0x5846_5342;
    const BTRFS: u32 = 0x9123_683e;
    const ZFS: u32 = 0x2fc1_2fc1;
    const F2FS: u32 = 0xf2f5_2010;
    const BCACHEFS: u32 = 0xca45_1a4e;
    const TMPFS: u32 = 0x0102_1994;
    const OVERLAYFS: u32 = 0x794c_7630;
    let known = [EXT, XFS, BTRFS, ZFS, F2FS, BCACHEFS, TMPFS, OVERLAYFS];
    rustix::fs::fstatfs(file)
        .ok()
        .and_then(|status| u32::try_from(status.f_type).ok())
        .is_some_and(|kind| known.contains(&kind))
}

/// Not known elsewhere.
#[cfg(not(target_os = "linux"))]
fn keeps_change_times(_file: &impl AsFd) -> bool {
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    fn changed_at(seconds: i64) -> FileStamp {
        FileStamp {
            size_bytes: 1,
            modified_at: DateTime::UNIX_EPOCH,
            change_time: time(seconds, 999_999_999).unwrap(),
            inode: 1,
        }
    }

    #[test]
    fn a_file_that_changed_just_now_is_not_believed_whatever_its_modification_time() {
        let looked_at = DateTime::from_timestamp(1_000, 0).unwrap();
        assert!(is_settled(&changed_at(997), looked_at));
        assert!(!is_settled(&changed_at(998), looked_at));
        assert!(!is_settled(&changed_at(5_000), looked_at), "a clock was set back");
    }

    #[test]
    fn times_that_no_column_holds_give_no_stamp() {
        assert_eq!(time(1, 1_999).unwrap().timestamp_subsec_nanos(), 1_000);
        assert_eq!(time(i64::MAX, 0), None);
        assert_eq!(time(-62_135_596_801, 0), None);
    }
}
