//! Where this system keeps a user's configuration and data. Hands two paths to load.rs; never creates or reads a file.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What the paths depend on; a value of its own so that tests need not change the process.
pub(crate) struct Platform {
    pub(crate) variables: HashMap<OsString, OsString>,
    pub(crate) is_root: bool,
    pub(crate) is_mac: bool,
}

impl Platform {
    pub(crate) fn of_this_process() -> Platform {
        Platform {
            variables: std::env::vars_os().collect(),
            is_root: is_root(),
            is_mac: cfg!(target_os = "macos"),
        }
    }

    /// Directory for data when `QUARRY_HOME` is not set.
    pub(crate) fn data_directory(&self) -> Option<PathBuf> {
        if self.is_root {
            return Some(PathBuf::from("/var/lib/quarry"));
        }
        self.directory("XDG_DATA_HOME", ".local/share")
    }

    /// The user's own configuration file when `QUARRY_CONFIG` is not set. It need not exist.
    pub(crate) fn user_file(&self) -> Option<PathBuf> {
        self.directory("XDG_CONFIG_HOME", ".config")
            .map(|directory| directory.join("quarry.toml"))
    }

    fn directory(&self, xdg_variable: &str, below_home: &str) -> Option<PathBuf> {
        // The XDG specification tells to ignore relative paths.
        let xdg = self.path(xdg_variable).filter(|path| path.is_absolute());
        let base = match xdg {
            Some(base) => base,
            None if self.is_mac => self.path("HOME")?.join("Library/Application Support"),
            None => self.path("HOME")?.join(below_home),
        };
        Some(base.join("quarry"))
    }

    fn path(&self, variable: &str) -> Option<PathBuf> {
        self.variables
            .get(Path::new(variable).as_os_str())
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    }
}

/// Whether this process runs as root. The standard library does not tell, and one question is not worth a dependency:
/// on Linux the owner of our own /proc entry answers, elsewhere the program `id`.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    match std::fs::metadata("/proc/self") {
        Ok(own_entry) => own_entry.uid() == 0,
        Err(_) => std::process::Command::new("id")
            .arg("-u")
            .output()
            .is_ok_and(|output| output.stdout == b"0\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(variables: &[(&str, &str)]) -> Platform {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Platform {
            variables,
            is_root: false,
            is_mac: false,
        }
    }

    #[test]
    fn data_lies_below_xdg_data_home_or_home() {
        let both = platform(&[("HOME", "/home/me"), ("XDG_DATA_HOME", "/data")]);
        assert_eq!(both.data_directory(), Some("/data/quarry".into()));
        let relative = platform(&[("HOME", "/home/me"), ("XDG_DATA_HOME", "data")]);
        assert_eq!(relative.data_directory(), Some("/home/me/.local/share/quarry".into()));
        assert_eq!(platform(&[("HOME", "")]).data_directory(), None);
    }

    #[test]
    fn root_keeps_data_where_another_user_can_enter() {
        let root = Platform {
            is_root: true,
            ..platform(&[("HOME", "/root")])
        };
        assert_eq!(root.data_directory(), Some("/var/lib/quarry".into()));
    }

    #[test]
    fn the_user_file_lies_where_the_platform_keeps_such_files() {
        let linux = platform(&[("HOME", "/home/me")]);
        assert_eq!(linux.user_file(), Some("/home/me/.config/quarry/quarry.toml".into()));
        let mac = Platform {
            is_mac: true,
            ..platform(&[("HOME", "/Users/me")])
        };
        assert_eq!(
            mac.user_file(),
            Some("/Users/me/Library/Application Support/quarry/quarry.toml".into())
        );
    }
}
