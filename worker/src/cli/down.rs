//! `quarry down`: stops the embedding server and the Postgres that the embedded default started.

use anyhow::{Context as _, Result};
use quarry_postgres::Stopped;

use super::output;
use super::session::Session;

pub(super) async fn run(session: &Session) -> Result<()> {
    let home = session.config.home();
    let embedder = quarry_embedding::stop_built_in(home)
        .await
        .context("stop the embedding server")?;
    let postgres = quarry_postgres::stop(home)
        .await
        .context("stop the embedded Postgres")?;
    let said = |running| if running { "stopped" } else { "was not running" };
    output::line(format!("embedding server: {}", said(embedder)))?;
    output::line(format!("Postgres: {}", said(postgres == Stopped::WasRunning)))
}
