//! `quarry init`: prepares a server of the user's own, or says what an administrator has to do there.

use anyhow::{Result, bail};
use quarry_registry::Registry;

use super::arguments::Init;
use super::output;
use super::session::Session;

pub(super) async fn run(session: &Session, command: Init) -> Result<()> {
    let url = session.database_url().await?;
    let report = Registry::initialize(&url).await?;
    if command.json {
        output::json(&report)?;
    } else {
        let rights = match (report.privileges.superuser, report.privileges.create_database) {
            (true, _) => "superuser",
            (false, true) => "may create databases",
            (false, false) => "may not create databases",
        };
        output::line(format!("server      PostgreSQL {}", report.server_version))?;
        output::line(format!("user        {} ({rights})", report.privileges.user))?;
        output::line(format!(
            "pgvector    {}",
            report.vector_version.as_deref().unwrap_or("not installed")
        ))?;
        output::line(format!("registry    {}", report.registry_database))?;
        output::line(format!("template    {}", report.template_database))?;
    }
    if report.missing.is_empty() {
        return if command.json {
            Ok(())
        } else {
            output::line("ready for projects")
        };
    }
    if let (Some(sql), false) = (&report.admin_sql, command.json) {
        output::line(format!("\nAn administrator runs in psql:\n\n{sql}"))?;
    }
    bail!("not ready: {}", report.missing.join("; "))
}
