//! Splits text into the words the model was trained on: lower case, camelCase and snake_case taken apart.
//! Hands each word to the caller in order; knows nothing of the vocabulary. Written by hand, without regular
//! expressions, because every indexed byte passes here. Digits are the ASCII ones.

/// Only the start of a text counts, as in training: its signature, not the length of its tables.
pub(super) const MAX_WORDS: usize = 600;

/// Calls `take` with each of the first [`MAX_WORDS`] words. `word` is the memory they are written into.
pub(super) fn each_word(text: &str, word: &mut Vec<u8>, mut take: impl FnMut(&[u8])) {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut words = 0;
    while at < bytes.len() && words < MAX_WORDS {
        let end = match bytes[at] {
            b'a'..=b'z' => run(bytes, at, u8::is_ascii_lowercase),
            b'A'..=b'Z' => end_of_capital_word(bytes, at),
            b'0'..=b'9' => run(bytes, at, u8::is_ascii_digit),
            _ => {
                at += 1;
                continue;
            }
        };
        let written = &bytes[at..end];
        words += 1;
        at = end;
        match (written[0].is_ascii_digit(), written.len()) {
            (false, _) => {
                word.clear();
                word.extend(written.iter().map(u8::to_ascii_lowercase));
                take(word);
            }
            (true, 1) => take(written),
            (true, 2) => take(b"<n2>"),
            (true, _) => take(b"<n3>"),
        }
    }
}

fn run(bytes: &[u8], from: usize, belongs: impl Fn(&u8) -> bool) -> usize {
    from + bytes[from..].iter().take_while(|byte| belongs(byte)).count()
}

/// `HTTPResponse` is `HTTP` and `Response`: the last capital goes with the small letters behind it.
fn end_of_capital_word(bytes: &[u8], from: usize) -> usize {
    let capitals_end = run(bytes, from, u8::is_ascii_uppercase);
    let small_follows = bytes.get(capitals_end).is_some_and(u8::is_ascii_lowercase);
    match (small_follows, capitals_end - from) {
        (false, _) => capitals_end,
        (true, 1) => run(bytes, capitals_end, u8::is_ascii_lowercase),
        (true, _) => capitals_end - 1,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        each_word(text, &mut Vec::new(), |word| {
            words.push(String::from_utf8(word.to_vec()).unwrap())
        });
        words
    }

    #[test]
    fn the_words_are_those_of_the_reference() {
        let reference: serde_json::Value = serde_json::from_str(include_str!("model/reference.json")).unwrap();
        for case in reference.as_array().unwrap() {
            let expected: Vec<&str> = case["tokens"]
                .as_array()
                .unwrap()
                .iter()
                .map(|word| word.as_str().unwrap())
                .collect();
            assert_eq!(words(case["text"].as_str().unwrap()), expected);
        }
    }

    #[test]
    fn humps_runs_of_capitals_and_digits_are_taken_apart() {
        for (text, expected) in [
            ("HTTPResponse", vec!["http", "response"]),
            ("aB", vec!["a", "b"]),
            ("ABc", vec!["a", "bc"]),
            ("AB", vec!["ab"]),
            ("A", vec!["a"]),
            ("utf8Text", vec!["utf", "8", "text"]),
            ("0xFFfe", vec!["0", "x", "f", "ffe"]),
            ("__a_b__", vec!["a", "b"]),
            ("naïve größe", vec!["na", "ve", "gr", "e"]),
            ("12 345 6", vec!["<n2>", "<n3>", "6"]),
            ("→ 日本", vec![]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn only_the_first_words_count() {
        assert_eq!(words(&"word ".repeat(10_000)).len(), MAX_WORDS);
    }
}
