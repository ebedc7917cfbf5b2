//! Makes, starts, stops and restarts a throw-away server, installing Postgres first if the machine has none.
//! Hands out its address. Never keeps data: nothing is written through to the disk.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::watchdog::Watchdog;
use crate::cluster::{self, Durability};
use crate::find::Installation;
use crate::install;
use crate::postmaster::{Port, Postmaster, StopMode};
use crate::unprivileged::ServerAccount;
use crate::{PostgresError, blocking};

/// No durability, room for many tests at once, little memory. Statistics and autovacuum stay as in production.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
shared_buffers = 64MB
fsync = off
synchronous_commit = off
full_page_writes = off
max_wal_size = 512MB
jit = off
";

/// A throw-away server. It ends when this value is dropped, or when the process ends in any way.
#[derive(Debug)]
pub struct TestServer {
    // Dropped first: it ends the server and empties the directory.
    _watchdog: Watchdog,
    directory: TempDir,
    installation: Installation,
    account: ServerAccount,
    password: String,
    port: u16,
}

impl TestServer {
    /// Starts a server of one's own, for tests that stop or crash it; the others share [`super::test_server`].
    ///
    /// # Panics
    ///
    /// When no Postgres can be found, installed or started; the message says why.
    pub async fn start_new() -> TestServer {
        blocking(make_and_start)
            .await
            .unwrap_or_else(|error| panic!("no Postgres for tests: {error}"))
    }

    /// Address of the database `postgres`, with the superuser's name and password.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Address of another database of this server.
    pub fn url_of(&self, database: &str) -> String {
        format!(
            "postgres://{}:{}@127.0.0.1:{}/{database}",
            cluster::SUPERUSER,
            self.password,
            self.port
        )
    }

    /// The port on 127.0.0.1; stays the same across restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Full version of the server, such as `18.6`.
    pub fn version(&self) -> &str {
        &self.installation.version
    }

    /// Where `psql`, `pg_dump` and the others of the server's own version are.
    pub fn bin_dir(&self) -> &Path {
        &self.installation.bin_dir
    }

    /// The cluster's data directory.
    pub fn data_dir(&self) -> PathBuf {
        data_dir(self.directory.path())
    }

    /// Stops the server; its data stays until the process ends.
    pub async fn stop(&self, mode: StopMode) -> Result<(), PostgresError> {
        self.with_postmaster(move |postmaster| postmaster.stop(mode).map(drop))
            .await
    }

    /// Starts the stopped server again, on the same port.
    pub async fn start(&self) -> Result<(), PostgresError> {
        let port = self.port;
        self.with_postmaster(move |postmaster| postmaster.start(Port::Exactly(port)).map(drop))
            .await
    }

    /// Stops and starts it; with [`StopMode::Immediate`] as after a crash.
    pub async fn restart(&self, mode: StopMode) -> Result<(), PostgresError> {
        self.stop(mode).await?;
        self.start().await
    }

    async fn with_postmaster(
        &self,
        act: impl FnOnce(&Postmaster<'_>) -> Result<(), PostgresError> + Send + 'static,
    ) -> Result<(), PostgresError> {
        let (installation, account) = (self.installation.clone(), self.account.clone());
        let directory = self.directory.path().to_owned();
        blocking(move || {
            act(&postmaster(
                &installation,
                &account,
                &data_dir(&directory),
                &log_dir(&directory),
            ))
        })
        .await
    }
}

fn postmaster<'a>(
    installation: &'a Installation,
    account: &'a ServerAccount,
    data_dir: &'a Path,
    log_dir: &'a Path,
) -> Postmaster<'a> {
    Postmaster {
        installation,
        account,
        data_dir,
        log_dir,
    }
}

fn data_dir(directory: &Path) -> PathBuf {
    directory.join("data")
}

fn log_dir(directory: &Path) -> PathBuf {
    directory.join("log")
}

fn make_and_start() -> Result<TestServer, PostgresError> {
    let account = ServerAccount::of_new_cluster()?;
    let installation = install::find_or_install(&account, &cache_directory(&account))?;
    let temporary = std::env::temp_dir();
    let creating = |source| PostgresError::from_io("create a directory in", &temporary, source);
    let directory = tempfile::Builder::new()
        .prefix("quarry-test-")
        .tempdir_in(&temporary)
        .map_err(creating)?;
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o711)).map_err(creating)?;
    let (data_dir, log_dir) = (data_dir(directory.path()), log_dir(directory.path()));
    let watchdog = Watchdog::over(&data_dir, directory.path()).map_err(creating)?;
    let password = cluster::generate_password();
    cluster::initialize(&installation, &account, &data_dir, &password, Durability::None)?;
    cluster::make_private_directory(&log_dir, &account)?;
    cluster::add_settings(&data_dir, SETTINGS)?;
    let port = postmaster(&installation, &account, &data_dir, &log_dir).start(Port::Any)?;
    Ok(TestServer {
        _watchdog: watchdog,
        directory,
        installation,
        account,
        password,
        port,
    })
}

/// Where the wheel is kept between test runs: `QUARRY_TEST_POSTGRES_CACHE`, else a place that outlives a clean-up of the
/// temporary directory and that, for root, another user can read.
fn cache_directory(account: &ServerAccount) -> PathBuf {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let usual = || {
        if account.is_another_user() {
            return PathBuf::from("/var/cache");
        }
        let of_user = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
        of_user.unwrap_or_else(std::env::temp_dir)
    };
    variable("QUARRY_TEST_POSTGRES_CACHE").unwrap_or_else(|| usual().join("quarry-test-postgres"))
}
