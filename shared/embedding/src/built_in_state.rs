//! The file in which the running built-in endpoint says where it is, and the names both sides agree on.
//! Written and removed by the endpoint itself (`quarry embedder --state`), read by `endpoint.rs`.
//! Never trusted alone: whoever reads it asks the address whether it is still that endpoint.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Name of the built-in model. Changes whenever a text's vector changes: with the weights, the words or the pieces.
pub const BUILT_IN_MODEL: &str = "quarry-code-256-v2";

/// Components of the built-in model's vectors.
pub const BUILT_IN_DIMENSIONS: u32 = 256;

/// Header of `POST /stop` that carries [`BuiltInState::stop_key`].
pub const STOP_KEY_HEADER: &str = "x-quarry-stop-key";

/// Where the built-in endpoint is and how to tell it from anything else at that address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltInState {
    /// Address without path, such as `http://127.0.0.1:40123`.
    pub url: String,
    /// Process that serves it.
    pub pid: u32,
    /// Version of the program.
    pub version: String,
    /// Model it serves.
    pub model: String,
    /// Name of this one run; `GET /healthz` answers with it.
    pub instance: String,
    /// Whoever can read this file may stop the endpoint with it; the endpoint never tells it.
    pub stop_key: String,
}

impl BuiltInState {
    /// The state in `path`; `None` where there is no file or one that is no state, which is as good as none.
    #[must_use]
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Writes the state to `path` in one step, readable by its owner only; missing directories are made.
    ///
    /// # Errors
    /// What the system says about the file.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(directory) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        let unfinished = path.with_extension(format!("{}.tmp", self.pid));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        fs::rename(&unfinished, path)
    }

    /// Removes `path` if it still tells of this run; a successor's file stays.
    ///
    /// # Errors
    /// What the system says about the file.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        if Self::read(path).is_some_and(|state| state.instance == self.instance) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    fn state(instance: &str) -> BuiltInState {
        BuiltInState {
            url: "http://127.0.0.1:1".to_owned(),
            pid: 7,
            version: "1.2.3".to_owned(),
            model: BUILT_IN_MODEL.to_owned(),
            instance: instance.to_owned(),
            stop_key: "key".to_owned(),
        }
    }

    #[test]
    fn a_run_removes_its_own_state_and_no_successors() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/embedder.json");
        state("second").write(&path).unwrap();
        state("first").remove(&path).unwrap();
        assert_eq!(BuiltInState::read(&path), Some(state("second")));
        state("second").remove(&path).unwrap();
        assert_eq!(BuiltInState::read(&path), None);
    }

    #[test]
    fn a_damaged_file_counts_as_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("embedder.json");
        fs::write(&path, "{\"url\":").unwrap();
        assert_eq!(BuiltInState::read(&path), None);
    }
}
