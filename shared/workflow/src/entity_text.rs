//! What a document says in words: the terms it is found by, counted, and the text that is embedded for it. Pure; the
//! terms are those of the index of code, so that one query finds both.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

/// Models read a few hundred words; what comes after is found by its words.
const MAX_EMBEDDED_BYTES: usize = 4_000;

/// The words of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EntityText {
    /// Its terms, sorted, each once.
    pub(crate) terms: Vec<String>,
    /// How often each occurs.
    pub(crate) counts: Vec<i16>,
    /// How many there are in all.
    pub(crate) length: i32,
    /// What is embedded.
    pub(crate) embedded: String,
    /// BLAKE3 of that.
    pub(crate) hash: [u8; 32],
}

impl EntityText {
    pub(crate) fn of(schema: &str, data: &Value) -> Self {
        let mut embedded = schema.to_owned();
        let mut terms = BTreeMap::new();
        let mut length: i32 = 0;
        walk(data, "", &mut |name, said| {
            for term in quarry_codebase::text_terms(said) {
                let count: &mut i16 = terms.entry(term).or_insert(0);
                *count = count.saturating_add(1);
                length = length.saturating_add(1);
            }
            if embedded.len() < MAX_EMBEDDED_BYTES {
                let _ = write!(embedded, "\n{name}: {said}");
            }
        });
        let end = (0..=MAX_EMBEDDED_BYTES.min(embedded.len()))
            .rev()
            .find(|&at| embedded.is_char_boundary(at));
        embedded.truncate(end.unwrap_or(0));
        let (terms, counts) = terms.into_iter().unzip();
        Self {
            terms,
            counts,
            length,
            hash: blake3::hash(embedded.as_bytes()).into(),
            embedded,
        }
    }
}

/// Calls `say` with every text and number, in the order of the document, and the property it belongs to.
fn walk<'v>(value: &'v Value, name: &'v str, say: &mut impl FnMut(&str, &str)) {
    match value {
        Value::String(text) => say(name, text),
        Value::Number(number) => say(name, &number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| walk(item, name, say)),
        Value::Object(properties) => properties.iter().for_each(|(name, value)| walk(value, name, say)),
        Value::Bool(_) | Value::Null => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::EntityText;

    #[test]
    fn a_document_is_found_by_the_words_of_its_values() {
        let text = EntityText::of(
            "task",
            &json!({"title": "Retry the retries", "tags": ["getUserName"], "n": 7}),
        );
        assert_eq!(text.terms, ["7", "get", "getusernam", "name", "retri", "user"]);
        assert_eq!(text.counts, [1, 1, 1, 1, 2, 1]);
        assert_eq!(text.length, 7);
        assert_eq!(text.embedded, "task\nn: 7\ntags: getUserName\ntitle: Retry the retries");
    }

    #[test]
    fn what_is_embedded_is_bounded_and_whole_characters() {
        let text = EntityText::of("task", &json!({"title": "ä".repeat(10_000)}));
        assert!(text.embedded.len() <= super::MAX_EMBEDDED_BYTES);
        assert!(text.embedded.ends_with('ä'));
    }
}
