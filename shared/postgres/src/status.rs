//! Describes the embedded server, for `quarry status` and `quarry doctor`.
//! Hands out what the files and the port say. Never starts, installs or locks anything.

use std::path::{Path, PathBuf};

use crate::home::ServerHome;
use crate::postmaster::{self, Liveness};
use crate::unprivileged::ServerAccount;
use crate::{PostgresError, blocking};

/// Whether there is a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// There is no cluster yet: nothing has needed one.
    NotCreated,
    /// There is a cluster, and no server runs on it.
    Stopped,
    /// The server is starting, recovering or stopping.
    Busy,
    /// The server takes connections.
    Running,
}

/// The embedded server as it is now.
#[derive(Debug, Clone)]
pub struct ServerStatus {
    /// Whether it runs.
    pub state: RunState,
    /// Full version of its last start, such as `18.6`; the cluster's major version alone when that is not known.
    pub version: Option<String>,
    /// The port on 127.0.0.1, while it runs.
    pub port: Option<u16>,
    /// The process id of the postmaster, while it runs.
    pub pid: Option<u32>,
    /// The data directory, whether or not it exists.
    pub data_dir: PathBuf,
    /// Where its logs are.
    pub log_dir: PathBuf,
    /// Its programs, if it was ever started.
    pub bin_dir: Option<PathBuf>,
}

/// Describes the server of this `QUARRY_HOME` without changing anything.
///
/// # Errors
///
/// When the cluster belongs to somebody else or is broken.
pub async fn server_status(home: &Path) -> Result<ServerStatus, PostgresError> {
    let home = ServerHome::below(home)?;
    blocking(move || describe(&home)).await
}

fn describe(home: &ServerHome) -> Result<ServerStatus, PostgresError> {
    let data_dir = home.data_dir();
    ServerAccount::of_cluster(&data_dir)?;
    let cluster_major = home.cluster_major()?;
    let last_start = home.last_start();
    let (state, pid_file) = match (postmaster::liveness(&data_dir), cluster_major) {
        (Liveness::Ready(pid_file), _) => (RunState::Running, Some(pid_file)),
        (Liveness::Busy(pid_file), _) => (RunState::Busy, Some(pid_file)),
        (Liveness::Gone, Some(_)) => (RunState::Stopped, None),
        (Liveness::Gone, None) => (RunState::NotCreated, None),
    };
    let version = last_start.as_ref().map(|start| start.version.clone());
    Ok(ServerStatus {
        state,
        version: version.or_else(|| cluster_major.map(|major| major.to_string())),
        port: pid_file.map(|pid_file| pid_file.port),
        pid: pid_file.map(|pid_file| pid_file.pid),
        data_dir,
        log_dir: home.log_dir(),
        bin_dir: last_start.map(|start| start.bin_dir),
    })
}
