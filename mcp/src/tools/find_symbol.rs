//! `find_symbol`: where a name is defined, then where it is used, from what the index knows of names.

use quarry_codebase::{NameMatch, SymbolDefinition, SymbolKind, SymbolRequest, SymbolUse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::repository_named::repository_named;
use super::search_code::Index;
use crate::call::Call;
use crate::plain_schema::plain;
use crate::snippet::visible;
use crate::tool_error::ToolError;

const DEFAULT_LIMIT: u32 = 10;

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
    /// Definitions, and as many uses; default 10.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct FoundSymbol {
    project: String,
    definitions: Vec<FoundDefinition>,
    uses: Vec<FoundUse>,
    index: Index,
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
    let limit = arguments.limit.unwrap_or(DEFAULT_LIMIT);
    let request = SymbolRequest {
        kind,
        repository_ids: repository.into_iter().collect(),
        path_glob: arguments.path_glob,
        language: arguments.language,
        limit,
        uses_limit: limit,
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
    let left_out = |total: usize, shown: usize, of: &str, more: bool| {
        let at_least = if more { "at least " } else { "" };
        (total > shown || more)
            .then(|| format!("{shown} of {at_least}{total} {of}: raise limit or narrow with path_glob"))
    };
    notes.extend(left_out(
        outcome.definitions_total,
        outcome.definitions.len(),
        "definitions",
        false,
    ));
    notes.extend(left_out(
        outcome.uses_total,
        outcome.uses.len(),
        "uses",
        outcome.uses_are_more,
    ));
    let roots = outcome.definitions.iter().map(|found| found.repository_id);
    let mut roots: Vec<_> = roots
        .chain(outcome.uses.iter().map(|found| found.repository_id))
        .collect();
    roots.sort_unstable();
    roots.dedup();
    let several = roots.len() > 1;
    Ok(FoundSymbol {
        project: project.name.as_str().to_owned(),
        definitions: outcome
            .definitions
            .iter()
            .map(|found| definition(found, several))
            .collect(),
        uses: outcome.uses.iter().map(|found| use_of(found, several)).collect(),
        index: freshness.into(),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
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
