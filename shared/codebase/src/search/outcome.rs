//! What a search returns: hits, how they were found, and everything that made the answer less than it could be.
//! Plain data; freshness of the index is the caller's to add.

use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use super::explanation::Explanation;

/// The answer to a query.
#[derive(Clone, Debug)]
pub struct SearchOutcome {
    /// Best first.
    pub hits: Vec<Hit>,
    /// Whether there are hits beyond these; ask again with a higher offset.
    pub more: bool,
    /// Why this is not the best answer; empty when it is.
    pub degraded: Vec<Degraded>,
    /// What was looked at.
    pub candidates: CandidateCounts,
    /// Where the time went.
    pub timings: SearchTimings,
}

/// A place in the code.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The chunk; of several neighbours that are shown together, the best.
    pub chunk_id: Uuid,
    /// Its repository.
    pub repository_id: Uuid,
    /// The repository's name.
    pub repository_name: String,
    /// The repository's directory on its machine.
    pub repository_root: String,
    /// The file, relative to that directory.
    pub path: String,
    /// The file's language, where it is known.
    pub language: Option<String>,
    /// The innermost definition around the first line of code.
    pub symbol: Option<String>,
    /// What kind of definition that is.
    pub symbol_kind: Option<String>,
    /// First line, from 1.
    pub start_line: u32,
    /// Last line, inclusive.
    pub end_line: u32,
    /// 0 to 1, comparable within one answer only. 0.9 and more: the asked symbol or path itself.
    pub score: f32,
    /// What each part of the search gave it.
    pub explanation: Explanation,
    /// The text of these lines.
    pub content: String,
    /// Other repositories of the project that hold the same text; empty when the search was for certain repositories.
    pub also_in: Vec<Elsewhere>,
}

/// Where the text of a hit stands once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The other repository.
    pub repository_id: Uuid,
    /// Its name.
    pub repository_name: String,
    /// Its directory on its machine.
    pub repository_root: String,
    /// The file, relative to that directory.
    pub path: String,
    /// First line there, from 1.
    pub start_line: u32,
    /// Last line there, inclusive.
    pub end_line: u32,
}

/// A reason why an answer is not the best one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Degraded {
    /// Words only: the query came without a vector.
    NoQueryVector,
    /// Words only: the query's vector is of another model.
    WrongDimension {
        /// The dimension of the stored vectors.
        stored: u32,
        /// The dimension of the query's.
        query: u32,
    },
    /// Words only: the project was switched to another model after the query got its vector. Ask again.
    OtherModel,
    /// Words only: no model is pinned, so no chunk has a vector.
    NoStoredVectors,
    /// The quoted text stands nowhere: answered by the rest of the query.
    NothingQuotedFound,
    /// Right but slow: every vector was compared, because no vector index stands yet.
    ExactScan {
        /// Chunks in the searched scope.
        chunks: u64,
    },
}

impl fmt::Display for Degraded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Degraded::NoQueryVector => formatter.write_str("lexical only: the query has no vector"),
            Degraded::WrongDimension { stored, query } => write!(
                formatter,
                "lexical only: the query's vector has {query} dimensions, the project stores {stored}"
            ),
            Degraded::OtherModel => {
                formatter.write_str("lexical only: the project has just been given another model, ask again")
            }
            Degraded::NoStoredVectors => formatter.write_str("lexical only: the project has no vectors yet"),
            Degraded::NothingQuotedFound => {
                formatter.write_str("the quoted text was not found: answered by the rest of the query")
            }
            Degraded::ExactScan { chunks } => {
                write!(
                    formatter,
                    "exact scan of {chunks} chunks: the vector index is not built yet"
                )
            }
        }
    }
}

/// How the vectors were searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VectorScan {
    /// Not at all.
    #[default]
    None,
    /// Every vector in the scope was compared.
    Exact,
    /// Through the ivfflat index.
    Index {
        /// Lists that were read.
        probes: i32,
    },
}

/// What a search looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CandidateCounts {
    /// Chunks in the searched repositories.
    pub chunks: u64,
    /// Files that the filters let through; `None` without such a filter.
    pub files_allowed: Option<u64>,
    /// Candidates by words.
    pub lexical: usize,
    /// Candidates by meaning.
    pub vector: usize,
    /// How those were found.
    pub scan: VectorScan,
    /// Terms of the query that were too common to be read beside the others.
    pub terms_left_out: usize,
}

/// Where the time of a search went.
#[derive(Clone, Copy, Debug, Default)]
pub struct SearchTimings {
    /// Filters and the state of the index.
    pub scope: Duration,
    /// Nearest vectors.
    pub vectors: Duration,
    /// Reading and scoring postings.
    pub lexical: Duration,
    /// Fetching candidates and hits, and ranking.
    pub ranking: Duration,
    /// All of it, the connection included.
    pub total: Duration,
}
