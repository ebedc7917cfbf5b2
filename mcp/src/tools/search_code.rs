//! `search_code`: what is asked for, by words and by vector where there is one, and how fresh the index is. Which hits have
//! room in the answer and what is shown of them is decided in fit_hits.rs.

use std::collections::BTreeMap;
use std::time::Duration;

use quarry_codebase::{Degraded, Freshness, SearchMode, SearchRequest};
use quarry_embedding::Purpose;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cursor::Question;
use super::fit_hits::{Detail, FoundCode, fit};
use super::get_job::LONGEST_WAIT_S;
use super::repository_named::repository_named;
use crate::call::Call;
use crate::changed_on_disk::changed_files;
use crate::freshen::freshen;
use crate::plain_schema::plain;
use crate::snippet::{telling_words, visible};
use crate::tool_error::ToolError;

/// The whole answer has about so many tokens unless the caller says otherwise.
pub(super) const DEFAULT_MAX_TOKENS: u32 = 1_500;

/// The same for a detailed one: about what ten whole functions have.
const DETAILED_MAX_TOKENS: u32 = 6_000;

/// Long enough for a comparison of a large tree and some files; the client waits meanwhile.
const DEFAULT_WAIT_S: u32 = 10;

/// Code in JSON has about this many bytes a token.
pub(super) const BYTES_PER_TOKEN: usize = 3;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct SearchCode {
    /// A question, words from the code, a symbol, a path, or "quoted text" that must occur.
    query: String,
    project: Option<String>,
    /// Its directory or name.
    repository: Option<String>,
    /// As src/**/*.rs.
    path_glob: Option<String>,
    /// As rust.
    language: Option<String>,
    /// Extension, as py.
    file_type: Option<String>,
    /// Default 10.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// A next_cursor.
    cursor: Option<String>,
    /// Default hybrid.
    mode: Option<Mode>,
    /// Default concise.
    response_format: Option<ResponseFormat>,
    /// Default 1500, detailed 6000.
    #[schemars(range(min = 200, max = 20_000))]
    max_tokens: Option<u32>,
    /// First index what was saved before this call.
    fresh: Option<bool>,
    /// Seconds fresh may take, default 10.
    #[schemars(range(min = 0, max = 30))]
    wait_s: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Hybrid,
    Semantic,
    Lexical,
    Symbol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ResponseFormat {
    Concise,
    Detailed,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct SearchResults {
    project: String,
    hits: Vec<FoundCode>,
    index: Index,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// What kept this from being the best answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// How fresh and complete the index is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(super) struct Index {
    /// fresh, pending, failed or empty.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    /// Seconds since it was compared with the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_s: Option<i64>,
    pending_files: u64,
    /// The files had changes that are not in the commit.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dirty: bool,
    /// Files left out by rule, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    skipped: BTreeMap<String, u64>,
    /// The first load is not finished: whole files are missing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
    /// The project is being embedded anew with this model, and answers from the vectors it had.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_model: Option<String>,
}

impl From<Freshness> for Index {
    fn from(freshness: Freshness) -> Index {
        Index {
            state: freshness.state.as_str().to_owned(),
            commit: freshness.commit.as_deref().map(short_commit),
            age_s: freshness.age_s,
            pending_files: freshness.pending_files,
            dirty: freshness.dirty == Some(true),
            skipped: freshness.skipped,
            partial: freshness.partial,
            next_model: freshness.next_model.map(|next| next.model),
        }
    }
}

pub(crate) async fn search_code(call: &Call<'_>, arguments: SearchCode) -> Result<SearchResults, ToolError> {
    let question = question(&arguments);
    let [offset] = question.shown_before(arguments.cursor.as_deref())?;
    let detailed = arguments.response_format == Some(ResponseFormat::Detailed);
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let repository = match &arguments.repository {
        Some(named) => Some(repository_named(&database, named).await?),
        None => None,
    };
    let mode = match arguments.mode {
        None | Some(Mode::Hybrid) => SearchMode::Hybrid,
        Some(Mode::Semantic) => SearchMode::Semantic,
        Some(Mode::Lexical) => SearchMode::Lexical,
        Some(Mode::Symbol) => SearchMode::Symbol,
    };
    let mut notes = Vec::new();
    if arguments.fresh == Some(true) {
        let limit = Duration::from_secs(arguments.wait_s.unwrap_or(DEFAULT_WAIT_S).min(LONGEST_WAIT_S).into());
        let mut repositories = quarry_codebase::repositories(&database).await?;
        repositories.retain(|candidate| repository.is_none_or(|id| candidate.id == id));
        let stale = freshen(call, &project, &repositories, limit).await?;
        notes.extend(stale.iter().map(|reason| visible(reason)));
    }
    let _turn = call.backend.turn().await;
    let words = telling_words(&arguments.query);
    let mut request = SearchRequest {
        repository_ids: repository.into_iter().collect(),
        path_glob: arguments.path_glob,
        language: arguments.language,
        file_type: arguments.file_type,
        limit: arguments.limit.unwrap_or(10),
        offset,
        mode,
        ..SearchRequest::new(arguments.query)
    };
    let outcome = loop {
        let mut why_no_vector = None;
        if matches!(mode, SearchMode::Hybrid | SearchMode::Semantic) {
            request.query_model = call.backend.model(&project, &database).await?;
            let asked = call
                .backend
                .search_vector(request.query_model.as_deref(), Purpose::Query, &request.text)
                .await;
            request.query_vector = asked.map_err(|reason| why_no_vector = Some(visible(&reason))).ok();
        }
        let outcome = quarry_codebase::search(&database, &request).await?;
        // The project was switched to another model between the two: that happens once.
        if !outcome.degraded.contains(&Degraded::OtherModel) {
            notes.extend(why_no_vector);
            break outcome;
        }
    };
    if request.query_vector.is_some() {
        notes.extend(outcome.degraded.iter().map(ToString::to_string));
    }
    let freshness = call.backend.freshness(&project, &database, repository).await?;
    let found = outcome.hits.len();
    if found == 0 {
        notes.push("nothing found: try other words or drop filters; list_projects shows what is indexed".to_owned());
    }
    let default_budget = if detailed {
        DETAILED_MAX_TOKENS
    } else {
        DEFAULT_MAX_TOKENS
    };
    let budget = arguments.max_tokens.unwrap_or(default_budget) as usize * BYTES_PER_TOKEN;
    let detail = if detailed { Detail::Full } else { Detail::Short };
    let changed = changed_files(call.backend, &database, &outcome.hits).await?;
    let hits = fit(outcome.hits, &changed, &words, budget, detail);
    let shown = u32::try_from(hits.len()).expect("an answer has at most 100 hits");
    Ok(SearchResults {
        project: project.name.as_str().to_owned(),
        next_cursor: (outcome.more || hits.len() < found).then(|| question.cursor([offset + shown])),
        hits,
        index: freshness.into(),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    })
}

fn question(arguments: &SearchCode) -> Question {
    let SearchCode {
        query,
        project,
        repository,
        path_glob,
        language,
        file_type,
        mode,
        ..
    } = arguments;
    let asked = (query, project, repository, path_glob, language, file_type, mode);
    Question::new("search_code", &asked)
}

/// Enough to find a commit by.
pub(super) fn short_commit(commit: impl AsRef<str>) -> String {
    commit.as_ref().chars().take(12).collect()
}
