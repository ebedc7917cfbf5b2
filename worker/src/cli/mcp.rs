//! `quarry mcp`: the same server as the binary quarry-mcp.

use anyhow::Result;
use quarry_lifecycle::Shutdown;

use super::arguments::{Mcp, McpCommand};
use super::session::Session;
use super::{mcp_install, output};

pub(super) async fn run(session: &Session, command: Mcp) -> Result<()> {
    if let Some(McpCommand::Install(arguments)) = command.command {
        return mcp_install::run(session, &arguments);
    }
    let options = quarry_mcp::Options {
        program: std::env::current_exe()?,
        ..command.options
    };
    if options.http.listen.is_none() {
        return quarry_mcp::serve_stdio(session.config.clone(), options).await;
    }
    let stop = Shutdown::on_signals().token();
    let server = quarry_mcp::bind_http(session.config.clone(), options, stop).await?;
    output::notice(format!("serving MCP at {}", server.url()));
    server.serve().await
}
