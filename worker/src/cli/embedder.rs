//! `quarry embedder`: the built-in model over HTTP.

use std::time::Duration;

use anyhow::{Context as _, Result};
use quarry_lifecycle::Shutdown;

use super::arguments::Embedder;
use super::session::Session;
use crate::embedder::{ServeOptions, serve};

pub(super) async fn run(_session: &Session, command: Embedder) -> Result<()> {
    let options = ServeOptions {
        listen: command.listen,
        state_file: command.state,
        idle_exit: command.idle_exit_s.map(Duration::from_secs),
    };
    serve(options, Shutdown::on_signals().token())
        .await
        .context("serve the built-in model")
}
