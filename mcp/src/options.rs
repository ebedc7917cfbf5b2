//! How one server is started. Parsed by the binaries, read by the tools.

use std::path::PathBuf;

/// Switches of a server.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The only project of the session: calls need not name it and cannot name another.
    pub project: Option<String>,
    /// Directories below which `index_repository` may index; empty: the repository of the current directory.
    pub roots: Vec<PathBuf>,
    /// Leaves out every tool that changes something.
    pub read_only: bool,
    /// The `quarry` binary: serves the built-in model and works off the queue.
    pub program: PathBuf,
}
