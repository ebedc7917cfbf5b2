//! Makes a new cluster with initdb: UTF-8, password required, nothing that depends on the machine's locale.
//! Hands over a complete data directory or none. Never touches an existing one.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::find::Installation;
use crate::unprivileged::ServerAccount;
use crate::{PostgresError, program};

/// The superuser of the clusters we make.
pub(crate) const SUPERUSER: &str = "quarry";

/// One to three seconds on an idle disk.
const LIMIT: Duration = Duration::from_secs(300);

/// Whether the files of the new cluster are written through to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The cluster survives a power failure.
    Durable,
    /// For throw-away clusters.
    None,
}

/// A password that cannot be guessed: 244 bits from the system's random numbers.
pub(crate) fn generate_password() -> String {
    format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple())
}

/// Makes a cluster in `data_dir`, which must not exist; its parent must be reachable for the account.
pub(crate) fn initialize(
    installation: &Installation,
    account: &ServerAccount,
    data_dir: &Path,
    password: &str,
    durability: Durability,
) -> Result<(), PostgresError> {
    make_private_directory(data_dir, account)?;
    account.require_reach(&installation.bin_dir)?;
    account.require_reach(data_dir)?;
    let parent = data_dir.parent().unwrap_or(data_dir);
    // A file of its own for the account: neither ours nor one on the command line, which anybody may read.
    let password_file = tempfile::NamedTempFile::new_in(parent)
        .and_then(|mut file| std::io::Write::write_all(&mut file, password.as_bytes()).map(|()| file))
        .map_err(|source| PostgresError::from_io("write a file in", parent, source))?;
    account.give(password_file.path())?;
    let mut outcome = Ok(());
    for locale in locales(installation.major) {
        let mut command = account.command(&installation.bin_dir.join("initdb"));
        command
            .arg("--pgdata")
            .arg(data_dir)
            .arg("--pwfile")
            .arg(password_file.path());
        command.args([
            "--username",
            SUPERUSER,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--data-checksums",
        ]);
        command.arg("--lc-messages=C").args(*locale);
        if durability == Durability::None {
            command.arg("--no-sync");
        }
        outcome = program::run(command, LIMIT).map(drop);
        if !matches!(&outcome, Err(PostgresError::Program { output, .. }) if output.contains("locale")) {
            break;
        }
    }
    outcome.map_err(|error| error.writing_below(parent))
}

/// Byte order for sorting, Unicode for upper and lower case, and the same on every machine: built in since 17; before that
/// the system's locale C.UTF-8, which not every system has.
fn locales(major: u32) -> &'static [&'static [&'static str]] {
    match major {
        17.. => &[&["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]],
        _ => &[
            &["--locale=C", "--lc-ctype=C.UTF-8"],
            &["--locale=C", "--lc-ctype=en_US.UTF-8"],
            &["--locale=C"],
        ],
    }
}

/// Creates a directory that only the account may enter.
pub(crate) fn make_private_directory(path: &Path, account: &ServerAccount) -> Result<(), PostgresError> {
    let creating = |source| PostgresError::from_io("create", path, source);
    std::fs::create_dir(path).map_err(creating)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(creating)?;
    account.give(path)
}

/// Appends to the configuration of a new cluster, before its first start.
pub(crate) fn add_settings(data_dir: &Path, settings: &str) -> Result<(), PostgresError> {
    let path = data_dir.join("postgresql.conf");
    let writing = |source| PostgresError::from_io("write", &path, source);
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).map_err(writing)?;
    std::io::Write::write_all(&mut file, settings.as_bytes()).map_err(writing)
}
