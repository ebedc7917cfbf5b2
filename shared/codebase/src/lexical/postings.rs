//! The two byte layouts of a segment: which chunks hold a term, and which chunks the segment lists.
//! Written when a segment is built or merged, read by every search. Holds no terms and touches no database.

use super::varint;

/// One chunk of a segment's table, which is in the order of their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableEntry {
    /// `codebase.code_chunks.number`.
    pub number: i64,
    /// `codebase.files.id`.
    pub file_id: i64,
    /// Terms in the chunk's text, markers not counted.
    pub length: u32,
}

/// Chunk `ordinal` (its position in the segment's table) holds the term with this weighted frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Posting {
    /// Position in the segment's table.
    pub ordinal: u32,
    /// Occurrences, those in names and paths counted several times.
    pub frequency: u32,
}

/// Appends one posting; ordinals of a term ascend, `previous` is the last one written (`None` before the first).
pub(crate) fn write_posting(bytes: &mut Vec<u8>, previous: Option<u32>, posting: Posting) {
    let gap = match previous {
        Some(previous) => posting.ordinal - previous - 1,
        None => posting.ordinal,
    };
    // Most frequencies are 1: they cost the gap's lowest bit instead of a byte.
    if posting.frequency == 1 {
        varint::write(bytes, u64::from(gap) << 1);
    } else {
        varint::write(bytes, u64::from(gap) << 1 | 1);
        varint::write(bytes, u64::from(posting.frequency));
    }
}

/// The postings of one term, in ordinal order. Stops at the first damaged byte.
pub(crate) fn read_postings(mut bytes: &[u8]) -> impl Iterator<Item = Posting> + '_ {
    let mut next_ordinal = 0u32;
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let head = varint::read(&mut bytes)?;
        let gap = u32::try_from(head >> 1).ok()?;
        let frequency = if head & 1 == 0 {
            1
        } else {
            u32::try_from(varint::read(&mut bytes)?).ok()?
        };
        let ordinal = next_ordinal.checked_add(gap)?;
        next_ordinal = ordinal.checked_add(1)?;
        Some(Posting { ordinal, frequency })
    })
}

/// The bytes of a segment's table.
pub(crate) fn encode_table(entries: impl IntoIterator<Item = TableEntry>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut previous = TableEntry {
        number: 0,
        file_id: 0,
        length: 0,
    };
    for entry in entries {
        varint::write_signed(&mut bytes, entry.number - previous.number);
        varint::write_signed(&mut bytes, entry.file_id - previous.file_id);
        varint::write(&mut bytes, u64::from(entry.length));
        previous = entry;
    }
    bytes
}

/// A segment's table; `None` when the bytes are damaged.
pub(crate) fn decode_table(mut bytes: &[u8]) -> Option<Vec<TableEntry>> {
    let mut entries = Vec::with_capacity(bytes.len() / 3);
    let mut previous = TableEntry {
        number: 0,
        file_id: 0,
        length: 0,
    };
    while !bytes.is_empty() {
        previous = TableEntry {
            number: previous.number.checked_add(varint::read_signed(&mut bytes)?)?,
            file_id: previous.file_id.checked_add(varint::read_signed(&mut bytes)?)?,
            length: u32::try_from(varint::read(&mut bytes)?).ok()?,
        };
        entries.push(previous);
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    /// Numbers that look random and are the same in every run.
    fn scattered(seed: u64) -> impl Iterator<Item = u64> {
        std::iter::successors(Some(seed.wrapping_mul(2) + 1), |state| {
            let mut state = *state;
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            Some(state)
        })
    }

    #[test]
    fn postings_come_back_whatever_their_gaps_and_frequencies() {
        for seed in 1..200 {
            let mut numbers = scattered(seed);
            let count = numbers.next().unwrap() % 300;
            let mut ordinal = 0;
            let mut written = Vec::new();
            for number in numbers.take(usize::try_from(count).unwrap()) {
                let spread = [1, 4, 300, 100_000][usize::try_from(number % 4).unwrap()];
                ordinal += u32::try_from((number >> 8) % spread).unwrap();
                let frequency = u32::try_from((number >> 40) % 5).unwrap();
                written.push(Posting { ordinal, frequency });
                ordinal += 1;
            }
            let mut bytes = Vec::new();
            let mut previous = None;
            for &posting in &written {
                write_posting(&mut bytes, previous, posting);
                previous = Some(posting.ordinal);
            }
            assert_eq!(read_postings(&bytes).collect::<Vec<_>>(), written);
        }
    }

    #[test]
    fn a_table_comes_back_in_any_order_of_numbers() {
        for seed in 1..100 {
            let entries: Vec<TableEntry> = scattered(seed)
                .take(50)
                .map(|number| TableEntry {
                    number: i64::try_from(number >> 20).unwrap(),
                    file_id: i64::try_from((number >> 8) % 1000).unwrap(),
                    length: u32::try_from(number % 5000).unwrap(),
                })
                .collect();
            let bytes = encode_table(entries.iter().copied());
            assert_eq!(decode_table(&bytes).unwrap(), entries);
        }
    }

    #[test]
    fn damaged_bytes_end_the_reading() {
        assert_eq!(decode_table(&[0x80]), None);
        assert_eq!(read_postings(&[0x80]).count(), 0);
        assert_eq!(read_postings(&[0xff; 20]).count(), 0);
    }
}
