//! The user that Postgres runs as: ourselves, or an unprivileged user when we are root, whom Postgres refuses.
//! Hands out commands that run as that user with a clean environment, and gives files to it. Never changes who we are.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{PostgresError, program};

const LIMIT: Duration = Duration::from_secs(10);

/// What a Postgres program may see of our environment. Not more: it may carry keys, and the user may be shared.
const PASSED_ON: [&str; 5] = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ", "TMPDIR"];

/// The user that owns the cluster and runs its programs.
#[derive(Debug, Clone)]
pub(crate) struct ServerAccount {
    /// Whom to become; none when we are that user already.
    become_user: Option<User>,
}

#[derive(Debug, Clone)]
struct User {
    name: String,
    user_id: u32,
    group_id: u32,
}

impl ServerAccount {
    /// The account for the cluster in `data_dir`: its owner when it exists, so that a later change of
    /// `QUARRY_POSTGRES_USER`, or a newly created user `postgres`, does not lock us out.
    pub(crate) fn of_cluster(data_dir: &Path) -> Result<Self, PostgresError> {
        let own_id = id(&["-u"])?;
        let owner = std::fs::metadata(data_dir)
            .ok()
            .map(|metadata| (metadata.uid(), metadata.gid()));
        if own_id != 0 {
            return match owner {
                Some((owner, _)) if owner != own_id => Err(PostgresError::NotOurs {
                    path: data_dir.to_owned(),
                    owner,
                }),
                _ => Ok(ServerAccount { become_user: None }),
            };
        }
        if let Some((user_id, group_id)) = owner
            && user_id != 0
        {
            let user = User {
                name: format!("user id {user_id}"),
                user_id,
                group_id,
            };
            return Ok(ServerAccount {
                become_user: Some(user),
            });
        }
        Ok(ServerAccount {
            become_user: Some(unprivileged_user()?),
        })
    }

    /// The account for a cluster that does not exist yet.
    pub(crate) fn of_new_cluster() -> Result<Self, PostgresError> {
        Self::of_cluster(Path::new(""))
    }

    /// A command that runs as this account, outside our working directory, seeing nothing of our environment but what a
    /// Postgres program needs.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").env_clear().env("LC_ALL", "C");
        let passed_on = PASSED_ON
            .iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.envs(passed_on);
        if let Some(user) = &self.become_user {
            command.uid(user.user_id).gid(user.group_id);
        }
        command
    }

    /// Makes the account the owner of `path`.
    pub(crate) fn give(&self, path: &Path) -> Result<(), PostgresError> {
        let Some(user) = &self.become_user else { return Ok(()) };
        std::os::unix::fs::lchown(path, Some(user.user_id), Some(user.group_id))
            .map_err(|source| PostgresError::from_io("change the owner of", path, source))
    }

    /// Whether another user than ours runs the server.
    pub(crate) fn is_another_user(&self) -> bool {
        self.become_user.is_some()
    }

    /// Fails with the first directory on the way to `directory` (itself included) that the account cannot enter.
    ///
    /// Asked of the system by a program running as that user, not computed from the mode bits: access lists and security
    /// modules have a say too.
    pub(crate) fn require_reach(&self, directory: &Path) -> Result<(), PostgresError> {
        let Some(user) = &self.become_user else { return Ok(()) };
        let ancestors = directory.ancestors().filter(|path| path.is_absolute() && path.exists());
        let mut from_the_root: Vec<OsString> = ancestors.map(|path| path.as_os_str().to_owned()).collect();
        from_the_root.reverse();
        let mut test = self.command(Path::new("/bin/sh"));
        test.arg("-c")
            .arg(r#"for path; do test -x "$path" || { printf %s "$path"; exit 0; }; done"#)
            .arg("sh");
        let blocked = program::run(with_arguments(test, from_the_root), LIMIT)?;
        if blocked.is_empty() {
            return Ok(());
        }
        Err(PostgresError::NotReachable {
            path: PathBuf::from(blocked),
            user: user.name.clone(),
        })
    }
}

fn with_arguments(mut command: Command, arguments: Vec<OsString>) -> Command {
    command.args(arguments);
    command
}

/// `QUARRY_POSTGRES_USER`, else `postgres` if there is one, else `nobody`.
fn unprivileged_user() -> Result<User, PostgresError> {
    match std::env::var("QUARRY_POSTGRES_USER")
        .ok()
        .filter(|name| !name.is_empty())
    {
        Some(name) => user(&name),
        None => user("postgres").or_else(|_| user("nobody")),
    }
}

fn user(name: &str) -> Result<User, PostgresError> {
    let unusable = |reason: &str| PostgresError::UnusableUser {
        user: name.to_owned(),
        reason: reason.to_owned(),
    };
    if name.starts_with('-') {
        return Err(unusable("has no valid name"));
    }
    let user_id = id(&["-u", name]).map_err(|_| unusable("does not exist"))?;
    let group_id = id(&["-g", name]).map_err(|_| unusable("has no group"))?;
    if user_id == 0 {
        return Err(unusable("is root"));
    }
    Ok(User {
        name: name.to_owned(),
        user_id,
        group_id,
    })
}

/// Asks `id`, which knows users from any source (files, LDAP, a directory service); reading /etc/passwd would not.
fn id(arguments: &[&str]) -> Result<u32, PostgresError> {
    let known_places = ["/usr/bin/id", "/bin/id"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    let mut command = Command::new(known_places.unwrap_or("id"));
    command.args(arguments).stdin(Stdio::null());
    let printed = program::run(command, LIMIT)?;
    // macOS prints nobody's id as -2.
    let number = printed.trim().parse::<i64>().ok();
    let id = number.and_then(|number| u32::try_from(number.rem_euclid(1 << 32)).ok());
    id.ok_or_else(|| PostgresError::Program {
        program: "id".to_owned(),
        status: "unexpected output".to_owned(),
        output: printed.clone(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_unknown_user_and_root_are_refused() {
        assert!(
            user("no-such-user-here")
                .unwrap_err()
                .to_string()
                .contains("does not exist")
        );
        assert!(user("root").unwrap_err().to_string().contains("is root"));
        assert!(user("--help").is_err());
    }

    #[test]
    fn the_environment_is_not_passed_on() {
        let account = ServerAccount { become_user: None };
        let printed = program::run(account.command(Path::new("/usr/bin/env")), LIMIT).unwrap();
        assert!(!printed.contains("CARGO"), "{printed}");
        assert!(printed.contains("LC_ALL=C"), "{printed}");
    }

    #[test]
    fn a_directory_that_the_user_cannot_enter_is_named() {
        use std::os::unix::fs::PermissionsExt;
        let Ok(account @ ServerAccount { become_user: Some(_) }) = ServerAccount::of_new_cluster() else {
            return;
        };
        let home = tempfile::tempdir_in("/var").unwrap();
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let inside = home.path().join("below");
        std::fs::create_dir(&inside).unwrap();
        let error = account.require_reach(&inside).unwrap_err();
        assert!(
            matches!(&error, PostgresError::NotReachable { path, .. } if path == home.path()),
            "{error}"
        );
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        account.require_reach(&inside).unwrap();
    }
}
