//! Random input for everything that reads what callers write: filters, orders, cursors, patches, operations, schemas and
//! JSON text. Called by the example of the same name a million times, by a test some thousand times.
//! Never contacts a database: a filter is compiled to SQL, and its text is compared with that of its neighbours.

use serde_json::{Map, Value, json};
use sqlx::QueryBuilder;

use crate::code_reference::CodeReference;
use crate::compile_filter::{Indexed, push_filter};
use crate::cursor::CursorKey;
use crate::fields::FieldNames;
use crate::filter::{OPERATORS, read_filter};
use crate::link_change::LINK_KINDS;
use crate::patch::{Change, changed_pointers};
use crate::sorting::read_sorting;
use crate::strict_json::read_json;
use crate::validate::compile_schema;
use crate::written_operation::WrittenOperation;

/// How the input was answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FuzzOutcome {
    /// Inputs that were understood.
    pub accepted: u64,
    /// Inputs that were refused with a reason.
    pub refused: u64,
}

/// Runs `cases` random inputs.
///
/// # Panics
///
/// When something is wrong: that is what this looks for.
#[must_use]
pub fn fuzz(cases: u64, seed: u64) -> FuzzOutcome {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let definition = json!({
        "type": "object",
        "properties": {"a": {"type": "string"}, "n": {"type": "integer"}, "due": {"format": "date-time"}},
        "additionalProperties": false,
    });
    let names = FieldNames {
        definitions: &[&definition],
    };
    let key = CursorKey::from_bytes([9; 32]);
    let mut outcome = FuzzOutcome::default();
    for _ in 0..cases {
        let is_accepted = match random.below(8) {
            0 => read_filter(&random.filter(0), &names).is_ok_and(|filter| {
                let mut query = QueryBuilder::new("");
                push_filter(&mut query, &filter, &Indexed(vec![vec!["n".to_owned()]]));
                let text = query.into_string();
                assert!(!text.contains(MARK), "a caller's text stands in the statement: {text}");
                true
            }),
            1 => key.open("q", &random.text()).is_ok(),
            2 => {
                let (before, patch) = (random.value(0), random.patch());
                let changed = Change::from_patch(patch).apply(&before);
                changed.is_ok_and(|after| {
                    assert_eq!(changed_pointers(&before, &after).is_empty(), before == after);
                    true
                })
            }
            3 => compile_schema(&random.schema(0)).is_ok_and(|schema| {
                let document = random.value(0);
                let _ = schema.validate(&document);
                true
            }),
            4 => {
                let mut text = random.value(0).to_string();
                random.damage(&mut text);
                read_json(&text).is_ok_and(|value| {
                    // Stricter than others, and else the same.
                    assert_eq!(serde_json::from_str(&text).ok(), Some(value), "{text}");
                    true
                })
            }
            5 => WrittenOperation::read(&random.operation()).is_ok(),
            6 => read_sorting(&[random.name(), random.text()], &names).is_ok(),
            _ => CodeReference::parse(&random.text()).is_ok_and(|reference| {
                let again = CodeReference::parse(&reference.to_string());
                assert_eq!(again.as_ref(), Ok(&reference));
                true
            }),
        };
        if is_accepted {
            outcome.accepted += 1;
        } else {
            outcome.refused += 1;
        }
    }
    outcome
}

/// Stands in many of the texts; must never get into a statement.
const MARK: &str = "Qz9";

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or(0) % limit
    }

    fn one_of<'t>(&mut self, choices: &[&'t str]) -> &'t str {
        choices[self.below(choices.len())]
    }

    fn text(&mut self) -> String {
        const PARTS: [&str; 24] = [
            "",
            "a",
            "n",
            "due",
            MARK,
            "'",
            "\"",
            "\\",
            "\0",
            "/",
            "~",
            "~1",
            ".",
            "#",
            "L1-L9",
            "$1",
            "%",
            "--",
            "\u{202e}",
            "ä",
            "😀",
            "2026-01-01T00:00:00Z",
            "-1",
            "x",
        ];
        let mut text = String::new();
        for _ in 0..self.below(6) {
            text.push_str(PARTS[self.below(PARTS.len())]);
        }
        if self.below(200) == 0 {
            text = text.repeat(500);
        }
        text
    }

    fn name(&mut self) -> String {
        match self.below(3) {
            0 => self.text(),
            _ => self
                .one_of(&[
                    "a",
                    "n",
                    "-n",
                    "due",
                    "$version",
                    "$created_at",
                    "$id",
                    "/a",
                    "a.b",
                    "-$updated_at",
                ])
                .to_owned(),
        }
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth > 6 { 6 } else { 9 }) {
            0 => Value::Null,
            1 => Value::Bool(self.below(2) == 0),
            2 => json!(self.next()),
            3 => json!(f64::from(u32::try_from(self.next() >> 32).unwrap_or(0)) / 7.0 - 1e8),
            4 | 5 => Value::String(self.text()),
            6 => (0..self.below(4)).map(|_| self.value(depth + 1)).collect(),
            _ => {
                let mut object = Map::new();
                for _ in 0..self.below(4) {
                    let name = self.name();
                    object.insert(name, self.value(depth + 1));
                }
                Value::Object(object)
            }
        }
    }

    fn filter(&mut self, depth: usize) -> Value {
        let mut filter = Map::new();
        for _ in 0..self.below(3) {
            match self.below(6) {
                0 if depth < 20 => {
                    filter.insert("not".to_owned(), self.filter(depth + 1));
                }
                1 if depth < 20 => {
                    let name = self.one_of(&["and", "or"]).to_owned();
                    let several = (0..self.below(4)).map(|_| self.filter(depth + 1)).collect();
                    filter.insert(name, several);
                }
                2 => {
                    let name = self.one_of(&["$text", "$code"]).to_owned();
                    filter.insert(name, self.text().into());
                }
                _ => {
                    let name = self.name();
                    let unknown = self.below(11) == 0;
                    let operator = if unknown { "Qz9" } else { self.one_of(&OPERATORS) }.to_owned();
                    let value = self.value(4);
                    filter.insert(
                        name,
                        if self.below(3) == 0 {
                            value
                        } else {
                            json!({ operator: value })
                        },
                    );
                }
            }
        }
        if self.below(50) == 0 {
            self.value(0)
        } else {
            Value::Object(filter)
        }
    }

    fn patch(&mut self) -> Value {
        if self.below(3) == 0 {
            return self.value(0);
        }
        let step = |random: &mut Self| {
            let mut pointer = String::new();
            for _ in 0..random.below(3) {
                pointer.push('/');
                pointer.push_str(random.one_of(&["a", "n", "0", "1", "-", "~0", "x", "999999999999"]));
            }
            json!({
                "op": random.one_of(&["add", "remove", "replace", "move", "copy", "test", "smudge"]),
                "path": pointer,
                "from": random.one_of(&["", "/a", "/n", "/0"]),
                "value": random.value(5),
            })
        };
        (0..self.below(12)).map(|_| step(self)).collect()
    }

    fn operation(&mut self) -> Value {
        let mut operation = Map::new();
        for name in [
            "op",
            "id",
            "from",
            "to",
            "kind",
            "expected_version",
            "to_version",
            "schema",
            "data",
            "patch",
            "fence",
        ] {
            let value = match (name, self.below(3)) {
                (_, 0) => continue,
                ("data" | "patch", _) | (_, 1) if self.below(4) == 0 => self.value(3),
                ("op", _) => json!(self.one_of(&["create", "update", "delete", "restore", "revert", "link", "unlink"])),
                ("kind", _) => json!(self.one_of(&LINK_KINDS)),
                ("expected_version" | "to_version" | "fence", _) => json!(self.below(3)),
                ("to", 1) => json!(self.text()),
                _ => json!("6f1b5dd2-0000-4000-8000-000000000001"),
            };
            operation.insert(name.to_owned(), value);
        }
        Value::Object(operation)
    }

    fn schema(&mut self, depth: usize) -> Value {
        const KEYWORDS: [&str; 22] = [
            "type",
            "enum",
            "const",
            "minimum",
            "maxLength",
            "pattern",
            "format",
            "items",
            "properties",
            "required",
            "additionalProperties",
            "allOf",
            "anyOf",
            "oneOf",
            "not",
            "if",
            "$ref",
            "$defs",
            "uniqueItems",
            "x-note",
            "requierd",
            "contains",
        ];
        let mut schema = Map::new();
        for _ in 0..self.below(5) {
            let keyword = self.one_of(&KEYWORDS);
            let value = match keyword {
                "type" => json!(self.one_of(&["object", "array", "string", "integer", "number", "null", "objekt"])),
                "minimum" | "maxLength" => json!(self.below(9)),
                "pattern" => json!(self.one_of(&["^a+$", "(a+)+$", "(?=a)", "(", "[", "a{1000}{1000}", "\\p{L}+"])),
                "format" => json!(self.one_of(&["date-time", "uuid", "code-reference", "regex", "emial"])),
                "$ref" => json!(self.one_of(&["#", "#/$defs/a", "#/properties/a", "http://x/y", "#a", "#/%24defs"])),
                "required" => json!(["a", "n"]),
                "allOf" | "anyOf" | "oneOf" if depth < 8 => {
                    (0..self.below(3)).map(|_| self.schema(depth + 1)).collect()
                }
                "properties" | "$defs" if depth < 8 => {
                    json!({"a": self.schema(depth + 1), "n": self.schema(depth + 1)})
                }
                "items" | "additionalProperties" | "not" | "if" | "contains" if depth < 8 => self.schema(depth + 1),
                _ => self.value(5),
            };
            schema.insert(keyword.to_owned(), value);
        }
        if self.below(40) == 0 {
            self.value(0)
        } else {
            Value::Object(schema)
        }
    }

    /// Takes a character away, puts one in, or cuts the text.
    fn damage(&mut self, text: &mut String) {
        let at = self.below(text.len() + 1);
        let at = (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        match self.below(4) {
            0 => text.truncate(at),
            1 => text.insert_str(at, self.one_of(&["\"", "{", "[", "}", "\\ud800", "1e999", ",", ":"])),
            2 if at < text.len() => {
                text.remove(at);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_of_random_inputs_are_answered_and_none_gets_into_a_statement() {
        let outcome = super::fuzz(20_000, 1);
        assert!(outcome.accepted > 2_000 && outcome.refused > 2_000, "{outcome:?}");
    }
}
