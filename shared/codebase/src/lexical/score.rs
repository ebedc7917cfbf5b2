//! BM25 over the postings of a query's terms, exact over every live chunk. Pure: postings come in as bytes, scores go out.
//! Document counts and lengths are those of the live chunks, so that the same tree gives the same scores however its
//! segments came about.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::postings::{TableEntry, read_postings};
use super::snapshot::LexicalSnapshot;

/// How fast repeating a term stops helping; the usual value.
const K1: f32 = 1.2;
/// How much long chunks pay for their length; the usual value. Chunks are bounded in size, yet vary fivefold.
const B: f32 = 0.75;

/// The postings of one term in one segment.
#[derive(Debug)]
pub(crate) struct TermInSegment {
    /// Index into the query's terms.
    pub term: usize,
    /// Index into the snapshot's segments.
    pub segment: usize,
    /// Chunks of the segment that hold it, deleted ones included.
    pub chunk_count: u32,
    /// As stored.
    pub postings: Vec<u8>,
}

/// A chunk and its BM25 score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scored {
    /// `codebase.code_chunks.number`.
    pub number: i64,
    /// `codebase.files.id`.
    pub file_id: i64,
    /// BM25, above zero when the chunk holds a term of the query.
    pub score: f32,
    /// The part of the query's terms that the chunk holds, each by its weight and rarity; 0 to 1.
    pub coverage: f32,
}

/// The scores of all chunks of a snapshot for one query.
pub(crate) struct Scores<'a> {
    snapshot: &'a LexicalSnapshot,
    by_segment: Vec<Vec<Sum>>,
    /// What a chunk with every term would have.
    full_coverage: f32,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    score: f32,
    covered: f32,
}

/// Scores every chunk. `weights[term]` scales the term; `read` holds the terms' postings, in any order.
pub(crate) fn score<'a>(snapshot: &'a LexicalSnapshot, weights: &[f32], read: &mut [TermInSegment]) -> Scores<'a> {
    // Term by term: sums of floats depend on their order, and the order must not depend on how segments came about.
    read.sort_by_key(|part| part.term);
    let mut scores = Scores {
        snapshot,
        by_segment: snapshot
            .segments
            .iter()
            .map(|segment| vec![Sum::default(); segment.table.len()])
            .collect(),
        full_coverage: 0.0,
    };
    let average_length = as_f32(snapshot.live_words.max(1)) / as_f32(snapshot.live_chunks.max(1));
    for parts in read.chunk_by(|left, right| left.term == right.term) {
        let holding: u64 = parts.iter().map(|part| live_postings(snapshot, part)).sum();
        let weight = weights[parts[0].term] * inverse_frequency(snapshot.live_chunks, holding);
        scores.full_coverage += weight;
        for part in parts {
            let segment = &snapshot.segments[part.segment];
            let chunk_scores = &mut scores.by_segment[part.segment];
            for posting in read_postings(&part.postings) {
                let ordinal = posting.ordinal as usize;
                let Some(entry) = segment.table.get(ordinal) else {
                    break;
                };
                let frequency = as_f32(u64::from(posting.frequency));
                let norm = K1 * (1.0 - B + B * as_f32(u64::from(entry.length)) / average_length);
                let sum = &mut chunk_scores[ordinal];
                sum.score += weight * frequency * (K1 + 1.0) / (frequency + norm);
                sum.covered += weight;
            }
        }
    }
    scores
}

impl Scores<'_> {
    /// The best `count` live chunks, best first; equal scores in the order of their numbers. Only files in `allowed`,
    /// when given.
    pub(crate) fn best(&self, count: usize, allowed: Option<&FxHashSet<i64>>) -> Vec<Scored> {
        let mut heap: BinaryHeap<Reverse<ByScore>> = BinaryHeap::with_capacity(count + 1);
        for scored in self.matching() {
            if allowed.is_some_and(|allowed| !allowed.contains(&scored.file_id)) {
                continue;
            }
            if heap.len() == count && heap.peek().is_some_and(|worst| worst.0 >= ByScore(scored)) {
                continue;
            }
            heap.push(Reverse(ByScore(scored)));
            if heap.len() > count {
                heap.pop();
            }
        }
        heap.into_sorted_vec()
            .into_iter()
            .map(|Reverse(ByScore(scored))| scored)
            .collect()
    }

    /// The scores of these chunks, zero included; chunks that are not in the snapshot are absent.
    pub(crate) fn of(&self, numbers: &FxHashSet<i64>) -> FxHashMap<i64, Scored> {
        let mut found = FxHashMap::default();
        for (segment, scores) in self.snapshot.segments.iter().zip(&self.by_segment) {
            let (Some(first), Some(last)) = (segment.table.first(), segment.table.last()) else {
                continue;
            };
            for number in numbers
                .iter()
                .filter(|number| (first.number..=last.number).contains(*number))
            {
                if let Ok(ordinal) = segment.table.binary_search_by_key(number, |entry| entry.number)
                    && segment.is_live(ordinal)
                {
                    found.insert(*number, self.scored(&segment.table[ordinal], scores[ordinal]));
                }
            }
        }
        found
    }

    /// The live chunks among the postings of one term, with their scores.
    pub(crate) fn holding<'b>(&'b self, part: &'b TermInSegment) -> impl Iterator<Item = Scored> + 'b {
        let segment = &self.snapshot.segments[part.segment];
        read_postings(&part.postings).filter_map(move |posting| {
            let ordinal = posting.ordinal as usize;
            let entry = segment.table.get(ordinal)?;
            segment
                .is_live(ordinal)
                .then(|| self.scored(entry, self.by_segment[part.segment][ordinal]))
        })
    }

    /// The live chunks with a term of the query.
    fn matching(&self) -> impl Iterator<Item = Scored> {
        let segments = self.snapshot.segments.iter().zip(&self.by_segment);
        segments.flat_map(|(segment, scores)| {
            scores
                .iter()
                .enumerate()
                .filter(|&(ordinal, sum)| sum.score > 0.0 && segment.is_live(ordinal))
                .map(|(ordinal, sum)| self.scored(&segment.table[ordinal], *sum))
        })
    }

    fn scored(&self, entry: &TableEntry, sum: Sum) -> Scored {
        Scored {
            number: entry.number,
            file_id: entry.file_id,
            score: sum.score,
            coverage: if self.full_coverage > 0.0 {
                sum.covered / self.full_coverage
            } else {
                0.0
            },
        }
    }
}

fn live_postings(snapshot: &LexicalSnapshot, part: &TermInSegment) -> u64 {
    let segment = &snapshot.segments[part.segment];
    if segment.is_whole() {
        return u64::from(part.chunk_count);
    }
    read_postings(&part.postings)
        .filter(|posting| {
            let ordinal = posting.ordinal as usize;
            ordinal < segment.table.len() && segment.is_live(ordinal)
        })
        .count() as u64
}

/// Rare terms weigh much, terms of half the chunks next to nothing; never negative.
fn inverse_frequency(chunks: u64, holding: u64) -> f32 {
    let holding = as_f32(holding) + 0.5;
    (1.0 + (as_f32(chunks) + 1.0 - holding) / holding).ln()
}

#[allow(clippy::cast_precision_loss)] // counts of chunks and words; seven digits are enough for a score
fn as_f32(count: u64) -> f32 {
    count as f32
}

/// Higher scores are greater, then lower numbers.
#[derive(PartialEq)]
struct ByScore(Scored);

impl Eq for ByScore {}

impl Ord for ByScore {
    fn cmp(&self, other: &ByScore) -> Ordering {
        self.0
            .score
            .total_cmp(&other.0.score)
            .then_with(|| other.0.number.cmp(&self.0.number))
    }
}

impl PartialOrd for ByScore {
    fn partial_cmp(&self, other: &ByScore) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::super::build_segment::{ChunkText, Segment, build_segment};
    use super::super::snapshot::snapshot_of;
    use super::*;

    const TEXTS: [&str; 6] = [
        "common rare",
        "common common common",
        "common word",
        "common word word",
        "common unrelated text that is rather long and says nothing of interest to anybody",
        "other",
    ];

    fn segment_of(texts: &[&str]) -> Segment {
        let chunks: Vec<ChunkText<'_>> = texts
            .iter()
            .map(|content| ChunkText {
                path: "",
                symbol: None,
                defines: &[],
                context_before: None,
                content,
            })
            .collect();
        build_segment(&chunks)
    }

    /// Scores of the chunks' numbers (their positions in `TEXTS`) when split into segments at the given positions.
    fn scores(query: &[&str], split_at: &[usize], buried: &[i64]) -> Vec<(i64, f32)> {
        let mut starts = vec![0];
        starts.extend(split_at);
        let mut tables = Vec::new();
        let mut read = Vec::new();
        for (index, &start) in starts.iter().enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(TEXTS.len());
            let segment = segment_of(&TEXTS[start..end]);
            let table = segment
                .lengths
                .iter()
                .zip(start..)
                .map(|(&length, number)| TableEntry {
                    number: i64::try_from(number).unwrap(),
                    file_id: 7,
                    length,
                })
                .collect();
            tables.push((i64::try_from(index).unwrap(), table));
            for (term, name) in query.iter().enumerate() {
                if let Some(found) = segment.terms.iter().find(|postings| postings.term == *name) {
                    read.push(TermInSegment {
                        term,
                        segment: index,
                        chunk_count: found.chunk_count,
                        postings: found.postings.clone(),
                    });
                }
            }
        }
        let snapshot = snapshot_of(tables, buried);
        let weights = vec![1.0; query.len()];
        let scores = score(&snapshot, &weights, &mut read);
        scores
            .best(10, None)
            .into_iter()
            .map(|scored| (scored.number, scored.score))
            .collect()
    }

    #[test]
    fn a_rare_word_beats_a_common_one() {
        let ranked = scores(&["common", "rare"], &[], &[]);
        assert_eq!(ranked[0].0, 0);
        assert_eq!(ranked.len(), 5);
    }

    #[test]
    fn segments_do_not_change_scores() {
        let whole = scores(&["common", "word"], &[], &[]);
        assert_eq!(scores(&["common", "word"], &[1, 4], &[]), whole);
        assert_eq!(scores(&["common", "word"], &[1, 2, 3, 4, 5], &[]), whole);
    }

    #[test]
    fn buried_chunks_neither_appear_nor_count() {
        let without = scores(&["word"], &[], &[3]);
        assert_eq!(without.iter().map(|&(number, _)| number).collect::<Vec<_>>(), [2]);
        let all = scores(&["word"], &[], &[]);
        let before = all.iter().find(|&&(number, _)| number == 2).unwrap().1;
        assert!(without[0].1 > before, "the word became rarer");
    }

    #[test]
    fn chunks_that_are_asked_for_are_found_in_whichever_segment_they_are_while_they_live() {
        let table = |numbers: &[i64]| -> Vec<TableEntry> {
            let entry = |&number: &i64| TableEntry {
                number,
                file_id: number * 10,
                length: 10,
            };
            numbers.iter().map(entry).collect()
        };
        let tables = vec![(1, table(&[2, 5, 9])), (2, table(&[3, 4, 40])), (3, Vec::new())];
        let snapshot = snapshot_of(tables, &[4]);
        let scores = score(&snapshot, &[], &mut []);
        let found = scores.of(&[1, 2, 4, 6, 9, 40, 41].into_iter().collect());
        let mut found: Vec<(i64, i64)> = found
            .into_iter()
            .map(|(number, scored)| (number, scored.file_id))
            .collect();
        found.sort_unstable();
        assert_eq!(found, [(2, 20), (9, 90), (40, 400)]);
    }

    #[test]
    fn only_the_best_of_the_allowed_files_are_returned() {
        let table = (0..100)
            .map(|number| TableEntry {
                number,
                file_id: number % 2,
                length: 10,
            })
            .collect();
        let snapshot = snapshot_of(vec![(1, table)], &[]);
        let mut postings = Vec::new();
        let mut previous = None;
        for ordinal in 0..100 {
            let posting = super::super::postings::Posting {
                ordinal,
                frequency: 1 + ordinal % 10,
            };
            super::super::postings::write_posting(&mut postings, previous, posting);
            previous = Some(ordinal);
        }
        let scores = score(
            &snapshot,
            &[1.0],
            &mut [TermInSegment {
                term: 0,
                segment: 0,
                chunk_count: 100,
                postings,
            }],
        );
        let best: Vec<i64> = scores
            .best(6, Some(&FxHashSet::from_iter([0])))
            .into_iter()
            .map(|scored| scored.number)
            .collect();
        assert_eq!(best, [8, 18, 28, 38, 48, 58]);
    }
}
