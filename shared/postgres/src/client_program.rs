//! Finds psql, pg_dump and the other client programs of a server's own major version.
//! Hands out a path. Never an older one (pg_dump refuses newer servers) nor a newer one (its dumps may not restore).

use std::path::{Path, PathBuf};

use crate::PostgresError;
use crate::find::{self, Places};
use crate::home::ServerHome;
use crate::install;
use crate::unprivileged::ServerAccount;

/// The client program `name` of major version `server_major`, such as `("pg_dump", 18)`.
///
/// Looks at the embedded server's programs, then at those of this machine; if the wheel has that version, installs it. That
/// may take minutes and blocks: call it where blocking is allowed.
///
/// # Errors
///
/// When there is none: the message says how to get one.
pub fn client_program(home: &Path, name: &str, server_major: u32) -> Result<PathBuf, PostgresError> {
    let home = ServerHome::below(home)?;
    let places = Places::of_this_machine();
    let mut directories: Vec<PathBuf> = places.named.iter().cloned().collect();
    directories.extend(home.last_start().map(|last_start| last_start.bin_dir));
    directories.extend(install::installed_wheel(&home.install_dir()).map(|installation| installation.bin_dir));
    directories.extend(places.others);
    // Last, because a distribution's wrapper in /usr/bin may choose another version at its next call.
    directories.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let programs = directories
        .iter()
        .map(|directory| directory.join(name))
        .filter(|program| program.is_file());
    let version_fits = |program: &PathBuf| {
        find::program_version(program).and_then(|version| find::major_of(&version)) == Some(server_major)
    };
    if let Some(program) = programs.into_iter().find(version_fits) {
        return Ok(program);
    }
    if install::wheel_major() == server_major {
        let account = ServerAccount::of_cluster(&home.data_dir())?;
        home.create(&account)?;
        let program = install::ensure_wheel(&home.install_dir(), &account)?.bin_dir.join(name);
        if program.is_file() {
            return Ok(program);
        }
    }
    Err(PostgresError::ClientProgram {
        name: name.to_owned(),
        server_major,
    })
}
