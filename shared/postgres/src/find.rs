//! Finds a Postgres 15 or later with pgvector 0.8 or later on this machine.
//! Hands an `Installation` (where, which version) to initdb and start. Never installs and never changes anything.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::unprivileged::ServerAccount;
use crate::{PostgresError, program};

/// The oldest version with `unique nulls not distinct`.
const MINIMUM_MAJOR: u32 = 15;
/// Older versions lack iterative index scans, without which a filtered search loses results.
const MINIMUM_PGVECTOR: (u32, u32) = (0, 8);
const LIMIT: Duration = Duration::from_secs(20);

/// Server programs that can run a cluster of ours.
#[derive(Debug, Clone)]
pub(crate) struct Installation {
    /// The directory of `postgres`, `initdb`, `pg_ctl` and the client programs.
    pub(crate) bin_dir: PathBuf,
    /// Full version, such as `18.6`.
    pub(crate) version: String,
    /// Major version, such as 18.
    pub(crate) major: u32,
}

/// Where to look, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// The directory that the user named: this one or none.
    pub(crate) named: Option<PathBuf>,
    /// Directories to try.
    pub(crate) others: Vec<PathBuf>,
}

impl Places {
    /// `QUARRY_POSTGRES_BIN`; then what the PATH leads to; then the usual places, newest version first.
    pub(crate) fn of_this_machine() -> Self {
        let named = std::env::var_os("QUARRY_POSTGRES_BIN")
            .filter(|value| !value.is_empty())
            .map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let on_path: Vec<PathBuf> = std::env::split_paths(&path)
            .filter(|directory| directory.is_absolute())
            .collect();
        let mut others = Vec::new();
        for directory in &on_path {
            let configured = Some(directory.join("pg_config")).filter(|program| program.is_file());
            others.extend(
                configured
                    .and_then(|program| ask(&program, "--bindir").ok())
                    .map(PathBuf::from),
            );
            // A link such as /usr/local/bin/postgres leads to the directory that also holds initdb.
            others.extend(
                directory
                    .join("postgres")
                    .canonicalize()
                    .ok()
                    .and_then(|it| Some(it.parent()?.to_owned())),
            );
        }
        others.extend(usual_places());
        let mut seen = std::collections::HashSet::new();
        others.retain(|directory| seen.insert(directory.clone()));
        Places { named, others }
    }
}

/// The directories in which distributions, Homebrew and Postgres.app keep their versions, newest first.
fn usual_places() -> Vec<PathBuf> {
    let versioned = [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/opt/homebrew/opt", "postgresql@", "bin"),
        ("/usr/local/opt", "postgresql@", "bin"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ];
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for (parent, prefix, bin) in versioned {
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let major = name
                .to_str()
                .and_then(|name| name.strip_prefix(prefix))
                .and_then(|rest| rest.parse().ok());
            found.extend(major.map(|major| (major, entry.path().join(bin))));
        }
    }
    found.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
    let fixed = [
        "/usr/local/pgsql/bin",
        "/opt/homebrew/opt/postgresql/bin",
        "/usr/libexec/postgresql",
    ];
    found
        .into_iter()
        .map(|(_, directory)| directory)
        .chain(fixed.map(PathBuf::from))
        .collect()
}

/// The first usable installation; of major version `major` if that is given (a cluster runs only with its own).
pub(crate) fn find_installation(
    places: &Places,
    account: &ServerAccount,
    major: Option<u32>,
) -> Result<Option<Installation>, PostgresError> {
    if let Some(path) = &places.named {
        let refused = |reason| PostgresError::NamedInstallation {
            path: path.clone(),
            reason,
        };
        account.require_reach(path)?;
        return examine(path).map(Some).map_err(refused);
    }
    let usable = places
        .others
        .iter()
        .filter(|directory| directory.join("postgres").is_file())
        .filter_map(|directory| match examine(directory) {
            Ok(installation) => Some(installation),
            Err(reason) => {
                tracing::debug!(path = %directory.display(), reason, "not usable: {}", directory.display());
                None
            }
        });
    let mut fitting = usable.filter(|installation| major.is_none_or(|major| installation.major == major));
    Ok(fitting.find(|installation| account.require_reach(&installation.bin_dir).is_ok()))
}

/// Which installations there are and why none of them can be used; empty when there is none at all.
pub(crate) fn refusals(places: &Places) -> String {
    let present = places
        .others
        .iter()
        .filter(|directory| directory.join("postgres").is_file());
    let refused = present.filter_map(|directory| {
        Some(format!(
            "\nfound but not used: {}, because {}",
            directory.display(),
            examine(directory).err()?
        ))
    });
    refused.collect()
}

/// Looks at one bin directory; the error says what it lacks.
pub(crate) fn examine(bin_dir: &Path) -> Result<Installation, String> {
    for name in ["postgres", "initdb", "pg_ctl"] {
        if !bin_dir.join(name).is_file() {
            return Err(format!("it has no program {name}"));
        }
    }
    let version = program_version(&bin_dir.join("postgres")).ok_or("its postgres does not say its version")?;
    let major = major_of(&version).ok_or_else(|| format!("its version {version} is not understood"))?;
    if major < MINIMUM_MAJOR {
        return Err(format!("it is Postgres {version}, and {MINIMUM_MAJOR} is needed"));
    }
    let control = share_directories(bin_dir)
        .into_iter()
        .map(|share| share.join("extension/vector.control"));
    let control = control
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .next()
        .ok_or("it has no pgvector")?;
    let pgvector = control_version(&control).ok_or("its pgvector does not say its version")?;
    let mut numbers = pgvector.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let (pgvector_major, pgvector_minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if (pgvector_major, pgvector_minor) < MINIMUM_PGVECTOR {
        return Err(format!("its pgvector is {pgvector}, and 0.8 is needed"));
    }
    Ok(Installation {
        bin_dir: bin_dir.to_owned(),
        version,
        major,
    })
}

/// What `PROGRAM --version` says: `postgres (PostgreSQL) 18.6 (Debian …)` gives `18.6`.
pub(crate) fn program_version(program: &Path) -> Option<String> {
    let printed = ask(program, "--version").ok()?;
    let words = printed.split_whitespace();
    let version = words.skip_while(|word| *word != "(PostgreSQL)").nth(1)?;
    Some(version.to_owned())
}

/// `18` of `18.6` and of `18beta1`.
pub(crate) fn major_of(version: &str) -> Option<u32> {
    let digits = version.split(|character: char| !character.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Where extensions lie: what the installation's own `pg_config` says, else relative to its bin directory as the
/// distributions do it (Debian ships pg_config in another package).
fn share_directories(bin_dir: &Path) -> Vec<PathBuf> {
    let told = ask(&bin_dir.join("pg_config"), "--sharedir").ok().map(PathBuf::from);
    let prefix = bin_dir.parent().unwrap_or(bin_dir);
    let version = prefix.file_name().unwrap_or_default();
    let beside = [
        prefix.join("share/postgresql"),
        prefix.join("share"),
        prefix.join("share").join(version),
    ];
    told.into_iter()
        .chain(beside)
        .chain([Path::new("/usr/share/postgresql").join(version)])
        .collect()
}

fn control_version(control: &str) -> Option<&str> {
    let line = control
        .lines()
        .find_map(|line| line.trim().strip_prefix("default_version"))?;
    Some(line.trim().strip_prefix('=')?.trim().trim_matches('\''))
}

fn ask(program: &Path, question: &str) -> Result<String, PostgresError> {
    let mut command = Command::new(program);
    command.arg(question).current_dir("/");
    program::run(command, LIMIT).map(|printed| printed.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A directory that looks like an installation laid out the way the distributions do it.
    fn installation(postgres: &str, pgvector: Option<&str>) -> tempfile::TempDir {
        let prefix = tempfile::tempdir().unwrap();
        std::fs::set_permissions(prefix.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir_all(prefix.path().join("bin")).unwrap();
        std::fs::create_dir_all(prefix.path().join("share/postgresql/extension")).unwrap();
        for name in ["postgres", "initdb", "pg_ctl"] {
            let script = format!("#!/bin/sh\necho '{name} (PostgreSQL) {postgres} (Somebody 1.2)'\n");
            write_program(&prefix.path().join("bin").join(name), &script);
        }
        if let Some(version) = pgvector {
            let control = format!("comment = 'vectors'\ndefault_version = '{version}'\n");
            std::fs::write(prefix.path().join("share/postgresql/extension/vector.control"), control).unwrap();
        }
        prefix
    }

    /// Another process writes it: a file that this one had open for writing is "busy" for as long as a child that another
    /// test forked at that moment still holds it.
    fn write_program(path: &Path, script: &str) {
        let status = std::process::Command::new("/bin/sh")
            .args(["-c", r#"printf %s "$2" > "$1" && chmod 755 "$1""#, "sh"])
            .arg(path)
            .arg(script)
            .status();
        assert!(status.unwrap().success());
    }

    fn reason(postgres: &str, pgvector: Option<&str>) -> String {
        examine(&installation(postgres, pgvector).path().join("bin")).unwrap_err()
    }

    #[test]
    fn an_installation_needs_postgres_15_and_pgvector_0_8() {
        assert!(reason("14.9", Some("0.8.0")).contains("it is Postgres 14.9"));
        assert!(reason("17.2", None).contains("no pgvector"));
        assert!(reason("17.2", Some("0.7.4")).contains("its pgvector is 0.7.4"));
        assert!(examine(Path::new("/")).unwrap_err().contains("no program postgres"));
        for (postgres, pgvector) in [("15.0", "0.8.0"), ("18beta1", "0.10.1"), ("18.6", "1.0")] {
            let prefix = installation(postgres, Some(pgvector));
            let found = examine(&prefix.path().join("bin")).unwrap();
            assert_eq!(
                (found.version.as_str(), found.major),
                (postgres, major_of(postgres).unwrap())
            );
        }
    }

    #[test]
    fn the_first_usable_installation_of_the_wanted_version_is_taken() {
        let account = ServerAccount::of_new_cluster().unwrap();
        let (bare, sixteen) = (installation("18.1", None), installation("16.4", Some("0.8.1")));
        let seventeen = installation("17.1", Some("0.8.0"));
        let others = [&bare, &seventeen, &sixteen]
            .map(|prefix| prefix.path().join("bin"))
            .to_vec();
        let places = Places { named: None, others };
        let major = |wanted| {
            find_installation(&places, &account, wanted)
                .unwrap()
                .map(|found| found.major)
        };
        assert_eq!(major(None), Some(17));
        assert_eq!(major(Some(16)), Some(16));
        assert_eq!(major(Some(15)), None);
        assert!(
            refusals(&places).ends_with("bin, because it has no pgvector"),
            "{}",
            refusals(&places)
        );
    }

    #[test]
    fn an_unusable_named_installation_is_an_error_and_not_passed_over() {
        let account = ServerAccount::of_new_cluster().unwrap();
        let (named, other) = (installation("17.1", None), installation("17.1", Some("0.8.0")));
        let places = Places {
            named: Some(named.path().join("bin")),
            others: vec![other.path().join("bin")],
        };
        let error = find_installation(&places, &account, None).unwrap_err();
        assert!(error.to_string().contains("it has no pgvector"), "{error}");
    }
}
