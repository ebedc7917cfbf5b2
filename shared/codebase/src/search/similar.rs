//! Code like a given piece of code: a chunk, some lines of an indexed file, or a pasted snippet. Nearest vectors and shared
//! words give candidates; how much of both texts is the same words, and how near their vectors are, gives the order.
//! Names, paths and roles play no part, unlike in a search: a copy in a test is a copy.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use pgvector::HalfVector;
use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::answer::answer;
use super::candidates::{Candidate, fetch_candidates};
use super::copies::{Distinct, alone, merge_copies};
use super::explanation::Explanation;
use super::outcome::{Degraded, Hit};
use super::path_filter::allowed_files;
use super::ranking::Ranked;
use super::request::{MAX_TEXT_BYTES, SearchMode, SearchRequest};
use super::run::{configure, repository_filter, usable_vector};
use super::vectors::{Nearest, nearest};
use crate::CodebaseError;
use crate::half_vector::single_precision;
use crate::lexical::{self, QueryTerms, Scored};
use crate::tokenize::TermMaker;

/// Terms looked up: the longest, which are the rarest. More would only read more postings.
const MOST_TERMS: usize = 48;

/// Candidates by words.
const LEXICAL_CANDIDATES: usize = 100;

/// What is less alike has nothing in common but the language.
const LEAST_SCORE: f32 = 0.2;

/// What something should be similar to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimilarTo {
    /// A chunk, as a hit names it.
    Chunk(Uuid),
    /// Lines of an indexed file, from 1, inclusive.
    Lines {
        /// The file's repository.
        repository_id: Uuid,
        /// The file, relative to the repository's root.
        path: String,
        /// First line.
        start_line: u32,
        /// Last line.
        end_line: u32,
    },
    /// A snippet. Give its vector with the request.
    Text(String),
}

/// A piece of code and where to look for others like it.
#[derive(Clone, Debug)]
pub struct SimilarRequest {
    /// The piece of code.
    pub to: SimilarTo,
    /// The vector of a snippet, made by the project's model; without one only words count. Not needed for what is indexed.
    pub query_vector: Option<Vec<f32>>,
    /// The model that made it, to compare with the one whose vectors are stored by then; none trusts the caller.
    pub query_model: Option<String>,
    /// Only these repositories; empty = all of the project's.
    pub repository_ids: Vec<Uuid>,
    /// Only files whose path matches, as in a search.
    pub path_glob: Option<String>,
    /// Only files of this language, as `rust`.
    pub language: Option<String>,
    /// How many hits to return, 1 to 100.
    pub limit: u32,
    /// How many hits to skip.
    pub offset: u32,
}

impl SimilarRequest {
    /// Ten hits, anywhere.
    pub fn new(to: SimilarTo) -> SimilarRequest {
        SimilarRequest {
            to,
            query_vector: None,
            query_model: None,
            repository_ids: Vec::new(),
            path_glob: None,
            language: None,
            limit: 10,
            offset: 0,
        }
    }
}

/// Code like the given one.
#[derive(Clone, Debug)]
pub struct SimilarOutcome {
    /// Most alike first; a score of 1 is the same text. The given lines themselves are not among them.
    pub hits: Vec<Hit>,
    /// Whether there are hits beyond these.
    pub more: bool,
    /// Why this is not the best answer; empty when it is.
    pub degraded: Vec<Degraded>,
}

/// Finds code like the given one.
///
/// # Errors
/// [`CodebaseError::NotFound`] when the chunk or file is not in the index; [`CodebaseError::InvalidQuery`] says what to
/// correct; [`CodebaseError::Database`] when Postgres failed.
pub async fn similar(pool: &PgPool, request: &SimilarRequest) -> Result<SimilarOutcome, CodebaseError> {
    let mut transaction = pool
        .begin_with("begin isolation level repeatable read read only")
        .await?;
    let outcome = similar_in(&mut transaction, request).await?;
    transaction.commit().await?;
    Ok(outcome)
}

/// The given piece of code.
#[derive(Debug, Default)]
struct Source {
    text: String,
    vector: Option<Vec<f32>>,
    /// Where it stands.
    place: Option<(Uuid, String, RangeInclusive<u32>)>,
}

async fn similar_in(connection: &mut PgConnection, request: &SimilarRequest) -> Result<SimilarOutcome, CodebaseError> {
    configure(connection).await?;
    let mut source = source(connection, request).await?;
    if source.text.trim().is_empty() {
        let reason = "there is no code in what was given: give a snippet, or lines that are not blank";
        return Err(CodebaseError::InvalidQuery(reason.to_owned()));
    }
    source.text.truncate(source.text.floor_char_boundary(MAX_TEXT_BYTES));
    let filters = SearchRequest {
        query_vector: source.vector.take(),
        query_model: request.query_model.clone(),
        repository_ids: request.repository_ids.clone(),
        path_glob: request.path_glob.clone(),
        language: request.language.clone(),
        limit: request.limit,
        offset: request.offset,
        mode: SearchMode::Hybrid,
        ..SearchRequest::new(&source.text)
    };
    filters.check()?;
    let (vector, degraded) = usable_vector(connection, &filters).await?;
    let repository_ids = repository_filter(connection, &filters.repository_ids).await?;
    let snapshot = lexical::load_snapshot(connection, repository_ids).await?;
    let allowed = allowed_files(connection, &filters, repository_ids).await?;
    let nearest = match vector {
        Some(vector) => nearest(connection, vector, allowed.as_ref(), snapshot.live_chunks).await?,
        None => Nearest::default(),
    };
    let allowed_ids = allowed.as_ref().map(|allowed| &allowed.ids);
    let near: FxHashSet<i64> = nearest.numbers.iter().copied().collect();
    let term_maker = TermMaker::new();
    let words = word_counts(&term_maker, &source.text);
    let terms = QueryTerms {
        scored: worth_looking_up(&words),
        ..QueryTerms::default()
    };
    let found = lexical::score_chunks(connection, &snapshot, &terms, allowed_ids, LEXICAL_CANDIDATES, &near).await?;
    let is_allowed = |scored: &Scored| allowed_ids.is_none_or(|allowed| allowed.contains(&scored.file_id));
    let scored: FxHashMap<i64, Scored> = found
        .best
        .into_iter()
        .chain(found.also.into_values())
        .filter(is_allowed)
        .map(|scored| (scored.number, scored))
        .collect();
    let mut candidates = fetch_candidates(connection, &scored, vector, &[], None).await?;
    candidates.retain(|candidate| !source.is_at(candidate));
    let texts = texts_of(connection, &candidates).await?;
    let mut ranked: Vec<Ranked> = candidates
        .into_iter()
        .map(|candidate| {
            let text = texts.get(&candidate.number).map_or("", String::as_str);
            let shared = shared_words(&words, &word_counts(&term_maker, text));
            let score = match candidate.cosine {
                Some(cosine) => f32::midpoint(cosine.max(0.0), shared),
                None => shared,
            };
            let explanation = Explanation {
                words: shared,
                cosine: candidate.cosine,
                fused: score,
                ..Explanation::default()
            };
            Ranked {
                candidate,
                score,
                explanation,
            }
        })
        .filter(|ranked| ranked.score >= LEAST_SCORE)
        .collect();
    ranked.sort_by(most_alike_first);
    let distinct: Vec<Distinct> = if request.repository_ids.is_empty() {
        merge_copies(ranked)
    } else {
        ranked.into_iter().map(alone).collect()
    };
    let (hits, more) = answer(connection, distinct, request.offset as usize, request.limit as usize).await?;
    Ok(SimilarOutcome { hits, more, degraded })
}

/// Ties go by place, so that equal trees give equal answers.
fn most_alike_first(one: &Ranked, other: &Ranked) -> Ordering {
    let place = |ranked: &Ranked| {
        let candidate = &ranked.candidate;
        (candidate.path.clone(), candidate.start_line, candidate.repository_id)
    };
    other
        .score
        .total_cmp(&one.score)
        .then_with(|| place(one).cmp(&place(other)))
}

impl Source {
    fn is_at(&self, candidate: &Candidate) -> bool {
        self.place.as_ref().is_some_and(|(repository_id, path, lines)| {
            candidate.repository_id == *repository_id
                && candidate.path == *path
                && candidate.start_line <= *lines.end()
                && candidate.end_line >= *lines.start()
        })
    }
}

async fn source(connection: &mut PgConnection, request: &SimilarRequest) -> Result<Source, CodebaseError> {
    match &request.to {
        SimilarTo::Text(text) => Ok(Source {
            text: text.clone(),
            vector: request.query_vector.clone(),
            place: None,
        }),
        SimilarTo::Chunk(id) => {
            let row = sqlx::query!(
                r#"select repository_id, file_path, start_line, end_line, content, embedding as "embedding: HalfVector"
                   from codebase.code_chunks
                   where id = $1"#,
                id
            )
            .fetch_optional(connection)
            .await?
            .ok_or_else(|| CodebaseError::NotFound {
                what: "chunk",
                name: id.to_string(),
            })?;
            Ok(Source {
                text: row.content,
                vector: row.embedding.as_ref().map(single_precision),
                place: Some((
                    row.repository_id,
                    row.file_path,
                    line(row.start_line)..=line(row.end_line),
                )),
            })
        }
        SimilarTo::Lines {
            repository_id,
            path,
            start_line,
            end_line,
        } => lines_of(connection, *repository_id, path, *start_line..=*end_line).await,
    }
}

/// The text of these lines; their vector is the mean of the chunks they are in.
async fn lines_of(
    connection: &mut PgConnection,
    repository_id: Uuid,
    path: &str,
    lines: RangeInclusive<u32>,
) -> Result<Source, CodebaseError> {
    let rows = sqlx::query!(
        r#"select start_line, content, embedding as "embedding: HalfVector"
           from codebase.code_chunks
           where repository_id = $1 and file_path = $2 and start_line <= $4 and end_line >= $3
           order by start_line, number"#,
        repository_id,
        path,
        i32::try_from(*lines.start()).unwrap_or(i32::MAX),
        i32::try_from(*lines.end()).unwrap_or(i32::MAX)
    )
    .fetch_all(&mut *connection)
    .await?;
    if rows.is_empty() {
        let exists = sqlx::query_scalar!(
            r#"select exists (select from codebase.files where repository_id = $1 and path = $2) as "exists!""#,
            repository_id,
            path
        )
        .fetch_one(&mut *connection)
        .await?;
        if !exists {
            return Err(crate::read_lines::not_indexed(connection, repository_id, path).await?);
        }
        let (start, end) = lines.into_inner();
        let reason = format!("lines {start}-{end} of {path} hold no code: ask for others");
        return Err(CodebaseError::InvalidQuery(reason));
    }
    let mut source = Source::default();
    let mut sum: Vec<f32> = Vec::new();
    for row in rows {
        for (number, text) in (line(row.start_line)..).zip(row.content.split_inclusive('\n')) {
            if lines.contains(&number) {
                source.text.push_str(text);
            }
        }
        if let Some(vector) = row.embedding.as_ref().map(single_precision) {
            sum.resize(vector.len(), 0.0);
            for (total, value) in sum.iter_mut().zip(vector) {
                *total += value;
            }
        }
    }
    source.vector = (!sum.is_empty()).then_some(sum);
    source.place = Some((repository_id, path.to_owned(), lines));
    Ok(source)
}

async fn texts_of(
    connection: &mut PgConnection,
    candidates: &[Candidate],
) -> Result<FxHashMap<i64, String>, CodebaseError> {
    let numbers: Vec<i64> = candidates.iter().map(|candidate| candidate.number).collect();
    let rows = sqlx::query!(
        "select number, content from codebase.code_chunks where number = any($1)",
        &numbers
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.number, row.content)).collect())
}

fn line(stored: i32) -> u32 {
    super::candidates::line(stored)
}

type WordCounts = FxHashMap<String, u32>;

fn word_counts(term_maker: &TermMaker, text: &str) -> WordCounts {
    let mut counts = WordCounts::default();
    for term in term_maker.terms_of_text(text) {
        *counts.entry(term).or_default() += 1;
    }
    counts
}

fn worth_looking_up(words: &WordCounts) -> Vec<(String, f32)> {
    let mut terms: Vec<&String> = words.keys().collect();
    terms.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    terms
        .into_iter()
        .take(MOST_TERMS)
        .map(|term| (term.clone(), 1.0))
        .collect()
}

/// The part of the words of both texts that they share (Dice), from 0 to 1.
#[allow(clippy::cast_precision_loss)] // counts of words of some pages
fn shared_words(one: &WordCounts, other: &WordCounts) -> f32 {
    let all: u32 = one.values().sum::<u32>() + other.values().sum::<u32>();
    let shared: u32 = one
        .iter()
        .map(|(word, count)| *count.min(other.get(word).unwrap_or(&0)))
        .sum();
    if all == 0 {
        0.0
    } else {
        2.0 * shared as f32 / all as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_words_are_counted_as_often_as_both_have_them() {
        let maker = TermMaker::new();
        let shared = |one: &str, other: &str| shared_words(&word_counts(&maker, one), &word_counts(&maker, other));
        assert!((shared("parse line", "line parse") - 1.0).abs() < 1e-6);
        assert!((shared("parse parse", "parse") - 2.0 / 3.0).abs() < 1e-6);
        assert!(shared("parse", "render").abs() < 1e-6);
        assert!(shared("", "").abs() < 1e-6);
    }
}
