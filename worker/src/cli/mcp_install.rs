//! `quarry mcp install`: enters the server into a client's configuration. Shows the file and the entry first, asks, and
//! leaves everything else in the file as it is.

use std::fs;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use quarry_lifecycle::{Key, Source};

use super::mcp_clients::{Client, Scope, Server};
use super::output;
use super::session::{Session, repository_root};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which client
    #[arg(value_enum, default_value_t = Client::ClaudeCode)]
    client: Client,
    /// For this repository, or for every directory of yours
    #[arg(long, value_enum, default_value_t = Scope::Project)]
    scope: Scope,
    /// The only project of its sessions [default: the one that holds the directory a session begins in]
    #[arg(long)]
    project: Option<String>,
    /// Reach a running server at this address in place of starting one
    #[arg(long, value_name = "URL", conflicts_with = "project")]
    url: Option<String>,
    /// What to call the server there
    #[arg(long, default_value = "quarry")]
    name: String,
    /// Write without asking
    #[arg(long)]
    yes: bool,
    /// Only show the file as it would be written
    #[arg(long)]
    print: bool,
}

pub(super) fn run(session: &Session, arguments: &Arguments) -> Result<()> {
    let directory = std::env::current_dir().context("read the current directory")?;
    let home = std::env::var_os("HOME").map(PathBuf::from).context("HOME is not set")?;
    let file = arguments
        .client
        .file(arguments.scope, &repository_root(&directory), &home)?;
    let server = match &arguments.url {
        Some(url) => Server::Url(url.clone()),
        None => command(session, arguments.scope, arguments.project.as_deref())?,
    };
    let entry = arguments.client.entry(&server);
    let before = match fs::read_to_string(&file) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("read {}", file.display())),
    };
    let shown = arguments.client.with_entry(None, &arguments.name, entry.clone())?;
    let after = arguments
        .client
        .with_entry(before.as_deref(), &arguments.name, entry)
        .with_context(|| format!("enter this into {}:\n{shown}", file.display()))?;
    if arguments.print {
        output::notice(format!("{}: {} would hold", arguments.client.title(), file.display()));
        return output::line(after.trim_end());
    }
    let done = if before.is_some() { "into" } else { "into the new file" };
    output::line(format!("{}: {done} {}", arguments.client.title(), file.display()))?;
    output::line(shown.trim_end())?;
    if before.as_deref() == Some(after.as_str()) {
        return output::line("it is there already");
    }
    if !arguments.yes && !confirmed()? {
        bail!("not written");
    }
    write(&file, &after)?;
    output::line("written; restart the client or have it look for its servers again")
}

/// The command that a client starts. A file that others get names the program only: it lies elsewhere on their machines.
fn command(session: &Session, scope: Scope, project: Option<&str>) -> Result<Server> {
    let config = &session.config;
    let mut arguments = vec!["mcp".to_owned()];
    let program = match scope {
        Scope::Project => "quarry".to_owned(),
        Scope::User => {
            if *config.source(Key::Home) != Source::Default {
                arguments.extend(["--home".to_owned(), config.home().display().to_string()]);
            }
            let program = std::env::current_exe().context("find the quarry program")?;
            program.display().to_string()
        }
    };
    if let Some(project) = project {
        arguments.extend(["--project".to_owned(), project.to_owned()]);
    }
    if config.database_url().is_some() {
        output::notice("the client has to pass QUARRY_DATABASE_URL on: the URL may hold a password and is not written");
    }
    Ok(Server::Command { program, arguments })
}

fn confirmed() -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("add --yes to write it, or --print to only see it");
    }
    output::notice("Write it? [y/N]");
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .context("read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Beside the file, then over it: a client never reads half of it, and a crash leaves the old one.
fn write(file: &Path, text: &str) -> Result<()> {
    // A link is kept, and what it leads to is written.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let directory = file.parent().context("the file has no directory")?;
    fs::create_dir_all(directory).with_context(|| format!("make {}", directory.display()))?;
    let beside = file.with_extension("quarry-new");
    let written = (|| {
        let mut new = fs::File::create(&beside)?;
        if let Ok(old) = fs::metadata(&file) {
            new.set_permissions(old.permissions())?;
        }
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&beside, &file)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written.with_context(|| format!("write {}", file.display()))
}
