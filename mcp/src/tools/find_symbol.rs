//! `find_symbol`: where a name is defined, then where it is used, from what the index knows of names.

use quarry_codebase::{NameMatch, SymbolDefinition, SymbolKind, SymbolRequest, SymbolUse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cursor::Question;
use super::repository_named::repository_named;
use super::search_code::{BYTES_PER_TOKEN, DEFAULT_MAX_TOKENS, Index};
use crate::call::Call;
use crate::plain_schema::plain;
use crate::snippet::visible;
use crate::tool_error::ToolError;

const DEFAULT_LIMIT: u32 = 10;

/// What stands around the entries: project, freshness, cursor, note.
const BYTES_AROUND: usize = 500;

/// A head or a line beyond this is cut: the place is what counts.
const MOST_CHARACTERS: usize = 160;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct FindSymbol {
    /// As claim, Queue::claim or claim*.
    name: String,
    /// As function, class, type.
    kind: Option<String>,
    project: Option<String>,
    repository: Option<String>,
    /// As src/**/*.rs.
    path_glob: Option<String>,
    /// As rust.
    language: Option<String>,
    /// Of each; default 10.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// A next_cursor.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct FoundSymbol {
    project: String,
    definitions: Vec<FoundDefinition>,
    uses: Vec<FoundUse>,
    index: Index,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// What was left out, or how the name was found when nothing is called exactly so.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
struct FoundDefinition {
    #[serde(rename = "ref")]
    reference: String,
    path: String,
    lines: String,
    name: String,
    kind: String,
    signature: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
struct FoundUse {
    path: String,
    line: u32,
    /// The definition around it.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    enclosing: Option<String>,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
}

pub(crate) async fn find_symbol(call: &Call<'_>, arguments: FindSymbol) -> Result<FoundSymbol, ToolError> {
    let question = question(&arguments);
    let [offset, uses_offset] = question.shown_before(arguments.cursor.as_deref())?;
    let kind = match &arguments.kind {
        Some(kind) => Some(
            kind.parse::<SymbolKind>()
                .map_err(|error| ToolError::new(error.to_string()))?,
        ),
        None => None,
    };
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let repository = match &arguments.repository {
        Some(named) => Some(repository_named(&database, named).await?),
        None => None,
    };
    let _turn = call.backend.turn().await;
    let limit = arguments.limit.unwrap_or(DEFAULT_LIMIT);
    let request = SymbolRequest {
        kind,
        repository_ids: repository.into_iter().collect(),
        path_glob: arguments.path_glob,
        language: arguments.language,
        limit,
        offset,
        uses_limit: limit,
        uses_offset,
        ..SymbolRequest::new(arguments.name)
    };
    let outcome = quarry_codebase::find_symbol(&database, &request).await?;
    let freshness = call.backend.freshness(&project, &database, repository).await?;
    let mut notes = Vec::new();
    match outcome.matched {
        NameMatch::Exact => {}
        NameMatch::Nothing => {
            notes.push("nothing is called so, nor nearly so: search_code finds what it does".to_owned())
        }
        NameMatch::Spelling => {
            notes.push("nothing is called exactly so: these differ in case or underscores".to_owned())
        }
        NameMatch::Prefix => notes.push("nothing is called exactly so: these begin so".to_owned()),
        NameMatch::Words => notes.push("nothing is called exactly so: these hold its words".to_owned()),
        NameMatch::Close => notes.push("nothing is called exactly so: these come close".to_owned()),
    }
    let roots = outcome.definitions.iter().map(|found| found.repository_id);
    let mut roots: Vec<_> = roots
        .chain(outcome.uses.iter().map(|found| found.repository_id))
        .collect();
    roots.sort_unstable();
    roots.dedup();
    let several = roots.len() > 1;
    let mut room = DEFAULT_MAX_TOKENS as usize * BYTES_PER_TOKEN - BYTES_AROUND;
    let definitions = outcome.definitions.iter().map(|found| definition(found, several));
    let definitions = fitting(definitions, &mut room, true);
    let uses = outcome.uses.iter().map(|found| use_of(found, several));
    let uses = fitting(uses, &mut room, definitions.is_empty());
    let seen = [offset + count(&definitions), uses_offset + count(&uses)];
    let totals = [outcome.definitions_total, outcome.uses_total];
    notes.extend(left_out(offset, seen[0], totals[0], "definitions", false));
    notes.extend(left_out(uses_offset, seen[1], totals[1], "uses", outcome.uses_are_more));
    let is_whole = (0..2).all(|list| seen[list] as usize >= totals[list]);
    if !is_whole {
        notes.push("next_cursor goes on; path_glob, language or kind narrow".to_owned());
    }
    Ok(FoundSymbol {
        project: project.name.as_str().to_owned(),
        definitions,
        uses,
        index: freshness.into(),
        next_cursor: (!is_whole).then(|| question.cursor(seen)),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    })
}

fn question(arguments: &FindSymbol) -> Question {
    let FindSymbol {
        name,
        kind,
        project,
        repository,
        path_glob,
        language,
        ..
    } = arguments;
    Question::new("find_symbol", &(name, kind, project, repository, path_glob, language))
}

/// As many entries as there is room for, one in any case if the answer would have nothing else.
fn fitting<T: Serialize>(entries: impl Iterator<Item = T>, room: &mut usize, at_least_one: bool) -> Vec<T> {
    let mut shown = Vec::new();
    for entry in entries {
        let bytes = serde_json::to_string(&entry).map_or(0, |json| json.len() + 1);
        if bytes > *room && !(at_least_one && shown.is_empty()) {
            *room = 0;
            break;
        }
        *room = room.saturating_sub(bytes);
        shown.push(entry);
    }
    shown
}

fn count<T>(shown: &[T]) -> u32 {
    u32::try_from(shown.len()).expect("an answer has at most 100 of each")
}

/// Which of a list are shown, unless all of it is.
fn left_out(before: u32, seen: u32, total: usize, of: &str, are_more: bool) -> Option<String> {
    if before == 0 && seen as usize == total && !are_more {
        return None;
    }
    let at_least = if are_more { "at least " } else { "" };
    Some(match seen - before {
        0 => format!("none of {at_least}{total} {of}"),
        _ => format!("{} to {seen} of {at_least}{total} {of}", before + 1),
    })
}

fn definition(found: &SymbolDefinition, several: bool) -> FoundDefinition {
    FoundDefinition {
        reference: format!("{}:{}-{}", found.chunk_id.simple(), found.start_line, found.end_line),
        path: visible(&found.path),
        lines: format!("{}-{}", found.start_line, found.end_line),
        name: short(&found.name),
        kind: found.kind.to_string(),
        signature: short(&found.signature),
        repository: several.then(|| visible(&found.repository_root)),
    }
}

fn use_of(found: &SymbolUse, several: bool) -> FoundUse {
    FoundUse {
        path: visible(&found.path),
        line: found.line,
        enclosing: found.enclosing.as_deref().map(short),
        text: short(&found.text),
        repository: several.then(|| visible(&found.repository_root)),
    }
}

fn short(text: &str) -> String {
    let text = visible(text);
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
