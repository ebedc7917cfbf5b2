//! `get_code`: the stored text of a hit or of lines of a file, and whether the file on disk differs by now.

use std::path::PathBuf;
use std::time::Duration;

use quarry_codebase::{CodebaseError, Repository, StoredLines};
use quarry_registry::PgPool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::fit_hits::parse_reference;
use super::repository_named::repository_named;
use super::search_code::short_commit;
use crate::backend::Backend;
use crate::call::Call;
use crate::on_disk::{self, IndexedFile};
use crate::plain_schema::plain;
use crate::snippet::{cut, visible};
use crate::tool_error::ToolError;

/// About 13 000 tokens. Claude Code replaces results of more than 25 000 by an error.
const MAX_BYTES: usize = 40_000;

/// A disk that takes longer (a network that is away) leaves the question open.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct GetCode {
    /// A hit's ref; or give path.
    #[serde(rename = "ref")]
    reference: Option<String>,
    /// Relative to the repository.
    path: Option<String>,
    /// From 1; default: the whole file.
    #[schemars(range(min = 1))]
    start_line: Option<u32>,
    /// Inclusive.
    #[schemars(range(min = 1))]
    end_line: Option<u32>,
    /// Lines before and after.
    #[schemars(range(min = 0, max = 200))]
    context_lines: Option<u32>,
    /// Needed with path if there are several.
    repository: Option<String>,
    project: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct CodeText {
    project: String,
    path: String,
    /// First and last line, from 1.
    lines: String,
    total_lines: u32,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    /// Whether the file on disk differs from the indexed text; absent when this machine cannot see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_since_index: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

pub(crate) async fn get_code(call: &Call<'_>, arguments: GetCode) -> Result<CodeText, ToolError> {
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let place = find_place(&database, &arguments).await?;
    let repository = quarry_codebase::find_repository(&database, place.repository_id).await?;
    let context = arguments.context_lines.unwrap_or(0);
    let lines = place
        .lines
        .map(|(first, last)| (first.saturating_sub(context).max(1), last.saturating_add(context)));
    let stored = quarry_codebase::read_lines(&database, repository.id, &place.path, lines).await?;
    let changed_since_index = differs_on_disk(call.backend, &repository, &stored).await?;
    let shown = shown_part(&stored);
    Ok(CodeText {
        project: project.name.as_str().to_owned(),
        path: visible(&stored.path),
        lines: format!("{}-{}", stored.start_line, shown.last_line),
        total_lines: stored.total_lines,
        text: visible(shown.text),
        commit: repository.git.and_then(|git| git.commit).map(short_commit),
        changed_since_index,
        note: shown.note,
    })
}

/// The text of a file or of some of its lines, for who has its address.
pub(crate) async fn code_text(
    call: &Call<'_>,
    project: &str,
    repository: &str,
    path: &str,
    lines: Option<(u32, u32)>,
) -> Result<String, ToolError> {
    let (_, database) = call.project(Some(project)).await?;
    let repository_id = repository_named(&database, repository).await?;
    let stored = quarry_codebase::read_lines(&database, repository_id, path, lines).await?;
    Ok(visible(shown_part(&stored).text))
}

struct Shown<'a> {
    text: &'a str,
    last_line: u32,
    note: Option<String>,
}

fn shown_part(stored: &StoredLines) -> Shown<'_> {
    let (text, was_cut) = cut(&stored.text, MAX_BYTES);
    if !was_cut {
        return Shown {
            text,
            last_line: stored.end_line,
            note: None,
        };
    }
    let lines = u32::try_from(text.lines().count()).expect("the bytes of an answer are fewer");
    let last_line = stored.start_line + lines.saturating_sub(1);
    let note = if text.ends_with('\n') {
        format!("cut to fit: ask for start_line {} to go on", last_line + 1)
    } else {
        format!(
            "line {last_line} is longer than an answer can be and was cut; start_line {} goes on behind it",
            last_line + 1
        )
    };
    Shown {
        text,
        last_line,
        note: Some(note),
    }
}

struct Place {
    repository_id: Uuid,
    path: String,
    lines: Option<(u32, u32)>,
}

async fn find_place(database: &PgPool, arguments: &GetCode) -> Result<Place, ToolError> {
    match (&arguments.reference, &arguments.path) {
        (Some(_), None) if arguments.start_line.is_some() || arguments.end_line.is_some() => Err(ToolError::new(
            "start_line and end_line go with path; with ref use context_lines for more around it",
        )),
        (Some(reference), None) => {
            let (id, lines) = parse_reference(reference)
                .ok_or_else(|| ToolError::new("ref is not one of search_code's: search again, or give path"))?;
            let chunk = match quarry_codebase::chunk_by_id(database, id).await {
                Err(CodebaseError::NotFound { .. }) => {
                    return Err(ToolError::new(
                        "nothing in this project has this ref; the code may have been indexed anew since the search: \
                         search again, or give path and lines",
                    ));
                }
                found => found?,
            };
            Ok(Place {
                repository_id: chunk.repository_id,
                path: chunk.path,
                lines: Some(lines),
            })
        }
        (None, Some(path)) => {
            let repository_id = match &arguments.repository {
                Some(named) => repository_named(database, named).await?,
                None => only_repository(database).await?,
            };
            let lines = match (arguments.start_line, arguments.end_line) {
                (None, None) => None,
                (first, last) => Some((first.unwrap_or(1), last.unwrap_or(u32::MAX))),
            };
            Ok(Place {
                repository_id,
                path: path.clone(),
                lines,
            })
        }
        _ => Err(ToolError::new("give either ref (from search_code) or path, not both")),
    }
}

async fn only_repository(database: &PgPool) -> Result<Uuid, ToolError> {
    let repositories = quarry_codebase::repositories(database).await?;
    match repositories.as_slice() {
        [only] => Ok(only.id),
        [] => Err(ToolError::new(
            "nothing is indexed in this project: call index_repository first",
        )),
        _ => Err(ToolError::new(
            "the project has several repositories: name one in `repository`; list_projects shows them",
        )),
    }
}

/// `None` where this machine cannot tell.
async fn differs_on_disk(
    backend: &Backend,
    repository: &Repository,
    stored: &StoredLines,
) -> Result<Option<bool>, ToolError> {
    if repository.host != backend.host()? {
        return Ok(None);
    }
    let (root, path) = (PathBuf::from(&repository.root), stored.path.clone());
    let max_bytes = backend.config.max_file_bytes();
    let indexed = IndexedFile {
        content_hash: stored.content_hash,
        stamp: None,
    };
    let looked = tokio::task::spawn_blocking(move || on_disk::differs(&root, &path, indexed, max_bytes));
    Ok(tokio::time::timeout(LOOK_WITHIN, looked)
        .await
        .ok()
        .and_then(Result::ok)
        .flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(text: String) -> StoredLines {
        StoredLines {
            path: "a.rs".to_owned(),
            start_line: 11,
            end_line: 10_010,
            total_lines: 10_010,
            text,
            language: None,
            content_hash: [0; 32],
            indexed_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_long_file_is_cut_and_says_where_to_go_on() {
        let file = stored("0123456789\n".repeat(10_000));
        let shown = shown_part(&file);
        let lines = u32::try_from(shown.text.lines().count()).expect("few lines");
        assert!(shown.text.len() <= MAX_BYTES && shown.text.ends_with('\n'));
        assert_eq!(shown.last_line, 10 + lines);
        assert_eq!(
            shown.note,
            Some(format!("cut to fit: ask for start_line {} to go on", 11 + lines))
        );
    }

    #[test]
    fn a_line_longer_than_an_answer_says_so() {
        let file = stored("x".repeat(MAX_BYTES + 1) + "\nnext\n");
        let shown = shown_part(&file);
        assert_eq!(shown.last_line, 11);
        assert!(
            shown
                .note
                .is_some_and(|note| note.contains("line 11 is longer") && note.contains("start_line 12"))
        );
    }
}
