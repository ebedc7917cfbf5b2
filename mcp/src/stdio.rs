//! The server on standard input and output: one session, which ends with its input.

use anyhow::{Context as _, Result};
use quarry_lifecycle::Config;
use rmcp::ServiceExt as _;
use rmcp::service::ServerInitializeError;

use crate::Options;
use crate::as_written::checked_lines;
use crate::server::Server;

/// Serves one session on standard input and output until the client leaves.
///
/// # Errors
/// When the transport fails; a failing tool answers with an error result instead.
pub async fn serve_stdio(config: Config, options: Options) -> Result<()> {
    let server = Server::new(config, options);
    let (input, output) = rmcp::transport::stdio();
    let service = match server.serve((checked_lines(input), output)).await {
        Ok(service) => service,
        // A client that only looked whether the program starts.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(error).context("start the MCP session"),
    };
    service.waiting().await.context("serve the MCP session")?;
    Ok(())
}
