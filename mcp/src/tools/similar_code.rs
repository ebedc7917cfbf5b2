//! `similar_code`: code like a hit, or like a snippet that the caller has.

use quarry_codebase::{SimilarRequest, SimilarTo};
use quarry_embedding::Purpose;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cursor::Question;
use super::fit_hits::{Detail, FoundCode, fit, parse_reference};
use super::search_code::{BYTES_PER_TOKEN, DEFAULT_MAX_TOKENS};
use crate::call::Call;
use crate::changed_on_disk::changed_files;
use crate::plain_schema::plain;
use crate::snippet::visible;
use crate::tool_error::ToolError;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct SimilarCode {
    /// A hit's ref; or give snippet.
    #[serde(rename = "ref")]
    reference: Option<String>,
    /// Code to compare with.
    snippet: Option<String>,
    project: Option<String>,
    /// As src/**/*.rs.
    path_glob: Option<String>,
    /// As rust.
    language: Option<String>,
    /// Default 5.
    #[schemars(range(min = 1, max = 50))]
    limit: Option<u32>,
    /// A next_cursor.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct SimilarHits {
    project: String,
    hits: Vec<FoundCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

pub(crate) async fn similar_code(call: &Call<'_>, arguments: SimilarCode) -> Result<SimilarHits, ToolError> {
    if arguments.reference.is_some() == arguments.snippet.is_some() {
        return Err(ToolError::new("give either ref (from search_code) or snippet"));
    }
    let question = question(&arguments);
    let [offset] = question.shown_before(arguments.cursor.as_deref())?;
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let _turn = call.backend.turn().await;
    let mut notes = Vec::new();
    let mut query_model = None;
    let (to, query_vector) = match arguments.reference {
        Some(reference) => {
            let (chunk, _) = parse_reference(&reference)
                .ok_or_else(|| ToolError::new("ref is not one of search_code's: search again, or give snippet"))?;
            (SimilarTo::Chunk(chunk), None)
        }
        None => {
            let snippet = arguments.snippet.unwrap_or_default();
            query_model = call.backend.model(&project, &database).await?;
            let asked = call
                .backend
                .search_vector(query_model.as_deref(), Purpose::Document, &snippet);
            let vector = asked.await;
            let vector = vector.map_err(|reason| notes.push(visible(&reason))).ok();
            (SimilarTo::Text(snippet), vector)
        }
    };
    let request = SimilarRequest {
        query_vector,
        query_model,
        path_glob: arguments.path_glob,
        language: arguments.language,
        limit: arguments.limit.unwrap_or(5),
        offset,
        ..SimilarRequest::new(to)
    };
    let outcome = quarry_codebase::similar(&database, &request).await?;
    if notes.is_empty() {
        notes.extend(outcome.degraded.iter().map(ToString::to_string));
    }
    if outcome.hits.is_empty() {
        notes.push("nothing in the index is like it".to_owned());
    }
    let found = outcome.hits.len();
    let changed = changed_files(call.backend, &database, &outcome.hits).await?;
    let budget = DEFAULT_MAX_TOKENS as usize * BYTES_PER_TOKEN;
    let hits = fit(outcome.hits, &changed, &[], budget, Detail::Short);
    let shown = u32::try_from(hits.len()).expect("an answer has at most 50 hits");
    Ok(SimilarHits {
        project: project.name.as_str().to_owned(),
        next_cursor: (outcome.more || hits.len() < found).then(|| question.cursor([offset + shown])),
        hits,
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    })
}

fn question(arguments: &SimilarCode) -> Question {
    let SimilarCode {
        reference,
        snippet,
        project,
        path_glob,
        language,
        ..
    } = arguments;
    Question::new("similar_code", &(reference, snippet, project, path_glob, language))
}
