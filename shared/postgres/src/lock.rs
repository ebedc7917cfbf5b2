//! One process at a time in a directory: a lock that the system releases when its holder ends, however it ends.
//! Hands out the lock after a bounded wait. Never leaves a stale lock behind: the file stays, the lock does not.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::PostgresError;

/// The longest that a holder may need: an installation over a slow line, then a first start.
const LIMIT: Duration = Duration::from_secs(900);
const POLL: Duration = Duration::from_millis(25);

/// Held until dropped.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Waits for the lock on the file `path`, which is created if need be.
    pub(crate) fn acquire(path: &Path) -> Result<Self, PostgresError> {
        let failed = |source| PostgresError::from_io("lock", path, source);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(failed)?;
        let deadline = Instant::now() + LIMIT;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(DirectoryLock { _file: file }),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    return Err(PostgresError::Locked {
                        path: path.to_owned(),
                        waited_secs: LIMIT.as_secs(),
                    });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(POLL),
            }
        }
    }
}
