//! What a caller asks for, and whether it can be asked at all. Knows no SQL and no ranking.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::weights::Weights;
use crate::CodebaseError;

/// The most hits of one answer. More do not help a reader; a narrower query does.
pub const MAX_LIMIT: u32 = 100;
/// The longest query in bytes: a pasted function fits, a file does not.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;
/// Hits beyond are not ranked: nobody pages so far, and every search would pay for it.
const MAX_RANKED: u32 = 300;

/// Which evidence counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SearchMode {
    /// Words and meaning together.
    #[default]
    Hybrid,
    /// Meaning only; words when there is no vector for the query.
    Semantic,
    /// Words only.
    Lexical,
    /// Definitions whose names match.
    Symbol,
}

impl fmt::Display for SearchMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            SearchMode::Hybrid => "hybrid",
            SearchMode::Semantic => "semantic",
            SearchMode::Lexical => "lexical",
            SearchMode::Symbol => "symbol",
        })
    }
}

impl FromStr for SearchMode {
    type Err = CodebaseError;

    fn from_str(name: &str) -> Result<SearchMode, CodebaseError> {
        Ok(match name {
            "hybrid" => SearchMode::Hybrid,
            "semantic" => SearchMode::Semantic,
            "lexical" => SearchMode::Lexical,
            "symbol" => SearchMode::Symbol,
            _ => {
                return Err(invalid(format!(
                    "there is no mode {name:?}: use hybrid, semantic, lexical or symbol"
                )));
            }
        })
    }
}

/// A query with its filters.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// What is asked: words, a question, a symbol, a path, or a text in double quotes that must occur.
    pub text: String,
    /// The query's vector, made by the project's model. Without one the answer is lexical and says so.
    pub query_vector: Option<Vec<f32>>,
    /// The model that made the vector: vectors of another one are not compared with it. None: the project's, for certain.
    pub query_model: Option<String>,
    /// The dimension that the caller believes the project's vectors to have; a vector of another one is not used.
    pub expected_dimensions: Option<u32>,
    /// Only these repositories; empty = all of the project's.
    pub repository_ids: Vec<Uuid>,
    /// Only files whose path from the repository's root matches. `*` stops at `/`, `**` does not; without any `/` the
    /// pattern is held against the file's name; a directory stands for all below it.
    pub path_glob: Option<String>,
    /// Only files of this language, as `rust`; case does not matter.
    pub language: Option<String>,
    /// Only files with this extension, with or without its dot; case does not matter.
    pub file_type: Option<String>,
    /// How many hits to return, 1 to [`MAX_LIMIT`].
    pub limit: u32,
    /// How many hits to skip, for the next page of the same query.
    pub offset: u32,
    /// Which evidence counts.
    pub mode: SearchMode,
    /// How much each kind of evidence counts; the defaults, except in an evaluation.
    pub weights: Weights,
}

impl SearchRequest {
    /// A hybrid query without a vector and without filters, for ten hits.
    pub fn new(text: impl Into<String>) -> SearchRequest {
        SearchRequest {
            text: text.into(),
            query_vector: None,
            query_model: None,
            expected_dimensions: None,
            repository_ids: Vec::new(),
            path_glob: None,
            language: None,
            file_type: None,
            limit: 10,
            offset: 0,
            mode: SearchMode::Hybrid,
            weights: Weights::default(),
        }
    }

    /// Refuses what cannot be answered, with what to do about it.
    pub(crate) fn check(&self) -> Result<(), CodebaseError> {
        if self.text.trim().is_empty() {
            return Err(invalid(
                "the query is empty: say what the code does, or name a symbol or a path".to_owned(),
            ));
        }
        if self.text.len() > MAX_TEXT_BYTES {
            return Err(invalid(format!(
                "the query has {} bytes: shorten it to {MAX_TEXT_BYTES}",
                self.text.len()
            )));
        }
        if !(1..=MAX_LIMIT).contains(&self.limit) {
            return Err(invalid(format!(
                "limit is {}: ask for 1 to {MAX_LIMIT} hits",
                self.limit
            )));
        }
        if self.offset > MAX_RANKED {
            return Err(invalid(format!(
                "offset is {}: only {MAX_RANKED} hits are ranked, narrow the query instead",
                self.offset
            )));
        }
        Ok(())
    }
}

pub(crate) fn invalid(reason: String) -> CodebaseError {
    CodebaseError::InvalidQuery(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_answered_is_refused_with_advice() {
        let ask = |change: fn(&mut SearchRequest)| {
            let mut request = SearchRequest::new("claim a job");
            change(&mut request);
            request.check().err().map(|error| error.to_string())
        };
        assert_eq!(ask(|_| ()), None);
        for (change, advice) in [
            (
                (|request| request.text = " \n".to_owned()) as fn(&mut SearchRequest),
                "say what the code does",
            ),
            (|request| request.text = "x".repeat(20_000), "shorten it"),
            (|request| request.limit = 0, "1 to 100"),
            (|request| request.limit = 101, "1 to 100"),
            (|request| request.offset = 5_000, "narrow the query"),
        ] {
            let refusal = ask(change).unwrap_or_default();
            assert!(refusal.contains(advice), "{refusal}");
        }
    }

    #[test]
    fn modes_are_spelled_as_they_are_shown() {
        for mode in [
            SearchMode::Hybrid,
            SearchMode::Semantic,
            SearchMode::Lexical,
            SearchMode::Symbol,
        ] {
            assert_eq!(mode.to_string().parse::<SearchMode>().ok(), Some(mode));
        }
        assert!("fuzzy".parse::<SearchMode>().is_err());
    }
}
