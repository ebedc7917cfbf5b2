//! `quarry outline PATH`: what an indexed file defines, in order, with lines and heads.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use quarry_codebase::{OutlineEntry, file_outline};
use serde_json::{Value, json};

use super::indexed_file::indexed_file;
use super::output;
use super::session::Session;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A file of an indexed repository
    path: PathBuf,
    /// Project to look in [default: the project that holds the path]
    #[arg(long)]
    project: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(session: &Session, arguments: Arguments) -> Result<()> {
    let registry = session.registry().await?;
    let file = indexed_file(session, &registry, &arguments.path, arguments.project.as_deref()).await?;
    let database = registry.database(&file.located.project).await?;
    let outline = file_outline(&database, file.located.repository.id, &file.path).await?;
    if arguments.json {
        return output::json(&json!({
            "project": file.located.project.name.as_str(),
            "repository": file.located.repository.root,
            "path": outline.path,
            "language": outline.language,
            "total_lines": outline.total_lines,
            "definitions": outline.entries.iter().map(describe).collect::<Vec<_>>(),
        }));
    }
    let language = outline.language.as_deref().unwrap_or("text");
    output::line(format!("{} ({language}, {} lines)", outline.path, outline.total_lines))?;
    for entry in &outline.entries {
        let indent = "  ".repeat(entry.depth as usize + 1);
        let lines = format!("{}-{}", entry.start_line, entry.end_line);
        output::line(output::printable(&format!("{lines:>11}{indent}{}", entry.signature)))?;
    }
    if outline.entries.is_empty() {
        output::notice("no definitions are known of this file");
    }
    Ok(())
}

fn describe(entry: &OutlineEntry) -> Value {
    json!({
        "name": entry.name,
        "qualified": entry.qualified,
        "kind": entry.kind.as_str(),
        "depth": entry.depth,
        "start_line": entry.start_line,
        "opening_line": entry.opening_line,
        "end_line": entry.end_line,
        "signature": entry.signature,
    })
}
