//! How one server is started: the switches of `quarry mcp` and `quarry-mcp`, which are the same. Read by the tools.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

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
    /// Streamable HTTP in place of standard input and output.
    #[command(flatten)]
    pub http: HttpOptions,
    /// The `quarry` binary: serves the built-in model and works off the queue.
    #[arg(skip)]
    pub program: PathBuf,
}

/// Switches of a server that is reached over HTTP.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct HttpOptions {
    /// Serve Streamable HTTP at this address, for example 127.0.0.1:7411, in place of standard input and output
    #[arg(long = "http", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// A name that clients may call this server by; an address that others reach needs at least one
    #[arg(long = "allow-host", value_name = "HOST", requires = "listen")]
    pub hosts: Vec<String>,
    /// A web page's origin that may call this server, for example `https://app.example:443` [default: none]
    #[arg(long = "allow-origin", value_name = "ORIGIN", requires = "listen")]
    pub origins: Vec<String>,
    /// Refuse requests without a token also on loopback, for example behind a proxy
    #[arg(long, requires = "listen")]
    pub require_token: bool,
    /// File with a token that allows everything, beside those of `quarry token create` [env: QUARRY_MCP_TOKEN]
    #[arg(long, value_name = "FILE", requires = "listen")]
    pub token_file: Option<PathBuf>,
}

/// Shorter ones can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// The token itself in place of a file.
const TOKEN_VARIABLE: &str = "QUARRY_MCP_TOKEN";

impl HttpOptions {
    /// The token that the server was started with, if it was.
    pub(crate) fn static_token(&self) -> Result<Option<String>> {
        let (token, from) = match &self.token_file {
            Some(path) => {
                let from = path.display().to_string();
                let text = std::fs::read_to_string(path).with_context(|| format!("read the token file {from}"))?;
                (text.trim().to_owned(), from)
            }
            None => match std::env::var(TOKEN_VARIABLE) {
                Ok(token) if !token.is_empty() => (token, TOKEN_VARIABLE.to_owned()),
                _ => return Ok(None),
            },
        };
        if token.len() < SHORTEST_TOKEN {
            bail!("the token in {from} is too short: use at least {SHORTEST_TOKEN} characters");
        }
        Ok(Some(token))
    }
}
