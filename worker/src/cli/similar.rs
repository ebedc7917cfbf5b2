//! `quarry similar PATH:LINES` and `quarry similar -`: code like some lines of an indexed file, or like a snippet on standard
//! input.

use std::io::Read as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use quarry_codebase::{SimilarRequest, SimilarTo, similar};
use quarry_embedding::Purpose;
use serde_json::json;

use super::changed_on_disk::changed_on_disk;
use super::indexed_file::indexed_file;
use super::output;
use super::project_model::stored_model;
use super::search::{describe, freshness, print};
use super::session::Session;
use super::wrong_usage::WrongUsage;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Lines of an indexed file, as `src/queue.rs:10-42` or `src/queue.rs`; `-`: a snippet on standard input
    #[arg(value_name = "PATH:LINES|-")]
    like: String,
    /// Project to look in [default: the project that holds the file, or the current directory]
    #[arg(long)]
    project: Option<String>,
    /// Number of results
    #[arg(short = 'k', long, default_value_t = 10)]
    limit: u32,
    /// Only files whose path matches, for example `src/**/*.rs`
    #[arg(long, value_name = "GLOB")]
    path: Option<String>,
    /// Only this language, for example `rust`
    #[arg(long)]
    language: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(session: &Session, arguments: Arguments) -> Result<()> {
    let registry = session.registry().await?;
    let mut notes = Vec::new();
    let (mut query_vector, mut query_model) = (None, None);
    let (project, to) = if arguments.like == "-" {
        let project = session.project(&registry, arguments.project.as_deref()).await?;
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("read the snippet from standard input")?;
        query_model = stored_model(&project, &registry.database(&project).await?).await?;
        let embedding = session.context(registry.clone())?.embedding;
        query_vector = embedding
            .search_vector(query_model.as_deref(), Purpose::Document, &text)
            .await
            .map_err(|reason| notes.push(reason))
            .ok();
        (project, SimilarTo::Text(text))
    } else {
        let (path, lines) = place_and_lines(&arguments.like)?;
        let file = indexed_file(session, &registry, Path::new(path), arguments.project.as_deref()).await?;
        let (start_line, end_line) = lines.unwrap_or((1, u32::MAX));
        let to = SimilarTo::Lines {
            repository_id: file.located.repository.id,
            path: file.path,
            start_line,
            end_line,
        };
        (file.located.project, to)
    };
    let database = registry.database(&project).await?;
    let request = SimilarRequest {
        query_vector,
        query_model,
        path_glob: arguments.path,
        language: arguments.language,
        limit: arguments.limit,
        ..SimilarRequest::new(to)
    };
    let started = Instant::now();
    let outcome = similar(&database, &request).await?;
    let took_ms = started.elapsed().as_secs_f64() * 1000.0;
    if notes.is_empty() {
        notes.extend(outcome.degraded.iter().map(ToString::to_string));
    }
    let freshness = freshness(&registry, &project, &database, None).await?;
    let changed = changed_on_disk(session, &database, &outcome.hits).await?;
    if arguments.json {
        return output::json(&json!({
            "project": project.name.as_str(),
            "took_ms": (took_ms * 10.0).round() / 10.0,
            "freshness": freshness,
            "degraded": notes,
            "results": outcome.hits.iter().map(|hit| describe(hit, &changed, false)).collect::<Vec<_>>(),
        }));
    }
    print(&outcome.hits, &changed, false)?;
    if outcome.hits.is_empty() {
        output::line("nothing in the index is like it")?;
    }
    for note in notes {
        output::notice(format!("note: {note}"));
    }
    output::notice(format!("answered in {took_ms:.0} ms; {}", freshness.sentence()));
    Ok(())
}

/// First and last.
type LineRange = (u32, u32);

/// `src/queue.rs:10-42`, `src/queue.rs:10` and `src/queue.rs`.
fn place_and_lines(text: &str) -> Result<(&str, Option<LineRange>), WrongUsage> {
    let Some((path, lines)) = text.rsplit_once(':') else {
        return Ok((text, None));
    };
    let numbers = lines.split_once('-').unwrap_or((lines, lines));
    match (numbers.0.parse(), numbers.1.parse()) {
        (Ok(start), Ok(end)) if 0 < start && start <= end => Ok((path, Some((start, end)))),
        _ => Err(WrongUsage(format!(
            "{lines:?} is not a range of lines: give it as in {path}:10-42"
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::place_and_lines;

    #[test]
    fn lines_are_read_as_they_are_written_everywhere() {
        assert_eq!(place_and_lines("a/b.rs:10-42").unwrap(), ("a/b.rs", Some((10, 42))));
        assert_eq!(place_and_lines("a/b.rs:7").unwrap(), ("a/b.rs", Some((7, 7))));
        assert_eq!(place_and_lines("a/b.rs").unwrap(), ("a/b.rs", None));
        for wrong in ["a:0-1", "a:9-3", "a:x", "a:-"] {
            assert!(place_and_lines(wrong).unwrap_err().to_string().contains("a:10-42"));
        }
    }
}
