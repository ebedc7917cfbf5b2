//! Which MCP clients there are, where each keeps its configuration, and how an entry of it looks. Pure but for the
//! environment: what is written, and whether, is decided in mcp_install.rs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use indexmap::IndexMap;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// An object as somebody wrote it: in its order, with its numbers and its line breaks.
type AsWritten = IndexMap<String, Box<RawValue>>;

/// A program that can use the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Client {
    /// Claude Code
    ClaudeCode,
    /// Cursor
    Cursor,
    /// Visual Studio Code with Copilot
    Vscode,
    /// Gemini CLI
    Gemini,
    /// Windsurf, which has no configuration per project
    Windsurf,
}

/// For whom the server is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Scope {
    /// A file in the repository, which others get with it
    Project,
    /// A file of yours, for every directory
    User,
}

impl Client {
    pub(super) fn title(self) -> &'static str {
        match self {
            Client::ClaudeCode => "Claude Code",
            Client::Cursor => "Cursor",
            Client::Vscode => "VS Code",
            Client::Gemini => "Gemini CLI",
            Client::Windsurf => "Windsurf",
        }
    }

    /// Below the repository, or in the user's home.
    pub(super) fn file(self, scope: Scope, repository: &Path, home: &Path) -> Result<PathBuf> {
        Ok(match (self, scope) {
            (Client::ClaudeCode, Scope::Project) => repository.join(".mcp.json"),
            (Client::ClaudeCode, Scope::User) => match std::env::var_os("CLAUDE_CONFIG_DIR") {
                Some(directory) => PathBuf::from(directory).join(".claude.json"),
                None => home.join(".claude.json"),
            },
            (Client::Cursor, Scope::Project) => repository.join(".cursor/mcp.json"),
            (Client::Cursor, Scope::User) => home.join(".cursor/mcp.json"),
            (Client::Vscode, Scope::Project) => repository.join(".vscode/mcp.json"),
            (Client::Vscode, Scope::User) if cfg!(target_os = "macos") => {
                home.join("Library/Application Support/Code/User/mcp.json")
            }
            (Client::Vscode, Scope::User) => home.join(".config/Code/User/mcp.json"),
            (Client::Gemini, Scope::Project) => repository.join(".gemini/settings.json"),
            (Client::Gemini, Scope::User) => home.join(".gemini/settings.json"),
            (Client::Windsurf, Scope::User) => home.join(".codeium/windsurf/mcp_config.json"),
            (Client::Windsurf, Scope::Project) => {
                bail!("Windsurf has no configuration per project: use --scope user")
            }
        })
    }

    /// The key of the document that holds the servers.
    fn servers_key(self) -> &'static str {
        match self {
            Client::Vscode => "servers",
            _ => "mcpServers",
        }
    }

    /// What stands there for this server.
    pub(super) fn entry(self, server: &Server) -> Value {
        match server {
            Server::Command { program, arguments } => {
                json!({ "type": "stdio", "command": program, "args": arguments })
            }
            Server::Url(url) => match self {
                Client::Gemini => json!({ "httpUrl": url }),
                Client::Windsurf => json!({ "serverUrl": url }),
                _ => json!({ "type": "http", "url": url }),
            },
        }
    }

    /// The document with the entry in it; everything else stays as it is.
    pub(super) fn with_entry(self, document: Option<&str>, name: &str, entry: Value) -> Result<String> {
        let mut document: AsWritten = match document.map(str::trim) {
            None | Some("") => AsWritten::new(),
            Some(text) => serde_json::from_str(text).context("it is not plain JSON: add the entry yourself")?,
        };
        let key = self.servers_key();
        let mut servers: AsWritten = match document.get(key) {
            None => AsWritten::new(),
            Some(servers) => serde_json::from_str(servers.get())
                .with_context(|| format!("its `{key}` is not an object: add the entry yourself"))?,
        };
        servers.insert(name.to_owned(), pretty(&entry)?);
        document.insert(key.to_owned(), joined(&servers)?);
        let mut text = serde_json::to_string_pretty(&document).context("write the document")?;
        text.push('\n');
        Ok(text)
    }
}

/// An entry for its place two objects below the top.
fn pretty(entry: &Value) -> Result<Box<RawValue>> {
    let text = serde_json::to_string_pretty(entry).context("write the entry")?;
    RawValue::from_string(text.replace('\n', "\n    ")).context("write the entry")
}

/// The servers for their place one object below the top, the lines of each as they are.
fn joined(servers: &AsWritten) -> Result<Box<RawValue>> {
    let lines = servers
        .iter()
        .map(|(name, entry)| format!("    {}: {}", json!(name), entry.get()));
    let lines: Vec<String> = lines.collect();
    RawValue::from_string(format!("{{\n{}\n  }}", lines.join(",\n"))).context("write the entry")
}

/// How a client reaches the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Server {
    /// By starting it.
    Command {
        /// The `quarry` binary, or its name where others share the file.
        program: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// At its address.
    Url(String),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn command() -> Server {
        Server::Command {
            program: "quarry".to_owned(),
            arguments: vec!["mcp".to_owned()],
        }
    }

    #[test]
    fn an_entry_is_added_and_nothing_else_changes() {
        let before = r#"{"zeta": 1, "mcpServers": {"other": {"command": "x"}}, "alpha": [true]}"#;
        let entry = Client::ClaudeCode.entry(&command());
        let after = Client::ClaudeCode
            .with_entry(Some(before), "quarry", entry.clone())
            .unwrap();
        let read: Value = serde_json::from_str(&after).unwrap();
        assert_eq!(read["mcpServers"]["quarry"], entry);
        assert_eq!(read["mcpServers"]["other"]["command"], "x");
        assert!(
            after.find("zeta").unwrap() < after.find("alpha").unwrap(),
            "the order stays: {after}"
        );
        let again = Client::ClaudeCode.with_entry(Some(&after), "quarry", entry).unwrap();
        assert_eq!(again, after);
    }

    #[test]
    fn a_document_reads_as_if_somebody_had_written_it() {
        let entry = Client::ClaudeCode.entry(&command());
        let document = Client::ClaudeCode.with_entry(None, "quarry", entry.clone()).unwrap();
        let read: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(document, format!("{}\n", serde_json::to_string_pretty(&read).unwrap()));
        let two = Client::ClaudeCode.with_entry(Some(&document), "other", entry).unwrap();
        let read: Value = serde_json::from_str(&two).unwrap();
        assert_eq!(
            two.lines().count(),
            serde_json::to_string_pretty(&read).unwrap().lines().count()
        );
        let first = document.trim_end().trim_end_matches(['}', '\n', ' ']);
        assert!(two.starts_with(first), "what was there keeps its lines: {two}");
    }

    #[test]
    fn a_document_with_comments_is_not_destroyed() {
        let refused = Client::Vscode.with_entry(Some("{ // mine\n}"), "quarry", json!({}));
        assert!(refused.unwrap_err().to_string().contains("add the entry yourself"));
        let new = Client::Vscode
            .with_entry(None, "quarry", json!({ "url": "u" }))
            .unwrap();
        assert!(new.contains("\"servers\""), "{new}");
    }

    #[test]
    fn each_client_has_its_own_file() {
        let (repository, home) = (Path::new("/src/shop"), Path::new("/home/me"));
        for (client, scope, file) in [
            (Client::ClaudeCode, Scope::Project, "/src/shop/.mcp.json"),
            (Client::Cursor, Scope::User, "/home/me/.cursor/mcp.json"),
            (Client::Vscode, Scope::Project, "/src/shop/.vscode/mcp.json"),
        ] {
            assert_eq!(client.file(scope, repository, home).unwrap(), Path::new(file));
        }
        assert!(Client::Windsurf.file(Scope::Project, repository, home).is_err());
    }
}
