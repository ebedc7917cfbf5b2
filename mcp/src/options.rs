//! How one server is started: the switches of `quarry mcp` and `quarry-mcp`, which are the same. Read by the tools.

use std::path::PathBuf;

use crate::toolsets::Toolset;

/// Switches of a server.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// The only project of this session; without it calls may name any
    #[arg(long)]
    pub project: Option<String>,
    /// Directories index_repository may index [default: the repository of the current directory]
    #[arg(long = "root", value_name = "DIRECTORY")]
    pub roots: Vec<PathBuf>,
    /// Offer no tool that changes anything
    #[arg(long)]
    pub read_only: bool,
    /// Which tools to offer, separated by commas [default: search,index,projects]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub toolsets: Vec<Toolset>,
    /// The `quarry` binary: serves the built-in model and works off the queue.
    #[arg(skip)]
    pub program: PathBuf,
}
