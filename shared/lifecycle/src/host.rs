//! The name of this machine, under which repositories are known: configured, or made once and kept in the home.
//! A bare host name is not enough: containers and laptops share names, and two machines with one name would read each
//! other's paths. Never changes a name that is there, because repositories are registered under it.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::config::Config;
use crate::error::ConfigError;

/// The host of repositories that are named by a git URL: any machine that can fetch them. No machine has this name.
pub const GIT_HOST: &str = "git";

impl Config {
    /// The name of this machine: the configured one, or [`host_name`] of the home.
    ///
    /// # Errors
    /// [`ConfigError::HostName`] when the name has to be made and the home cannot be written.
    pub fn host(&self) -> Result<String, ConfigError> {
        match self.configured_host() {
            Some(host) => Ok(host.to_owned()),
            None => host_name(self.home()),
        }
    }
}

/// The name kept in `<home>/host-id`, made as `<hostname>-<8 hex digits>` at the first call. Processes that call it for
/// the first time at once all get the same name.
///
/// # Errors
/// [`ConfigError::HostName`] when the home cannot be read or written.
pub fn host_name(home: &Path) -> Result<String, ConfigError> {
    let path = home.join("host-id");
    let failed = |source| ConfigError::HostName {
        path: path.clone(),
        source,
    };
    match read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        read => return read.map_err(failed),
    }
    make(home, &path).map_err(failed)?;
    read(&path).map_err(failed)
}

fn read(path: &Path) -> io::Result<String> {
    let text = fs::read_to_string(path)?;
    let name = text.trim();
    let valid = !name.is_empty() && name.len() <= 200 && !name.chars().any(char::is_control);
    if valid {
        Ok(name.to_owned())
    } else {
        Err(io::Error::new(ErrorKind::InvalidData, "not one line with a name"))
    }
}

fn make(home: &Path, path: &Path) -> io::Result<()> {
    fs::create_dir_all(home)?;
    let random = random_hex();
    let draft = home.join(format!("host-id.{random}"));
    fs::write(&draft, format!("{}-{random}\n", machine_name()))?;
    // A link is made whole or not at all, and only where nothing is: of many processes one wins.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Eight hex digits. The standard library's hash keys come from the system's random source, and a name that tells two
/// machines apart needs no more.
fn random_hex() -> String {
    let random = RandomState::new().build_hasher().finish();
    format!("{:08x}", random & 0xffff_ffff)
}

fn machine_name() -> String {
    let told = fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| {
        let output = std::process::Command::new("hostname").output()?;
        Ok::<_, io::Error>(String::from_utf8_lossy(&output.stdout).into_owned())
    });
    tidy(&told.unwrap_or_default())
}

/// The first label of a host name in lower case, without anything that does not belong into one.
fn tidy(told: &str) -> String {
    let label = told.trim().split('.').next().unwrap_or_default().to_ascii_lowercase();
    let letters: String = label
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-')
        .take(60)
        .collect();
    if letters.is_empty() { "host".to_owned() } else { letters }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn a_name_once_made_stays() {
        let home = tempfile::tempdir().unwrap();
        let below = home.path().join("not/yet/there");
        let made = host_name(&below).unwrap();
        let (_, random) = made.rsplit_once('-').unwrap();
        assert!(
            random.len() == 8 && random.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{made}"
        );
        assert_eq!(host_name(&below).unwrap(), made);
        assert_eq!(fs::read_dir(&below).unwrap().count(), 1, "a draft was left behind");
    }

    #[test]
    fn processes_that_start_at_once_agree_on_the_name() {
        let home = tempfile::tempdir().unwrap();
        let barrier = Barrier::new(8);
        let names: std::collections::HashSet<String> = std::thread::scope(|scope| {
            let start = || {
                barrier.wait();
                host_name(home.path()).unwrap()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(names.len(), 1);
    }

    #[test]
    fn a_damaged_name_is_reported_and_kept() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("host-id"), "\n").unwrap();
        assert!(matches!(host_name(home.path()), Err(ConfigError::HostName { .. })));
        assert_eq!(fs::read_to_string(home.path().join("host-id")).unwrap(), "\n");
    }

    #[test]
    fn odd_host_names_become_plain() {
        assert_eq!(tidy("Build_Box.example.org\n"), "buildbox");
        assert_eq!(tidy("\n"), "host");
    }
}
