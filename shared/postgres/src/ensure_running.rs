//! The embedded server: found running in a few milliseconds, else installed, made and started by one process at a time.
//! Hands out its address. Never needs the network once it has been installed, and never stops the server: it outlives us.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::cluster::{self, Durability};
use crate::find::{self, Installation, Places};
use crate::home::{LastStart, ServerHome};
use crate::install;
use crate::lock::DirectoryLock;
use crate::machine::Machine;
use crate::postmaster::{self, Liveness, Port, Postmaster};
use crate::settings::server_settings;
use crate::unprivileged::ServerAccount;
use crate::{PostgresError, blocking};

/// Looked at first: outside the range from which systems take ports for outgoing connections.
const FIRST_PORT: u16 = 25432;

/// Relative to the configuration file, so that the home can be moved.
const INCLUDE: &str = "
# Settings for this machine; what follows this line wins over them.
include_if_exists = '../server.conf'
";

/// A running server of our own.
#[derive(Clone, PartialEq, Eq)]
pub struct EmbeddedServer {
    /// Address of its database `postgres`, with the superuser's name and password; keep it out of logs.
    pub url: String,
    /// Full version, such as `18.6`.
    pub version: String,
    /// Where its programs are, the client programs included.
    pub bin_dir: PathBuf,
    /// The cluster's data directory.
    pub data_dir: PathBuf,
}

impl std::fmt::Debug for EmbeddedServer {
    /// Without the password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let address = self.url.rsplit('@').next().unwrap_or_default();
        formatter
            .debug_struct("EmbeddedServer")
            .field("address", &address)
            .field("version", &self.version)
            .field("bin_dir", &self.bin_dir)
            .field("data_dir", &self.data_dir)
            .finish()
    }
}

/// The server of this `QUARRY_HOME`, running and taking connections; installs, makes and starts it as far as needed.
///
/// Any number of processes may call this at once: all get the same server. It keeps running when this process ends; see
/// [`crate::stop`].
///
/// # Errors
///
/// Each variant of [`PostgresError`] says what stands in the way and what to do. Whatever was half done is finished or
/// undone by the next call.
pub async fn ensure_running(home: &Path) -> Result<EmbeddedServer, PostgresError> {
    let home = ServerHome::below(home)?;
    blocking(move || ensure(&home)).await
}

fn ensure(home: &ServerHome) -> Result<EmbeddedServer, PostgresError> {
    if let Some(server) = already_running(home) {
        return Ok(server);
    }
    let account = ServerAccount::of_cluster(&home.data_dir())?;
    home.create(&account)?;
    let _lock = DirectoryLock::acquire(&home.lock_file())?;
    // The process that held the lock may have done it all.
    if let Some(server) = already_running(home) {
        return Ok(server);
    }
    home.remove_leftovers()?;
    let account = ServerAccount::of_cluster(&home.data_dir())?;
    let installation = installation_for(home, &account)?;
    home.create_server_directories(&account)?;
    if home.cluster_major()?.is_none() {
        make_cluster(home, &installation, &account)?;
    }
    let password = home.password()?;
    let port = start(home, &installation, &account)?;
    let last_start = LastStart {
        port,
        version: installation.version,
        bin_dir: installation.bin_dir,
    };
    home.save_last_start(&last_start)?;
    Ok(server(home, last_start, &password))
}

/// The quick look: three small files and one question to the port. Anything unexpected leads to the thorough way.
fn already_running(home: &ServerHome) -> Option<EmbeddedServer> {
    let last_start = home.last_start()?;
    let password = home.password().ok()?;
    match postmaster::liveness(&home.data_dir()) {
        Liveness::Ready(pid_file) if pid_file.port == last_start.port => Some(server(home, last_start, &password)),
        _ => None,
    }
}

fn server(home: &ServerHome, last_start: LastStart, password: &str) -> EmbeddedServer {
    EmbeddedServer {
        url: format!(
            "postgres://{}:{password}@127.0.0.1:{}/postgres",
            cluster::SUPERUSER,
            last_start.port
        ),
        version: last_start.version,
        bin_dir: last_start.bin_dir,
        data_dir: home.data_dir(),
    }
}

/// The programs for this home: of the cluster's own major version if there is a cluster, else the best at hand.
pub(crate) fn installation_for(home: &ServerHome, account: &ServerAccount) -> Result<Installation, PostgresError> {
    let Some(cluster_major) = home.cluster_major()? else {
        return install::find_or_install(account, &home.install_dir());
    };
    let places = Places::of_this_machine();
    let version_error = |found_major| PostgresError::ClusterVersion {
        data_dir: home.data_dir(),
        cluster_major,
        found_major,
    };
    if places.named.is_some()
        && let Some(named) = find::find_installation(&places, account, None)?
    {
        return if named.major == cluster_major {
            Ok(named)
        } else {
            Err(version_error(named.major))
        };
    }
    // What it ran with before, so that a newly installed Postgres does not change anything.
    let before = home
        .last_start()
        .and_then(|last_start| find::examine(&last_start.bin_dir).ok());
    if let Some(installation) = before.filter(|it| it.major == cluster_major) {
        return Ok(installation);
    }
    if let Some(installation) = find::find_installation(&places, account, Some(cluster_major))? {
        return Ok(installation);
    }
    if install::wheel_major() == cluster_major {
        return install::ensure_wheel(&home.install_dir(), account);
    }
    let best = find::find_installation(&places, account, None)?;
    Err(version_error(
        best.map_or_else(install::wheel_major, |installation| installation.major),
    ))
}

/// Makes the cluster beside and moves it into place: a data directory is complete or absent.
fn make_cluster(home: &ServerHome, installation: &Installation, account: &ServerAccount) -> Result<(), PostgresError> {
    tracing::info!(postgres.version = %installation.version, "making a Postgres {} cluster", installation.version);
    let unfinished = home.unfinished_cluster(account)?;
    let made = unfinished.path().join("data");
    let password = cluster::generate_password();
    cluster::initialize(installation, account, &made, &password, Durability::Durable)?;
    cluster::add_settings(&made, INCLUDE)?;
    home.save_password(&password)?;
    let data_dir = home.data_dir();
    let moved = std::fs::rename(&made, &data_dir).and_then(|()| File::open(home.root())?.sync_all());
    moved.map_err(|source| PostgresError::from_io("create", &data_dir, source))
}

/// Starts the server, or waits for one that an ended process had begun to start; returns its port.
fn start(home: &ServerHome, installation: &Installation, account: &ServerAccount) -> Result<u16, PostgresError> {
    let (data_dir, log_dir) = (home.data_dir(), home.log_dir());
    let postmaster = Postmaster {
        installation,
        account,
        data_dir: &data_dir,
        log_dir: &log_dir,
    };
    if let Some(pid_file) = postmaster.wait_until_ready()? {
        return Ok(pid_file.port);
    }
    postmaster::remove_misleading_pid_file(&data_dir)?;
    home.remove_sockets()?;
    home.save_settings(&server_settings(&Machine::this(), &log_dir, &home.socket_dir()))?;
    let last_port = home.last_start().map_or(FIRST_PORT, |last_start| last_start.port);
    let port = postmaster.start(Port::Prefer(last_port))?;
    tracing::info!(port, postgres.version = %installation.version, "Postgres {} runs on port {port}", installation.version);
    Ok(port)
}
