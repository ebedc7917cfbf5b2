//! The terms of one segment beside those that its chunks give now. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::blocks::{TermInBlock, read_block};
use super::build_segment::{ChunkText, TermPostings, build_segment};
use super::postings::{Posting, read_postings};

/// A segment as it is stored, with the chunks it should be about.
#[derive(Debug, Default)]
pub(crate) struct CheckedSegment {
    /// Position in the segment, number of words on record, and the chunk itself; in the order of positions.
    pub chunks: Vec<(usize, u32, CheckedChunk)>,
    /// In the order of their first terms.
    pub blocks: Vec<StoredBlock>,
    /// Positions in the segment, those of deleted chunks included.
    pub size: usize,
}

/// What the terms of a chunk are made from.
#[derive(Debug)]
pub(crate) struct CheckedChunk {
    pub path: String,
    pub symbol: Option<String>,
    pub defines: Vec<String>,
    pub context_before: Option<String>,
    pub content: String,
}

/// A row of `codebase.lexical_blocks`.
#[derive(Debug)]
pub(crate) struct StoredBlock {
    pub first_term: String,
    pub block: Vec<u8>,
}

/// The paths of chunks whose terms or lengths are stored otherwise than they are, once per chunk, in the segment's order.
pub(crate) fn faulty_chunks(segment: &CheckedSegment) -> Vec<Arc<str>> {
    let texts: Vec<ChunkText<'_>> = segment.chunks.iter().map(|(_, _, chunk)| chunk.text()).collect();
    let expected = build_segment(&texts);
    // Which of `segment.chunks` stands at a position; none where a deleted one stood.
    let mut places: Vec<Option<u32>> = vec![None; segment.size];
    for (place, (position, _, _)) in (0..).zip(&segment.chunks) {
        places[*position] = Some(place);
    }
    let mut faulty = BTreeSet::new();
    for (place, (length, (_, stored, _))) in (0..).zip(expected.lengths.iter().zip(&segment.chunks)) {
        if length != stored {
            faulty.insert(place);
        }
    }
    let mut stored = findable_terms(&segment.blocks).into_iter().peekable();
    for term in &expected.terms {
        while let Some(unexpected) = stored.next_if(|stored| stored.term < term.term.as_str()) {
            faulty.extend(ordinals(&postings_of(&unexpected, &places).0));
        }
        match stored.next_if(|stored| stored.term == term.term) {
            None => faulty.extend(read_postings(&term.postings).map(|posting| posting.ordinal)),
            Some(stored) => compare_postings(term, &stored, &places, &mut faulty),
        }
    }
    for unexpected in stored {
        faulty.extend(ordinals(&postings_of(&unexpected, &places).0));
    }
    let path_of = |place: u32| Arc::from(segment.chunks[place as usize].2.path.as_str());
    faulty.into_iter().map(path_of).collect()
}

/// The terms that a search would find, sorted: it looks into the last block that does not start behind the term.
fn findable_terms(blocks: &[StoredBlock]) -> Vec<TermInBlock<'_>> {
    let mut terms = Vec::new();
    for (number, stored) in blocks.iter().enumerate() {
        let next = blocks.get(number + 1).map(|next| next.first_term.as_str());
        let is_here = |term: &TermInBlock<'_>| {
            term.term >= stored.first_term.as_str() && next.is_none_or(|next| term.term < next)
        };
        terms.extend(read_block(&stored.block).filter(is_here));
    }
    terms.sort_by_key(|term| term.term);
    terms
}

fn compare_postings(
    expected: &TermPostings,
    stored: &TermInBlock<'_>,
    places: &[Option<u32>],
    faulty: &mut BTreeSet<u32>,
) {
    let (stored_postings, is_whole) = postings_of(stored, places);
    let expected: Vec<Posting> = read_postings(&expected.postings).collect();
    if !is_whole {
        faulty.extend(ordinals(&expected));
    } else if stored_postings != expected {
        let lacks = |some: &[Posting], others: &[Posting]| -> Vec<Posting> {
            some.iter()
                .copied()
                .filter(|posting| !others.contains(posting))
                .collect()
        };
        faulty.extend(ordinals(&lacks(&expected, &stored_postings)));
        faulty.extend(ordinals(&lacks(&stored_postings, &expected)));
    }
}

fn ordinals(postings: &[Posting]) -> impl Iterator<Item = u32> {
    postings.iter().map(|posting| posting.ordinal)
}

/// The stored postings of chunks that are there, by their place in the list of chunks; and whether they are as many as the
/// term says, each within the segment.
fn postings_of(stored: &TermInBlock<'_>, places: &[Option<u32>]) -> (Vec<Posting>, bool) {
    let all: Vec<Posting> = read_postings(stored.postings).collect();
    let is_whole = u32::try_from(all.len()) == Ok(stored.chunk_count)
        && all.iter().all(|posting| (posting.ordinal as usize) < places.len());
    let live = all.iter().filter_map(|posting| {
        let ordinal = (*places.get(posting.ordinal as usize)?)?;
        Some(Posting { ordinal, ..*posting })
    });
    (live.collect(), is_whole)
}

impl CheckedChunk {
    fn text(&self) -> ChunkText<'_> {
        ChunkText {
            path: &self.path,
            symbol: self.symbol.as_deref(),
            defines: &self.defines,
            context_before: self.context_before.as_deref(),
            content: &self.content,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::blocks::blocks_of;
    use super::super::postings::write_posting;
    use super::*;

    fn chunk(path: &str, content: &str) -> CheckedChunk {
        CheckedChunk {
            path: path.to_owned(),
            symbol: None,
            defines: Vec::new(),
            context_before: None,
            content: content.to_owned(),
        }
    }

    /// The chunks that are faulty in a segment of three of which the middle one was deleted, after a change of its terms.
    fn faulty(change: impl FnOnce(&mut Vec<TermPostings>)) -> Vec<String> {
        faulty_in(change, |_| ())
    }

    fn faulty_in(
        change_terms: impl FnOnce(&mut Vec<TermPostings>),
        change: impl FnOnce(&mut CheckedSegment),
    ) -> Vec<String> {
        let chunks = [
            chunk("a.rs", "claim lease"),
            chunk("b.rs", "claim"),
            chunk("c.rs", "lease fence"),
        ];
        let texts: Vec<ChunkText<'_>> = chunks.iter().map(CheckedChunk::text).collect();
        let mut built = build_segment(&texts);
        change_terms(&mut built.terms);
        let block = |block: super::super::blocks::Block<'_>| StoredBlock {
            first_term: block.first_term.to_owned(),
            block: block.bytes,
        };
        // A block for each term: they are found across blocks.
        let blocks = built.terms.chunks(1).flat_map(blocks_of).map(block).collect();
        let [first, _deleted, last] = chunks;
        let mut segment = CheckedSegment {
            chunks: vec![(0, built.lengths[0], first), (2, built.lengths[2], last)],
            blocks,
            size: 3,
        };
        change(&mut segment);
        faulty_chunks(&segment).iter().map(ToString::to_string).collect()
    }

    fn postings(ordinal: u32, frequency: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_posting(&mut bytes, None, Posting { ordinal, frequency });
        bytes
    }

    fn term<'a>(terms: &'a mut [TermPostings], wanted: &str) -> &'a mut TermPostings {
        let found = terms.iter_mut().find(|term| term.term == wanted);
        found.expect("a term of the segment")
    }

    #[test]
    fn a_segment_is_as_its_chunks_also_where_some_were_deleted() {
        assert!(faulty(|_| ()).is_empty());
    }

    #[test]
    fn a_term_that_is_absent_makes_its_chunks_faulty() {
        assert_eq!(
            faulty(|terms| terms.retain(|term| term.term != "leas")),
            ["a.rs", "c.rs"]
        );
        assert!(
            faulty(|terms| terms.retain(|term| !term.term.contains("b.rs"))).is_empty(),
            "a term of nothing but a deleted chunk may be gone"
        );
    }

    #[test]
    fn a_term_that_no_chunk_has_makes_the_chunks_it_names_faulty() {
        for word in ["aaa", "zzz"] {
            let added = faulty(|terms| {
                let postings = postings(2, 1);
                terms.push(TermPostings {
                    term: word.to_owned(),
                    chunk_count: 1,
                    postings,
                });
                terms.sort_by(|one, other| one.term.cmp(&other.term));
            });
            assert_eq!(added, ["c.rs"]);
        }
    }

    #[test]
    fn other_frequencies_counts_lengths_and_damaged_postings_are_found() {
        assert_eq!(faulty(|terms| term(terms, "fenc").postings = postings(2, 9)), ["c.rs"]);
        assert_eq!(faulty(|terms| term(terms, "fenc").chunk_count += 1), ["c.rs"]);
        assert_eq!(faulty(|terms| term(terms, "fenc").postings = vec![0x80]), ["c.rs"]);
        assert_eq!(faulty_in(|_| (), |segment| segment.chunks[0].1 += 1), ["a.rs"]);
    }

    #[test]
    fn a_term_in_a_block_where_no_search_looks_is_absent() {
        let misplaced = faulty_in(
            |_| (),
            |segment| {
                let fence = segment.blocks.iter_mut().find(|block| block.first_term == "fenc");
                fence.expect("a block of the segment").first_term = "fencf".to_owned();
            },
        );
        assert_eq!(misplaced, ["c.rs"]);
    }
}
