//! `quarry worker`: one worker process.

use std::time::Duration;

use anyhow::Result;
use quarry_lifecycle::Shutdown;

use super::arguments::Worker;
use super::session::Session;
use crate::runner::Runner;

pub(super) async fn run(session: &Session, command: &Worker) -> Result<()> {
    let registry = session.registry().await?;
    let context = session.context(registry)?;
    let concurrency = command
        .concurrency
        .unwrap_or_else(|| session.config.worker_concurrency());
    let shutdown = Shutdown::on_signals();
    tracing::info!(concurrency, host = %context.host, "worker started on {}: {concurrency} jobs at a time", context.host);
    Runner::new(context, concurrency)
        .with_idle_exit(command.idle_exit_s.map(Duration::from_secs))
        .run(shutdown.token())
        .await
}
