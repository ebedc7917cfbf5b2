//! Fetches what ranking needs to know of the candidates, a few hundred rows without their text, in one statement.
//! Hands candidates to ranking. Checks the texts that must occur; never orders anything.

use pgvector::HalfVector;
use rustc_hash::FxHashMap;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::CodebaseError;
use crate::half_vector::stored_form;
use crate::lexical::Scored;
use crate::symbols::SymbolKind;

/// A chunk that may answer the query.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub number: i64,
    pub id: Uuid,
    pub repository_id: Uuid,
    pub path: String,
    pub language: Option<String>,
    pub symbol: Option<String>,
    pub symbol_kind: Option<SymbolKind>,
    pub defines: Vec<String>,
    pub start_line: u32,
    pub end_line: u32,
    /// Equal for equal texts.
    pub text_hash: Vec<u8>,
    pub bm25: f32,
    /// The part of the query's terms that it has, rare ones counting more.
    pub coverage: f32,
    pub cosine: Option<f32>,
    /// The text matches the asked pattern.
    pub matches_pattern: bool,
}

/// Fetches these chunks; `query_vector` adds their similarities, `phrases` drops those that lack one of them, and those that
/// match `pattern` are marked.
pub(crate) async fn fetch_candidates(
    connection: &mut PgConnection,
    scored: &FxHashMap<i64, Scored>,
    query_vector: Option<&[f32]>,
    phrases: &[String],
    pattern: Option<&str>,
) -> Result<Vec<Candidate>, CodebaseError> {
    let numbers: Vec<i64> = scored.keys().copied().collect();
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let query_vector = query_vector.map(stored_form);
    let rows = sqlx::query_file!(
        "queries/search_candidates.sql",
        &numbers,
        query_vector as Option<HalfVector>,
        phrases,
        pattern
    )
    .fetch_all(connection)
    .await?;
    let candidates = rows
        .into_iter()
        .map(|row| Candidate {
            number: row.number,
            id: row.id,
            repository_id: row.repository_id,
            path: row.file_path,
            language: row.language,
            symbol: row.symbol,
            symbol_kind: row.symbol_kind.and_then(|kind| kind.parse().ok()),
            defines: row.defines,
            start_line: line(row.start_line),
            end_line: line(row.end_line),
            text_hash: row.text_hash,
            bm25: scored.get(&row.number).map_or(0.0, |scored| scored.score),
            coverage: scored.get(&row.number).map_or(0.0, |scored| scored.coverage),
            cosine: row.distance.map(similarity),
            matches_pattern: row.matches_pattern,
        })
        .collect();
    Ok(candidates)
}

/// A line number as it is stored.
pub(crate) fn line(stored: i32) -> u32 {
    u32::try_from(stored).expect("a constraint keeps line numbers positive")
}

#[allow(clippy::cast_possible_truncation)] // a cosine: seven digits are plenty
fn similarity(distance: f64) -> f32 {
    (1.0 - distance) as f32
}

#[cfg(test)]
impl Candidate {
    /// A candidate of whose place alone something is known.
    pub(crate) fn at(path: &str, start_line: u32, end_line: u32) -> Candidate {
        Candidate {
            number: i64::from(start_line),
            id: Uuid::nil(),
            repository_id: Uuid::nil(),
            path: path.to_owned(),
            language: None,
            symbol: None,
            symbol_kind: None,
            defines: Vec::new(),
            start_line,
            end_line,
            text_hash: Vec::new(),
            bm25: 0.0,
            coverage: 0.0,
            cosine: None,
            matches_pattern: false,
        }
    }
}
