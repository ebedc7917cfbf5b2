//! The model's closed vocabulary: which rows a word stands for.
//! A word that is not in it is cut into the longest pieces that are, from left to right, of two letters at least.
//! Never learns a word.

use rustc_hash::FxHashMap;

/// Row numbers by word piece.
pub(super) struct Vocabulary {
    rows: FxHashMap<&'static [u8], u32>,
    longest: usize,
}

impl Vocabulary {
    /// The vocabulary of a file with one piece a line, the piece of row 0 first.
    pub(super) fn parse(lines: &'static str) -> Self {
        let rows: FxHashMap<&[u8], u32> = lines.lines().map(str::as_bytes).zip(0..).collect();
        let longest = rows.keys().map(|piece| piece.len()).max().unwrap_or(0);
        Self { rows, longest }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Appends the rows of `word` to `rows`; none where no part of it is known.
    pub(super) fn rows_of(&self, word: &[u8], rows: &mut Vec<u32>) {
        if let Some(row) = self.rows.get(word) {
            rows.push(*row);
            return;
        }
        let mut at = 0;
        while at + 2 <= word.len() {
            // A piece longer than the longest known one need not be looked up.
            let longest = word.len().min(at + self.longest);
            let found = (at + 2..=longest)
                .rev()
                .find_map(|end| Some((end, *self.rows.get(&word[at..end])?)));
            at = match found {
                Some((end, row)) => {
                    rows.push(row);
                    end
                }
                None => at + 1,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_words_are_cut_into_the_longest_known_pieces() {
        let vocabulary = Vocabulary::parse("a\nab\nabc\ncd\nxyz\nd\n");
        let rows = |word: &str| {
            let mut rows = Vec::new();
            vocabulary.rows_of(word.as_bytes(), &mut rows);
            rows
        };
        assert_eq!(rows("abc"), [2]);
        assert_eq!(rows("abcd"), [2], "the d left over is a single letter");
        assert_eq!(rows("xyzcd"), [4, 3]);
        assert_eq!(rows("qabq"), [1]);
        assert_eq!(rows("a"), [0]);
        assert_eq!(rows("q"), Vec::<u32>::new());
    }
}
