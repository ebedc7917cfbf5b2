//! Where everything of the embedded server lies below `QUARRY_HOME`, and who may enter it.
//! Hands out paths, and keeps the password and what is known of the last start. Never holds anything in memory.
//!
//! ```text
//! QUARRY_HOME/postgres/
//!   lock           held while starting or stopping
//!   state.json     port, version and programs of the last start
//!   password       of the superuser, readable for us only
//!   server.conf    settings for this machine, written at each start, included by data/postgresql.conf
//!   data/          the cluster
//!   log/           what the server says, one file per weekday; start.log: the last start
//!   run/           its Unix socket, where the path is short enough for one
//!   install/       the wheel, where the machine has no Postgres of its own
//! ```

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::PostgresError;
use crate::cluster;
use crate::unprivileged::ServerAccount;

/// What is not finished yet has a name that starts with one of these.
const UNFINISHED_CLUSTER: &str = "unfinished-cluster-";
const UNFINISHED_FILE: &str = "unfinished-file-";

/// What the last start found out; lets the next one skip the search.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LastStart {
    pub(crate) port: u16,
    pub(crate) version: String,
    pub(crate) bin_dir: PathBuf,
}

/// The directory `QUARRY_HOME/postgres`.
#[derive(Debug, Clone)]
pub(crate) struct ServerHome {
    quarry_home: PathBuf,
    root: PathBuf,
}

impl ServerHome {
    /// The server's place below `quarry_home`; nothing is created.
    pub(crate) fn below(quarry_home: &Path) -> Result<Self, PostgresError> {
        let absolute =
            std::path::absolute(quarry_home).map_err(|source| PostgresError::from_io("find", quarry_home, source))?;
        Ok(ServerHome {
            root: absolute.join("postgres"),
            quarry_home: absolute,
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(crate) fn log_dir(&self) -> PathBuf {
        self.root.join("log")
    }

    pub(crate) fn socket_dir(&self) -> PathBuf {
        self.root.join("run")
    }

    pub(crate) fn install_dir(&self) -> PathBuf {
        self.root.join("install")
    }

    pub(crate) fn settings_file(&self) -> PathBuf {
        self.root.join("server.conf")
    }

    pub(crate) fn password_file(&self) -> PathBuf {
        self.root.join("password")
    }

    pub(crate) fn lock_file(&self) -> PathBuf {
        self.root.join("lock")
    }

    fn state_file(&self) -> PathBuf {
        self.root.join("state.json")
    }

    /// Creates the directory, enterable for the account that the server runs as.
    pub(crate) fn create(&self, account: &ServerAccount) -> Result<(), PostgresError> {
        let mode = if account.is_another_user() { 0o755 } else { 0o700 };
        for directory in [&self.quarry_home, &self.root] {
            if directory.is_dir() {
                continue;
            }
            let creating = |source| PostgresError::from_io("create", directory, source);
            std::fs::create_dir_all(directory).map_err(creating)?;
            // Not left to the umask, which for root is often strict.
            std::fs::set_permissions(directory, std::fs::Permissions::from_mode(mode)).map_err(creating)?;
        }
        account.require_reach(&self.root)
    }

    /// Creates what the server itself writes to, beside its data.
    pub(crate) fn create_server_directories(&self, account: &ServerAccount) -> Result<(), PostgresError> {
        for directory in [self.log_dir(), self.socket_dir()] {
            if !directory.is_dir() {
                cluster::make_private_directory(&directory, account)?;
            }
        }
        Ok(())
    }

    /// Removes what killed starts left half done; the caller holds the lock, so nobody is at work on any of it.
    pub(crate) fn remove_leftovers(&self) -> Result<(), PostgresError> {
        for entry in entries(&self.root)? {
            let (path, name) = (entry.path(), entry.file_name());
            let removed = match name.to_string_lossy() {
                name if name.starts_with(UNFINISHED_CLUSTER) => std::fs::remove_dir_all(&path),
                name if name.starts_with(UNFINISHED_FILE) => std::fs::remove_file(&path),
                _ => continue,
            };
            removed.map_err(|source| PostgresError::from_io("remove", &path, source))?;
        }
        Ok(())
    }

    /// Removes the sockets of a server that is gone: their lock files name its process id, which may belong to another
    /// program by now, and Postgres would refuse to start.
    pub(crate) fn remove_sockets(&self) -> Result<(), PostgresError> {
        for entry in entries(&self.socket_dir())? {
            let path = entry.path();
            std::fs::remove_file(&path).map_err(|source| PostgresError::from_io("remove", &path, source))?;
        }
        Ok(())
    }

    /// A directory to make a cluster in; it goes away by itself unless the cluster is moved out.
    pub(crate) fn unfinished_cluster(&self, account: &ServerAccount) -> Result<tempfile::TempDir, PostgresError> {
        let failed = |source| PostgresError::from_io("create a directory in", &self.root, source);
        let directory = tempfile::Builder::new()
            .prefix(UNFINISHED_CLUSTER)
            .tempdir_in(&self.root)
            .map_err(failed)?;
        if account.is_another_user() {
            let enterable = std::fs::Permissions::from_mode(0o711);
            std::fs::set_permissions(directory.path(), enterable).map_err(failed)?;
        }
        Ok(directory)
    }

    /// The major version that made the cluster; none when there is no cluster yet.
    pub(crate) fn cluster_major(&self) -> Result<Option<u32>, PostgresError> {
        let data_dir = self.data_dir();
        if !data_dir.exists() {
            return Ok(None);
        }
        let broken = |reason: String| PostgresError::BrokenCluster {
            data_dir: data_dir.clone(),
            reason,
        };
        let path = data_dir.join("PG_VERSION");
        let version = std::fs::read_to_string(&path).map_err(|error| broken(format!("PG_VERSION: {error}")))?;
        let major = version
            .trim()
            .parse()
            .map_err(|_| broken(format!("PG_VERSION says {:?}", version.trim())))?;
        Ok(Some(major))
    }

    /// None when there was no start yet, or its record cannot be read: then the search is made again.
    pub(crate) fn last_start(&self) -> Option<LastStart> {
        let text = std::fs::read(self.state_file()).ok()?;
        serde_json::from_slice(&text).ok()
    }

    pub(crate) fn save_last_start(&self, last_start: &LastStart) -> Result<(), PostgresError> {
        let text = serde_json::to_vec(last_start).expect("three plain fields");
        self.replace(&self.state_file(), &text, 0o600)
    }

    pub(crate) fn password(&self) -> Result<String, PostgresError> {
        let path = self.password_file();
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(PostgresError::PasswordMissing {
                data_dir: self.data_dir(),
                path,
            }),
            Err(source) => Err(PostgresError::Io {
                action: "read",
                path,
                source,
            }),
        }
    }

    pub(crate) fn save_password(&self, password: &str) -> Result<(), PostgresError> {
        self.replace(&self.password_file(), password.as_bytes(), 0o600)
    }

    pub(crate) fn save_settings(&self, settings: &str) -> Result<(), PostgresError> {
        self.replace(&self.settings_file(), settings.as_bytes(), 0o644)
    }

    /// Writes a file so that a reader, or a crash, sees the old or the new one and nothing between.
    fn replace(&self, path: &Path, content: &[u8], mode: u32) -> Result<(), PostgresError> {
        let write = || {
            let mut file = tempfile::Builder::new()
                .prefix(UNFINISHED_FILE)
                .permissions(std::fs::Permissions::from_mode(mode))
                .tempfile_in(&self.root)?;
            file.write_all(content)?;
            file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
            file.as_file().sync_all()?;
            file.persist(path).map(drop).map_err(|error| error.error)
        };
        write().map_err(|source| PostgresError::from_io("write", path, source))
    }
}

fn entries(directory: &Path) -> Result<Vec<std::fs::DirEntry>, PostgresError> {
    std::fs::read_dir(directory)
        .and_then(Iterator::collect)
        .map_err(|source| PostgresError::from_io("list", directory, source))
}
