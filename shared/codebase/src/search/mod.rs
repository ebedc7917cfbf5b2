//! Answers a query: what is asked, which chunks may answer it by their words and by their meaning, in which order, and what
//! of them is shown. One search reads one consistent state of the project. Never waits for a publication, never embeds.

mod answer;
mod asked_language;
mod candidates;
mod copies;
mod explanation;
mod fusion;
mod judge;
mod other_texts;
mod outcome;
mod path_filter;
mod path_role;
mod pattern;
mod query_token;
mod ranking;
mod request;
mod run;
mod similar;
mod understand;
mod vectors;
mod weights;

pub use explanation::{Correction, Explanation, Standing};
pub use other_texts::fuse_question;
pub use outcome::{CandidateCounts, Degraded, Elsewhere, Hit, SearchOutcome, SearchTimings, VectorScan};
pub(crate) use path_filter::allowed_files;
pub(crate) use path_role::{PathRole, role_of};
pub use request::{MAX_LIMIT, MAX_TEXT_BYTES, SearchMode, SearchRequest};
pub use run::search;
pub(crate) use run::{configure, repository_filter};
pub use similar::{SimilarOutcome, SimilarRequest, SimilarTo, similar};
pub use weights::Weights;
