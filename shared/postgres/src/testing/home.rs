//! A throw-away `QUARRY_HOME`, for tests of the embedded server and of the programs that start it.
//! Hands out the path. Never leaves the server that a test started in it running, nor its files.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::watchdog::Watchdog;
use crate::PostgresError;
use crate::home::ServerHome;

/// An empty directory for use as `QUARRY_HOME`. When it is dropped, or the process ends in any way, the embedded server in
/// it is ended and the directory removed.
#[derive(Debug)]
pub struct TestHome {
    // Dropped first: it ends the server and empties the directory.
    _watchdog: Watchdog,
    directory: TempDir,
}

impl TestHome {
    /// A new empty home that any user may enter, as root's server does.
    pub fn new() -> Result<TestHome, PostgresError> {
        let temporary = std::env::temp_dir();
        let creating = |source| PostgresError::from_io("create a directory in", &temporary, source);
        let directory = tempfile::Builder::new()
            .prefix("quarry-test-home-")
            .tempdir_in(&temporary)
            .map_err(creating)?;
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).map_err(creating)?;
        let data_dir = ServerHome::below(directory.path())?.data_dir();
        let watchdog = Watchdog::over(&data_dir, directory.path()).map_err(creating)?;
        Ok(TestHome {
            _watchdog: watchdog,
            directory,
        })
    }

    /// The home's path.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}
