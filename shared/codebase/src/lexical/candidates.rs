//! Reads the postings of a query's terms and hands `search` the best chunks, the definitions of asked names and the
//! files of asked names. Bounded: beyond a number of postings the commonest terms are left out, and the answer says so.

use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::PgConnection;

use super::score::{Scored, TermInSegment, score};
use super::snapshot::LexicalSnapshot;
use crate::CodebaseError;

/// About 4 ms of decoding and 1 MB from Postgres. A project below 40 000 chunks never reaches it with ten terms.
const MOST_POSTINGS: u64 = 400_000;
/// However common, the rarest terms are always read: a query of common words only must find something.
const TERMS_ALWAYS_READ: usize = 3;

/// What to look up.
#[derive(Clone, Debug, Default)]
pub(crate) struct QueryTerms {
    /// Distinct terms with their weights (1 = as in the query's text).
    pub scored: Vec<(String, f32)>,
    /// Definition markers of asked names.
    pub definitions: Vec<String>,
    /// File name and stem markers of asked paths.
    pub files: Vec<String>,
}

/// What was found; every chunk is live and in an allowed file.
#[derive(Debug, Default)]
pub(crate) struct LexicalCandidates {
    /// Best first.
    pub best: Vec<Scored>,
    /// The scores of the chunks that the caller asked for.
    pub also: FxHashMap<i64, Scored>,
    /// Chunks that define an asked name, best first.
    pub definitions: Vec<Scored>,
    /// The best chunk of every file with an asked name.
    pub files: Vec<Scored>,
    /// Terms that were too common to be read beside the others.
    pub terms_left_out: usize,
}

/// Scores the snapshot's chunks: the `count` best, and those in `also` whatever their score.
pub(crate) async fn score_chunks(
    connection: &mut PgConnection,
    snapshot: &LexicalSnapshot,
    terms: &QueryTerms,
    allowed: Option<&FxHashSet<i64>>,
    count: usize,
    also: &FxHashSet<i64>,
) -> Result<LexicalCandidates, CodebaseError> {
    let segment_ids: Vec<i64> = snapshot.segments.iter().map(|segment| segment.id).collect();
    let (kept, terms_left_out) = affordable_terms(connection, snapshot, &segment_ids, &terms.scored).await?;
    let wanted: Vec<&str> = kept
        .iter()
        .map(|(term, _)| *term)
        .chain(terms.definitions.iter().map(String::as_str))
        .chain(terms.files.iter().map(String::as_str))
        .collect();
    let definitions_from = kept.len();
    let files_from = definitions_from + terms.definitions.len();

    let mut read = read_postings_of(connection, &segment_ids, &wanted).await?;
    let markers: Vec<TermInSegment> = read.extract_if(.., |part| part.term >= definitions_from).collect();
    let weights: Vec<f32> = kept.iter().map(|&(_, weight)| weight).collect();
    let scores = score(snapshot, &weights, &mut read);

    let is_allowed = |scored: &Scored| allowed.is_none_or(|allowed| allowed.contains(&scored.file_id));
    let mut definitions: Vec<Scored> = Vec::new();
    let mut best_of_file: FxHashMap<i64, Scored> = FxHashMap::default();
    for part in &markers {
        for scored in scores.holding(part).filter(is_allowed) {
            if part.term < files_from {
                definitions.push(scored);
                continue;
            }
            let best = best_of_file.entry(scored.file_id).or_insert(scored);
            if is_better(&scored, best) {
                *best = scored;
            }
        }
    }
    definitions.sort_by(best_first);
    definitions.dedup();
    let mut files: Vec<Scored> = best_of_file.into_values().collect();
    files.sort_by(best_first);
    Ok(LexicalCandidates {
        best: scores.best(count, allowed),
        also: scores.of(also),
        definitions,
        files,
        terms_left_out,
    })
}

fn is_better(scored: &Scored, than: &Scored) -> bool {
    best_first(scored, than).is_lt()
}

fn best_first(left: &Scored, right: &Scored) -> std::cmp::Ordering {
    right
        .score
        .total_cmp(&left.score)
        .then_with(|| left.number.cmp(&right.number))
}

/// The terms to read, and how many were too common.
async fn affordable_terms<'a>(
    connection: &mut PgConnection,
    snapshot: &LexicalSnapshot,
    segment_ids: &[i64],
    terms: &'a [(String, f32)],
) -> Result<(Vec<(&'a str, f32)>, usize), CodebaseError> {
    let all = || terms.iter().map(|(term, weight)| (term.as_str(), *weight));
    if snapshot.live_chunks * terms.len() as u64 <= MOST_POSTINGS {
        return Ok((all().collect(), 0));
    }
    let names: Vec<&str> = terms.iter().map(|(term, _)| term.as_str()).collect();
    let counted = sqlx::query!(
        r#"select term, sum(chunk_count) as "holding!"
           from codebase.lexical_postings
           where segment_id = any($1) and term = any($2::text[])
           group by term"#,
        segment_ids,
        &names as &[&str]
    )
    .fetch_all(connection)
    .await?;
    let holding: FxHashMap<String, u64> = counted
        .into_iter()
        .map(|row| (row.term, u64::try_from(row.holding).unwrap_or(0)))
        .collect();
    let mut found: Vec<(&str, f32)> = all().filter(|(term, _)| holding.contains_key(*term)).collect();
    found.sort_by_key(|(term, _)| holding[*term]);
    let mut postings = 0;
    let affordable = found
        .iter()
        .enumerate()
        .take_while(|(index, (term, _))| {
            postings += holding[*term];
            *index < TERMS_ALWAYS_READ || postings <= MOST_POSTINGS
        })
        .count();
    let left_out = found.len() - affordable;
    found.truncate(affordable);
    // Back to the query's order: sums must not depend on frequencies that differ between segmentations.
    let kept: FxHashSet<&str> = found.into_iter().map(|(term, _)| term).collect();
    Ok((all().filter(|(term, _)| kept.contains(term)).collect(), left_out))
}

async fn read_postings_of(
    connection: &mut PgConnection,
    segment_ids: &[i64],
    terms: &[&str],
) -> Result<Vec<TermInSegment>, CodebaseError> {
    let rows = sqlx::query!(
        r#"select term, segment_id, postings
           from codebase.lexical_postings
           where segment_id = any($1) and term = any($2::text[])"#,
        segment_ids,
        terms as &[&str]
    )
    .fetch_all(connection)
    .await?;
    let term_index: FxHashMap<&str, usize> = terms.iter().enumerate().map(|(index, term)| (*term, index)).collect();
    let mut read = Vec::with_capacity(rows.len());
    for row in rows {
        let (Some(&term), Ok(segment)) = (
            term_index.get(row.term.as_str()),
            segment_ids.binary_search(&row.segment_id),
        ) else {
            continue;
        };
        read.push(TermInSegment {
            term,
            segment,
            postings: row.postings,
        });
    }
    Ok(read)
}
