//! `quarry mcp`: the same server as the binary quarry-mcp.

use anyhow::Result;

use super::arguments::Mcp;
use super::session::Session;

pub(super) async fn run(session: &Session, command: Mcp) -> Result<()> {
    let options = quarry_mcp::Options {
        program: std::env::current_exe()?,
        ..command.options
    };
    quarry_mcp::serve_stdio(session.config.clone(), options).await
}
