//! Text to terms, the same way for stored code and for queries: identifiers are split at case changes, underscores and
//! digits, lower-cased and stemmed, and kept whole beside their parts. Hands terms to the lexical index and to query
//! understanding. Knows nothing of weights, of languages' grammars, or of Postgres.

use rust_stemmers::{Algorithm, Stemmer};

/// Words longer than this are data (base64, minified lines), not something anybody asks for.
const LONGEST_WORD_BYTES: usize = 128;
/// Terms longer than this are dropped: nobody types them, and they would only bloat the dictionary.
const LONGEST_TERM_BYTES: usize = 64;
/// A word that changes between letters and digits this often is a hash or a key: kept whole, not in splinters.
const MOST_DIGIT_CHANGES: usize = 4;

/// English words (and keywords spelled like them) that say nothing about which code is meant. Sorted.
const STOP_WORDS: &[&str] = &[
    "a", "about", "all", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did",
    "do", "does", "doing", "done", "for", "from", "had", "has", "have", "how", "i", "if", "in", "into", "is", "it",
    "its", "me", "my", "of", "on", "or", "our", "please", "should", "so", "some", "such", "than", "that", "the",
    "their", "them", "then", "there", "these", "they", "this", "those", "to", "us", "was", "we", "were", "what",
    "when", "where", "which", "who", "why", "will", "with", "would", "you", "your",
];

/// The runs of letters, digits and underscores in a text, in order. A Chinese, Japanese or Korean character is a word of
/// its own, because these scripts put no spaces between words.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(is_word_character)?;
        rest = &rest[start..];
        let first = rest.chars().next()?;
        let end = if is_ideograph(first) {
            first.len_utf8()
        } else {
            rest.find(|character| !is_word_character(character) || is_ideograph(character))
                .unwrap_or(rest.len())
        };
        let (word, behind) = rest.split_at(end);
        rest = behind;
        Some(word)
    })
}

/// The terms of a text, in order, repeated as often as they occur: for others who keep texts beside the code, so that one
/// query finds both.
pub fn text_terms(text: &str) -> Vec<String> {
    TermMaker::new().terms_of_text(text)
}

/// Makes terms of words. Holds the stemmer, whose construction is not free; one per segment or query.
pub(crate) struct TermMaker {
    stemmer: Stemmer,
}

impl TermMaker {
    pub(crate) fn new() -> TermMaker {
        TermMaker {
            stemmer: Stemmer::create(Algorithm::English),
        }
    }

    /// The terms of one word from [`words`]: its parts, and the whole when it has several. Stop words, single letters and
    /// blobs give none.
    pub(crate) fn terms_of(&self, word: &str, terms: &mut Vec<String>) {
        if word.len() > LONGEST_WORD_BYTES {
            return;
        }
        let parts = split_identifier(word);
        if parts.len() > 1 {
            let whole: String = parts.iter().map(|part| part.to_lowercase()).collect();
            if whole.len() <= LONGEST_TERM_BYTES {
                terms.push(self.stem(whole));
            }
            if digit_changes(&parts) >= MOST_DIGIT_CHANGES {
                return;
            }
        }
        for part in parts {
            let part = part.to_lowercase();
            let says_nothing = (part.len() == 1 && part.as_bytes()[0].is_ascii_alphabetic())
                || part.len() > LONGEST_TERM_BYTES
                || is_stop_word(&part);
            if !says_nothing {
                terms.push(self.stem(part));
            }
        }
    }

    /// The terms of a text, in order, repeated as often as they occur.
    pub(crate) fn terms_of_text(&self, text: &str) -> Vec<String> {
        let mut terms = Vec::new();
        for word in words(text) {
            self.terms_of(word, &mut terms);
        }
        terms
    }

    /// The stem of a lower-case word; what is not English letters stays as it is.
    pub(crate) fn stem(&self, word: String) -> String {
        if word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            self.stemmer.stem(&word).into_owned()
        } else {
            word
        }
    }
}

/// Whether a lower-case word is dropped from texts and queries.
pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// The parts of an identifier in their own spelling: `getHTTPStatus_code2` is get, HTTP, Status, code, 2.
pub(crate) fn split_identifier(word: &str) -> Vec<&str> {
    #[derive(Clone, Copy, PartialEq)]
    enum Kind {
        Lower,
        Upper,
        Digit,
        Other,
    }
    let mut parts = Vec::new();
    let mut start = None;
    let mut previous = Kind::Other;
    let mut previous_at = 0;
    for (at, character) in word.char_indices() {
        let kind = if character == '_' {
            Kind::Other
        } else if character.is_numeric() {
            Kind::Digit
        } else if character.is_uppercase() {
            Kind::Upper
        } else {
            Kind::Lower
        };
        if let Some(begin) = start {
            let boundary = match (previous, kind) {
                (_, Kind::Other) => Some(at),
                // The last capital of a run begins the next word: HTTPStatus is HTTP, Status.
                (Kind::Upper, Kind::Lower) if previous_at > begin => Some(previous_at),
                (Kind::Upper, Kind::Lower) => None,
                (before, now) if before != now => Some(at),
                _ => None,
            };
            if let Some(boundary) = boundary {
                parts.push(&word[begin..boundary]);
                start = (kind != Kind::Other).then_some(boundary);
            }
        } else if kind != Kind::Other {
            start = Some(at);
        }
        previous = kind;
        previous_at = at;
    }
    if let Some(begin) = start {
        parts.push(&word[begin..]);
    }
    parts
}

fn digit_changes(parts: &[&str]) -> usize {
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    parts
        .windows(2)
        .filter(|pair| is_number(pair[0]) != is_number(pair[1]))
        .count()
}

fn is_word_character(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    fn terms(text: &str) -> Vec<String> {
        TermMaker::new().terms_of_text(text)
    }

    #[test]
    fn identifiers_are_split_whatever_their_style() {
        assert_eq!(split_identifier("getUserName"), ["get", "User", "Name"]);
        assert_eq!(split_identifier("get_user_name"), ["get", "user", "name"]);
        assert_eq!(split_identifier("HTTPServer"), ["HTTP", "Server"]);
        assert_eq!(
            split_identifier("getHTTPStatus_code2"),
            ["get", "HTTP", "Status", "code", "2"]
        );
        assert_eq!(split_identifier("__init__"), ["init"]);
        assert_eq!(split_identifier("sha256Sum"), ["sha", "256", "Sum"]);
        assert_eq!(split_identifier("MAX_SIZE"), ["MAX", "SIZE"]);
        assert_eq!(split_identifier("Größe"), ["Größe"]);
        assert_eq!(split_identifier("___"), Vec::<&str>::new());
    }

    #[test]
    fn an_identifier_is_found_by_its_parts_and_as_a_whole() {
        assert_eq!(terms("getUserNames"), ["getusernam", "get", "user", "name"]);
        assert_eq!(terms("get_user_names"), terms("getUserNames"));
        assert_eq!(terms("getusernames"), ["getusernam"]);
    }

    #[test]
    fn words_meet_their_inflections() {
        assert_eq!(terms("retries"), terms("retry"));
        assert_eq!(terms("indexing"), terms("indexed"));
    }

    #[test]
    fn words_that_say_nothing_are_dropped() {
        assert_eq!(terms("how do I parse the x"), ["pars"]);
        assert!(STOP_WORDS.is_sorted());
    }

    #[test]
    fn blobs_leave_no_splinters() {
        assert_eq!(terms("a3f9c0d1e2b4"), ["a3f9c0d1e2b4"]);
        assert!(terms(&"x9".repeat(100)).is_empty());
    }

    #[test]
    fn every_character_of_a_script_without_spaces_is_a_word() {
        assert_eq!(terms("解析file"), ["解", "析", "file"]);
    }

    #[test]
    fn any_text_can_be_split() {
        for text in ["", "_", "ß_1É", "\u{0}\u{1}a", "1a1A1_", "ǅabc", "٣x"] {
            for word in words(text) {
                let parts = split_identifier(word);
                let letters: String = word.chars().filter(|&character| character != '_').collect();
                assert_eq!(parts.concat(), letters);
            }
        }
    }
}
