//! `quarry mcp`: the same server as the binary quarry-mcp.

use anyhow::Result;

use super::arguments::Mcp;
use super::session::Session;

pub(super) async fn run(session: &Session, command: Mcp) -> Result<()> {
    let options = quarry_mcp::Options {
        project: command.project,
        roots: command.roots,
        read_only: command.read_only,
        program: std::env::current_exe()?,
    };
    quarry_mcp::serve_stdio(session.config.clone(), options).await
}
