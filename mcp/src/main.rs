//! The `quarry-mcp` command: the MCP server on standard input and output, or over HTTP.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;
use quarry_lifecycle::{Config, Process, Shutdown, init_telemetry, load_config};

/// Serves a Quarry index over MCP on standard input and output, or over HTTP.
#[derive(Debug, Parser)]
#[command(name = "quarry-mcp", version)]
struct Arguments {
    #[command(flatten)]
    options: quarry_mcp::Options,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let directory = std::env::current_dir().context("read the current directory")?;
    let config = load_config(&[], Some(&directory))?;
    init_telemetry(&config, Process::Service);
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let options = quarry_mcp::Options {
        program: quarry_program()?,
        ..arguments.options
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let served = runtime.block_on(serve(config, options));
    // Postgres may still be starting for a call that nobody waits for any more; the next session finds it running.
    runtime.shutdown_timeout(Duration::from_millis(200));
    served
}

async fn serve(config: Config, options: quarry_mcp::Options) -> Result<()> {
    if options.http.listen.is_none() {
        return quarry_mcp::serve_stdio(config, options).await;
    }
    let server = quarry_mcp::bind_http(config, options, Shutdown::on_signals().token()).await?;
    tracing::info!("serving MCP at {}", server.url());
    server.serve().await
}

/// The `quarry` binary that was installed beside this one, else the one on the PATH.
fn quarry_program() -> Result<PathBuf> {
    let own = std::env::current_exe().context("find this program")?;
    let beside = own.with_file_name(format!("quarry{}", std::env::consts::EXE_SUFFIX));
    Ok(if beside.is_file() {
        beside
    } else {
        PathBuf::from("quarry")
    })
}
