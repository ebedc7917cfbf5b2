//! Cuts texts into requests by count and bytes, in order.
//! Hands ranges to the client. Pure: asks nobody anything.

use std::ops::Range;

/// Ranges of consecutive texts with at most `max_texts` texts and `max_bytes` bytes each; a text larger than
/// `max_bytes` gets a range of its own. `sizes` are the texts' lengths in bytes.
pub(crate) fn split(sizes: &[usize], max_texts: usize, max_bytes: usize) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let mut start = 0;
    let mut bytes = 0;
    for (position, size) in sizes.iter().enumerate() {
        let is_full = position - start >= max_texts.max(1) || bytes + size > max_bytes;
        if is_full && position > start {
            batches.push(start..position);
            start = position;
            bytes = 0;
        }
        bytes += size;
    }
    if start < sizes.len() {
        batches.push(start..sizes.len());
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_to_count_and_bytes_and_lose_nothing() {
        assert_eq!(split(&[1; 5], 2, 100), [0..2, 2..4, 4..5]);
        assert_eq!(split(&[40, 40, 40], 9, 100), [0..2, 2..3]);
        assert_eq!(split(&[1, 500, 1], 9, 100), [0..1, 1..2, 2..3]);
        assert_eq!(split(&[500], 9, 100).first(), Some(&(0..1)));
        assert!(split(&[], 9, 100).is_empty());
    }

    #[test]
    fn a_limit_of_nothing_still_sends_one_text_at_a_time() {
        assert_eq!(split(&[1, 1], 0, 0), [0..1, 1..2]);
    }
}
