//! `quarry psql`: the psql of the server's own version on the registry or a project's database.

use anyhow::{Context as _, Result, bail};
use quarry_registry::ProjectName;
use tokio::process::Command;

use super::arguments::Psql;
use super::session::Session;

pub(super) async fn run(session: &Session, command: Psql) -> Result<()> {
    let registry = session.registry().await?;
    let database = match command.project.as_deref() {
        Some(name) => Some(registry.project(&ProjectName::parse(name)?).await?.database_name),
        None => None,
    };
    let target = registry
        .client_target(&session.database_url().await?, database.as_deref())
        .await?;
    let home = session.config.home().to_path_buf();
    let find = move || quarry_postgres::client_program(&home, "psql", target.server_major);
    let program = tokio::task::spawn_blocking(find).await??;
    // The password travels in the environment: arguments are visible to every user of the machine.
    let status = Command::new(&program)
        .args(command.arguments)
        .envs(target.environment)
        .status()
        .await
        .with_context(|| format!("start {}", program.display()))?;
    if status.success() {
        Ok(())
    } else {
        bail!("psql ended with {status}")
    }
}
