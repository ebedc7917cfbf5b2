//! The command that connects Claude Code to this very installation. A password stays in the environment it comes from.

use anyhow::{Context as _, Result};
use quarry_lifecycle::{Key, Source};

use super::output::shell_word;
use super::session::Session;

/// For one project, or for the one that holds the directory a session begins in.
pub(super) fn connect_line(session: &Session, project: Option<&str>) -> Result<String> {
    let program = std::env::current_exe().context("find the quarry program")?;
    let config = &session.config;
    let mut line = "claude mcp add quarry".to_owned();
    if config.database_url().is_some() {
        line.push_str(" -e QUARRY_DATABASE_URL=\"$QUARRY_DATABASE_URL\"");
    }
    line.push_str(&format!(" -- {} mcp", shell_word(&program.display().to_string())));
    if *config.source(Key::Home) != Source::Default {
        line.push_str(&format!(" --home {}", shell_word(&config.home().display().to_string())));
    }
    if let Some(project) = project {
        line.push_str(&format!(" --project {project}"));
    }
    Ok(line)
}
