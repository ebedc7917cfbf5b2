//! Reads the postings of a query's terms and hands `search` the best chunks, the definitions of asked names and the
//! files of asked names. Bounded: beyond a number of postings the commonest terms are left out, and the answer says so.

use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::PgConnection;

use super::blocks::find_in_block;
use super::close_names::{CloseMarker, close_markers};
use super::markers;
use super::score::{Scored, TermInSegment, score};
use super::snapshot::LexicalSnapshot;
use crate::CodebaseError;

/// About 4 ms of decoding. A project below 40 000 chunks never reaches it with ten terms.
const MOST_POSTINGS: u64 = 400_000;
/// However common, the rarest terms are always scored: a query of common words only must find something.
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
    /// For each of the definitions the term of its name as it is found in texts.
    pub whole_names: Vec<String>,
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
    /// Names that stand in for an asked one that nothing is called, closest first; their definitions and files are among the
    /// above.
    pub close: Vec<CloseMarker>,
    /// Terms that were too common to be scored beside the others.
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
    let asked = terms.scored.iter().map(|(term, _)| term);
    let wanted: Vec<&str> = asked
        .chain(&terms.definitions)
        .chain(&terms.files)
        .map(String::as_str)
        .collect();
    let definitions_from = terms.scored.len();
    let files_from = definitions_from + terms.definitions.len();

    let mut read = read_terms(connection, snapshot, &wanted).await?;
    let mut markers: Vec<TermInSegment> = read.extract_if(.., |part| part.term >= definitions_from).collect();
    let close = close_to_unknown(connection, snapshot, terms, &read, &markers).await?;
    let close_markers: Vec<&str> = close.iter().map(|close| close.marker.as_str()).collect();
    for mut part in read_terms(connection, snapshot, &close_markers).await? {
        let is_definition = markers::is_definition(close_markers[part.term]);
        part.term = if is_definition { definitions_from } else { files_from };
        markers.push(part);
    }
    let terms_left_out = leave_out_the_commonest(&mut read);
    let weights: Vec<f32> = terms.scored.iter().map(|&(_, weight)| weight).collect();
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
        close,
        terms_left_out,
    })
}

/// Names close to those of which there is no definition or file. Typing errors are forgiven where the asked name occurs
/// nowhere at all: a word that stands in some text is spelled as it was meant.
async fn close_to_unknown(
    connection: &mut PgConnection,
    snapshot: &LexicalSnapshot,
    terms: &QueryTerms,
    read: &[TermInSegment],
    found: &[TermInSegment],
) -> Result<Vec<CloseMarker>, CodebaseError> {
    let definitions_from = terms.scored.len();
    let mut close = Vec::new();
    for (at, marker) in terms.definitions.iter().chain(&terms.files).enumerate() {
        if found.iter().any(|part| part.term == definitions_from + at) {
            continue;
        }
        let is_written_somewhere = terms.whole_names.get(at).is_some_and(|whole| {
            let position = terms.scored.iter().position(|(term, _)| term == whole);
            position.is_some_and(|position| read.iter().any(|part| part.term == position))
        });
        // Beside an asked name, files are only looked for because they may be called like it.
        if !markers::is_definition(marker) && !terms.definitions.is_empty() {
            continue;
        }
        close.extend(close_markers(connection, snapshot, marker, !is_written_somewhere).await?);
    }
    Ok(close)
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

/// Drops the postings of terms that are too common to be scored beside the others; says of how many terms.
fn leave_out_the_commonest(read: &mut Vec<TermInSegment>) -> usize {
    let mut holding: FxHashMap<usize, u64> = FxHashMap::default();
    for part in read.iter() {
        *holding.entry(part.term).or_default() += u64::from(part.chunk_count);
    }
    let mut rarest_first: Vec<(u64, usize)> = holding.into_iter().map(|(term, chunks)| (chunks, term)).collect();
    rarest_first.sort_unstable();
    let mut postings = 0;
    let kept: FxHashSet<usize> = rarest_first
        .iter()
        .enumerate()
        .take_while(|(rank, (chunks, _))| {
            postings += chunks;
            *rank < TERMS_ALWAYS_READ || postings <= MOST_POSTINGS
        })
        .map(|(_, &(_, term))| term)
        .collect();
    read.retain(|part| kept.contains(&part.term));
    rarest_first.len() - kept.len()
}

/// The postings of these terms in every segment of the snapshot that holds them.
pub(super) async fn read_terms(
    connection: &mut PgConnection,
    snapshot: &LexicalSnapshot,
    terms: &[&str],
) -> Result<Vec<TermInSegment>, CodebaseError> {
    let segment_ids: Vec<i64> = snapshot.segments.iter().map(|segment| segment.id).collect();
    let rows = sqlx::query_file!("queries/lexical_blocks.sql", &segment_ids, terms as &[&str])
        .fetch_all(connection)
        .await?;
    let mut read = Vec::with_capacity(rows.len());
    for row in rows {
        let position = |number: i64| usize::try_from(number - 1).expect("ordinality counts from one");
        let (segment, term) = (position(row.segment), position(row.term));
        // The block that would hold the term need not.
        let Some(found) = find_in_block(&row.block, terms[term]) else {
            continue;
        };
        read.push(TermInSegment {
            term,
            segment,
            chunk_count: found.chunk_count,
            postings: found.postings.to_vec(),
        });
    }
    Ok(read)
}
