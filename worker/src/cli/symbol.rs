//! `quarry symbol NAME`: where a name is defined, then where it is used.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use quarry_codebase::{NameMatch, SymbolDefinition, SymbolKind, SymbolOutcome, SymbolRequest, SymbolUse, find_symbol};
use serde_json::{Value, json};

use super::output;
use super::place::Place;
use super::search::freshness;
use super::session::Session;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The name, alone or qualified: `claim`, `Queue::claim`; `claim*`: all that begin so
    name: String,
    /// Only definitions of this kind, for example `function`, `class`, `type`
    #[arg(long)]
    kind: Option<SymbolKind>,
    /// Only files whose path matches, for example `src/**/*.rs`
    #[arg(long, value_name = "GLOB")]
    path: Option<String>,
    /// Only this language, for example `rust`
    #[arg(long)]
    language: Option<String>,
    /// Number of definitions
    #[arg(short = 'k', long, default_value_t = 20)]
    limit: u32,
    /// Number of uses
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    uses: u32,
    /// Project to look in [default: the project of the current directory]
    #[arg(long)]
    project: Option<String>,
    /// Only this repository of the project
    #[arg(long, value_name = "PATH|URL")]
    repository: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(session: &Session, arguments: Arguments) -> Result<()> {
    let registry = session.registry().await?;
    let project = session.project(&registry, arguments.project.as_deref()).await?;
    let database = registry.database(&project).await?;
    let repository = match &arguments.repository {
        Some(path) => {
            let place = Place::existing(path)?;
            let found = session.repository_at(&registry, &project, &place).await?;
            let missing = || format!("{} is not in project {}", path.display(), project.name.as_str());
            Some(found.with_context(missing)?.id)
        }
        None => None,
    };
    let request = SymbolRequest {
        kind: arguments.kind,
        repository_ids: repository.into_iter().collect(),
        path_glob: arguments.path,
        language: arguments.language,
        limit: arguments.limit,
        uses_limit: arguments.uses,
        ..SymbolRequest::new(&arguments.name)
    };
    let started = Instant::now();
    let outcome = find_symbol(&database, &request).await?;
    let took_ms = started.elapsed().as_secs_f64() * 1000.0;
    let freshness = freshness(&registry, &project, &database, repository).await?;
    if arguments.json {
        return output::json(&json!({
            "name": arguments.name,
            "project": project.name.as_str(),
            "took_ms": (took_ms * 10.0).round() / 10.0,
            "freshness": freshness,
            "matched": outcome.matched.as_str(),
            "definitions": outcome.definitions.iter().map(describe_definition).collect::<Vec<_>>(),
            "definitions_total": outcome.definitions_total,
            "uses": outcome.uses.iter().map(describe_use).collect::<Vec<_>>(),
            "uses_total": outcome.uses_total,
            "uses_are_more": outcome.uses_are_more,
        }));
    }
    print(&outcome)?;
    match outcome.matched {
        NameMatch::Exact => {}
        NameMatch::Nothing => output::line(format!(
            "nothing is called \"{}\" in project {}, nor nearly so",
            arguments.name,
            project.name.as_str()
        ))?,
        matched => output::notice(format!(
            "nothing is called exactly \"{}\": found by {}",
            arguments.name,
            how(matched)
        )),
    }
    output::notice(format!("answered in {took_ms:.0} ms; {}", freshness.sentence()));
    Ok(())
}

fn how(matched: NameMatch) -> &'static str {
    match matched {
        NameMatch::Spelling => "its letters, case and underscores aside",
        NameMatch::Prefix => "its beginning",
        NameMatch::Words => "its words",
        NameMatch::Exact | NameMatch::Close | NameMatch::Nothing => "names close to it",
    }
}

fn print(outcome: &SymbolOutcome) -> Result<()> {
    for found in &outcome.definitions {
        output::line(output::printable(&format!(
            "{}:{}-{}  {} {}",
            found.path, found.opening_line, found.end_line, found.kind, found.name
        )))?;
        output::line(output::printable(&format!("      {}", found.signature)))?;
        if !found.also_in.is_empty() {
            let roots: Vec<&str> = found
                .also_in
                .iter()
                .map(|place| place.repository_root.as_str())
                .collect();
            output::line(output::printable(&format!("      also in {}", roots.join(", "))))?;
        }
    }
    let left = outcome.definitions_total - outcome.definitions.len();
    if left > 0 {
        output::line(format!("… and {left} more definitions"))?;
    }
    if outcome.uses.is_empty() {
        return Ok(());
    }
    let more = if outcome.uses_are_more { " or more" } else { "" };
    output::line(format!("used on {}{more} lines:", outcome.uses_total))?;
    for found in &outcome.uses {
        let inside = found
            .enclosing
            .as_deref()
            .map(|name| format!("  in {name}"))
            .unwrap_or_default();
        output::line(output::printable(&format!("{}:{}{inside}", found.path, found.line)))?;
        output::line(output::printable(&format!("      {}", found.text)))?;
    }
    Ok(())
}

fn describe_definition(found: &SymbolDefinition) -> Value {
    let mut described = json!({
        "repository": found.repository_root,
        "path": found.path,
        "start_line": found.start_line,
        "line": found.opening_line,
        "end_line": found.end_line,
        "language": found.language,
        "name": found.name,
        "kind": found.kind.as_str(),
        "signature": found.signature,
    });
    if !found.also_in.is_empty() {
        let copies = found.also_in.iter().map(|place| {
            json!({
                "repository": place.repository_root,
                "path": place.path,
                "start_line": place.start_line,
                "end_line": place.end_line,
            })
        });
        described["also_in"] = copies.collect();
    }
    described
}

fn describe_use(found: &SymbolUse) -> Value {
    json!({
        "repository": found.repository_root,
        "path": found.path,
        "line": found.line,
        "language": found.language,
        "role": found.role.as_str(),
        "enclosing": found.enclosing,
        "text": found.text,
    })
}
