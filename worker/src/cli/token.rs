//! `quarry token …`: who may reach the MCP server over HTTP, and what was changed that way.

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Subcommand, ValueEnum};
use quarry_registry::{NewToken, ProjectName, Registry, Token, TokenScope};

use super::output;
use super::session::{Session, created_by};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a token and show it, once
    Create {
        /// What to call it, for example who uses it
        name: String,
        /// What it allows; each includes the ones before it
        #[arg(long, value_enum, default_value_t = Scope::Read)]
        scope: Scope,
        /// The only projects it is for, separated by commas [default: all]
        #[arg(long = "projects", value_name = "NAMES", value_delimiter = ',')]
        projects: Vec<String>,
        /// Days until it stops to work [default: never]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        expires_in_days: Option<u32>,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// List the tokens, without their secrets
    List {
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// Make a token useless; servers notice within seconds
    Revoke {
        /// Which one
        name: String,
    },
    /// What was changed over MCP, by whom, newest first
    Log {
        /// So many entries
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Scope {
    /// Search and read
    Read,
    /// Also index, cancel, and change entities
    Write,
    /// Also make, rename and delete projects, and remove repositories
    Admin,
}

pub(super) async fn run(session: &Session, command: Command) -> Result<()> {
    let registry = session.registry().await?;
    match command {
        Command::Create {
            name,
            scope,
            projects,
            expires_in_days,
            json,
        } => {
            let expires_at = expires_in_days.map(|days| Utc::now() + TimeDelta::days(days.into()));
            let (token, secret) = create(&registry, &name, scope, &projects, expires_at).await?;
            if json {
                let mut document = serde_json::to_value(&token).context("describe the token")?;
                document["token"] = secret.into();
                return output::json(&document);
            }
            output::notice("This is shown once; who has it may do what it allows:");
            output::line(secret)
        }
        Command::List { json } => list(&registry.tokens().await?, json),
        Command::Revoke { name } => {
            registry.revoke_token(&name).await?;
            output::line(format!("revoked {name}; servers notice within seconds"))
        }
        Command::Log { limit, json } => log(&registry, limit, json).await,
    }
}

async fn create(
    registry: &Registry,
    name: &str,
    scope: Scope,
    names: &[String],
    expires_at: Option<DateTime<Utc>>,
) -> Result<(Token, String)> {
    let mut projects = Vec::with_capacity(names.len());
    for name in names {
        projects.push(registry.project(&ProjectName::parse(name)?).await?);
    }
    let new = NewToken {
        name,
        scope: match scope {
            Scope::Read => TokenScope::Read,
            Scope::Write => TokenScope::Write,
            Scope::Admin => TokenScope::Admin,
        },
        projects: (!projects.is_empty()).then_some(&projects),
        expires_at,
        created_by: &created_by(),
    };
    Ok(registry.create_token(&new).await?)
}

fn list(tokens: &[Token], json: bool) -> Result<()> {
    if json {
        return output::json(&tokens);
    }
    if tokens.is_empty() {
        return output::line("no tokens yet: `quarry token create NAME` makes one");
    }
    let rows: Vec<Vec<String>> = tokens
        .iter()
        .map(|token| {
            vec![
                token.name.clone(),
                token.scope.as_str().to_owned(),
                token
                    .projects
                    .as_ref()
                    .map_or_else(|| "all".to_owned(), |names| names.join(", ")),
                state(token).to_owned(),
                token.last_used_at.map_or_else(|| "never".to_owned(), age),
                age(token.created_at),
            ]
        })
        .collect();
    output::table(&["TOKEN", "SCOPE", "PROJECTS", "STATE", "USED", "CREATED"], &rows)
}

fn state(token: &Token) -> &'static str {
    if token.revoked_at.is_some() {
        "revoked"
    } else if token.expires_at.is_some_and(|at| at <= Utc::now()) {
        "expired"
    } else {
        "in use"
    }
}

async fn log(registry: &Registry, limit: u32, json: bool) -> Result<()> {
    let writes = registry.tool_writes(limit).await?;
    if json {
        return output::json(&writes);
    }
    if writes.is_empty() {
        return output::line("nothing was changed over MCP yet");
    }
    let absent = || "-".to_owned();
    let rows: Vec<Vec<String>> = writes
        .into_iter()
        .map(|write| {
            vec![
                write.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
                write.token.unwrap_or_else(absent),
                output::printable(&write.client),
                write.tool,
                write.project.unwrap_or_else(absent),
                write.subject.map_or_else(absent, |subject| output::printable(&subject)),
                write.outcome,
            ]
        })
        .collect();
    output::table(&["AT", "TOKEN", "CLIENT", "TOOL", "PROJECT", "WHAT", "OUTCOME"], &rows)
}

fn age(at: DateTime<Utc>) -> String {
    format!("{} ago", output::duration((Utc::now() - at).num_seconds()))
}
