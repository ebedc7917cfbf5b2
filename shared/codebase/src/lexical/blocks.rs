//! Terms with their postings in blocks of about a kilobyte: the rows of `codebase.lexical_blocks`. A row for every term
//! would cost more in headers than in postings. Hands blocks to whoever stores them and finds terms in blocks that were read.
//! Touches no database.

use super::build_segment::TermPostings;
use super::varint;

/// A block is closed when it has reached this many bytes. Smaller ones cost rows; of larger ones every search would read
/// more that it does not ask for.
const BLOCK_BYTES: usize = 768;

/// One row: the first of its terms and the bytes of all.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// The smallest term of the block.
    pub first_term: &'a str,
    /// Per term: length, bytes, number of chunks, length of the postings, postings.
    pub bytes: Vec<u8>,
}

/// One term as it lies in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TermInBlock<'a> {
    /// A term of `tokenize` or a marker.
    pub term: &'a str,
    /// Chunks of the segment that hold it.
    pub chunk_count: u32,
    /// See `postings.rs`.
    pub postings: &'a [u8],
}

/// The blocks of a segment's terms, which are in the order of their bytes.
pub(crate) fn blocks_of(terms: &[TermPostings]) -> impl Iterator<Item = Block<'_>> {
    let mut rest = terms;
    std::iter::from_fn(move || {
        let first_term = rest.first()?.term.as_str();
        let mut bytes = Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 4);
        while let Some((next, behind)) = rest.split_first() {
            write_term(&mut bytes, next);
            rest = behind;
            if bytes.len() >= BLOCK_BYTES {
                break;
            }
        }
        Some(Block { first_term, bytes })
    })
}

fn write_term(bytes: &mut Vec<u8>, term: &TermPostings) {
    varint::write(bytes, term.term.len() as u64);
    bytes.extend_from_slice(term.term.as_bytes());
    varint::write(bytes, u64::from(term.chunk_count));
    varint::write(bytes, term.postings.len() as u64);
    bytes.extend_from_slice(&term.postings);
}

/// The terms of a block, in order. Stops at the first damaged byte.
pub(crate) fn read_block(mut bytes: &[u8]) -> impl Iterator<Item = TermInBlock<'_>> {
    std::iter::from_fn(move || {
        let term = std::str::from_utf8(take_counted(&mut bytes)?).ok()?;
        let chunk_count = u32::try_from(varint::read(&mut bytes)?).ok()?;
        let postings = take_counted(&mut bytes)?;
        Some(TermInBlock {
            term,
            chunk_count,
            postings,
        })
    })
}

/// The term in the block that would hold it.
pub(crate) fn find_in_block<'a>(bytes: &'a [u8], term: &str) -> Option<TermInBlock<'a>> {
    read_block(bytes).find(|candidate| candidate.term == term)
}

fn take_counted<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(varint::read(bytes)?).ok()?;
    bytes.split_off(..length)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    fn terms(count: usize, postings_bytes: usize) -> Vec<TermPostings> {
        let term = |n: usize| TermPostings {
            term: format!("term{n:05}"),
            chunk_count: u32::try_from(n).unwrap() + 1,
            postings: vec![u8::try_from(n % 128).unwrap(); postings_bytes],
        };
        (0..count).map(term).collect()
    }

    #[test]
    fn every_term_comes_back_from_the_block_that_would_hold_it() {
        for (count, postings_bytes) in [(0, 1), (1, 5_000), (500, 3), (40, 300), (7, 0)] {
            let terms = terms(count, postings_bytes);
            let blocks: Vec<Block<'_>> = blocks_of(&terms).collect();
            for term in &terms {
                let holding = blocks.partition_point(|block| block.first_term <= term.term.as_str());
                let found = find_in_block(&blocks[holding - 1].bytes, &term.term).unwrap();
                assert_eq!(
                    (found.chunk_count, found.postings),
                    (term.chunk_count, &term.postings[..])
                );
            }
            let read: usize = blocks.iter().map(|block| read_block(&block.bytes).count()).sum();
            assert_eq!(read, count);
        }
    }

    #[test]
    fn many_small_terms_share_a_block_and_a_large_one_has_its_own() {
        assert!(blocks_of(&terms(600, 3)).count() < 20);
        assert_eq!(blocks_of(&terms(3, 5_000)).count(), 3);
    }

    #[test]
    fn damaged_bytes_end_the_reading() {
        let mut bytes = blocks_of(&terms(3, 10)).next().unwrap().bytes;
        bytes.truncate(bytes.len() - 1);
        assert_eq!(read_block(&bytes).count(), 2);
        assert_eq!(read_block(&[0xff; 30]).count(), 0);
        assert_eq!(find_in_block(&bytes, "absent"), None);
    }
}
