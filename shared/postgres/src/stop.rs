//! Stops the embedded server, for `quarry down`.
//! Hands back whether it was running. Never removes data, and never starts or installs anything to stop nothing.

use std::path::Path;

use crate::ensure_running::installation_for;
use crate::find;
use crate::home::ServerHome;
use crate::lock::DirectoryLock;
use crate::postmaster::{self, Liveness, Postmaster, StopMode};
use crate::unprivileged::ServerAccount;
use crate::{PostgresError, blocking};

/// What [`stop`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It ran and has ended.
    WasRunning,
    /// There was nothing to stop.
    NotRunning,
}

/// Stops the server of this `QUARRY_HOME`: orderly, within a minute, else at once (then its next start recovers).
///
/// # Errors
///
/// When it belongs to somebody else, or does not end.
pub async fn stop(home: &Path) -> Result<Stopped, PostgresError> {
    let home = ServerHome::below(home)?;
    blocking(move || stop_now(&home)).await
}

fn stop_now(home: &ServerHome) -> Result<Stopped, PostgresError> {
    if !home.root().is_dir() {
        return Ok(Stopped::NotRunning);
    }
    let (data_dir, log_dir) = (home.data_dir(), home.log_dir());
    let account = ServerAccount::of_cluster(&data_dir)?;
    // A start that is under way is waited for: it would otherwise finish after us.
    let _lock = DirectoryLock::acquire(&home.lock_file())?;
    if postmaster::liveness(&data_dir) == Liveness::Gone {
        return Ok(Stopped::NotRunning);
    }
    // Its own programs, whatever QUARRY_POSTGRES_BIN says now.
    let own = home
        .last_start()
        .and_then(|last_start| find::examine(&last_start.bin_dir).ok());
    let installation = own.map_or_else(|| installation_for(home, &account), Ok)?;
    let postmaster = Postmaster {
        installation: &installation,
        account: &account,
        data_dir: &data_dir,
        log_dir: &log_dir,
    };
    match postmaster.stop(StopMode::Fast)? {
        true => Ok(Stopped::WasRunning),
        false => Ok(Stopped::NotRunning),
    }
}
