//! Reads JSON text that a person or a file hands over. What a lenient parser would change silently is refused where it
//! stands: a name given twice, a number that would be rounded or is beyond what can be stored, half a surrogate pair, nesting without end.
//! Never used for what the database holds: that was read here, or by a protocol, before.

use std::cell::RefCell;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::WorkflowError;
use crate::faults::{Faults, cut, step};
use crate::limits::MAX_DEPTH;

/// Reads one JSON value.
///
/// # Errors
///
/// [`WorkflowError::InvalidJson`] with the pointer of what is wrong.
pub fn read_json(text: &str) -> Result<Value, WorkflowError> {
    read_json_inside(text, 0)
}

/// As [`read_json`], for a message that has its documents up to `levels` levels below its top.
///
/// # Errors
///
/// As [`read_json`].
pub fn read_json_inside(text: &str, levels: usize) -> Result<Value, WorkflowError> {
    let place = RefCell::new(Vec::new());
    let mut reader = serde_json::Deserializer::from_str(text);
    let numbers = RefCell::new(Numbers { rest: text });
    let seed = Strict {
        place: &place,
        numbers: &numbers,
        deepest: MAX_DEPTH + levels,
    };
    let read = seed
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    read.map_err(|error| {
        let pointer = place
            .borrow()
            .iter()
            .fold(String::new(), |pointer, token: &String| step(&pointer, token));
        WorkflowError::InvalidJson(Faults::one(&pointer, "json", explain(&error)))
    })
}

fn explain(error: &serde_json::Error) -> String {
    let mut said = error.to_string();
    if error.is_data() {
        // What is wrong with a value stands where the pointer says; the parser is further on by then.
        let place = format!(" at line {} column {}", error.line(), error.column());
        said.truncate(said.strip_suffix(&place).map_or(said.len(), str::len));
    }
    let said = cut(&said, 200);
    let hint = if said.starts_with("number out of range") {
        "; numbers go to about 1.8e308, write larger ones as text"
    } else if said.contains("surrogate")
        || said.starts_with("lone leading")
        || said.starts_with("unexpected end of hex")
    {
        "; a character beyond U+FFFF is a pair of escapes, as \\ud83d\\ude00"
    } else if ["expected ident", "expected value", "key must be a string"]
        .iter()
        .any(|start| said.starts_with(start))
    {
        "; texts and names stand in double quotes"
    } else {
        ""
    };
    format!("{said}{hint}")
}

#[derive(Clone, Copy)]
struct Strict<'p> {
    /// The way to the value being read. Not unwound on an error: then it says where.
    place: &'p RefCell<Vec<String>>,
    /// The numbers still to be read, as they are written.
    numbers: &'p RefCell<Numbers<'p>>,
    deepest: usize,
}

/// The numbers of a JSON text in the order in which the parser hands them over. The parser makes the nearest float of
/// what has more digits, and does not say so: how it is written does.
struct Numbers<'t> {
    rest: &'t str,
}

impl<'t> Iterator for Numbers<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let mut bytes = self.rest.bytes().enumerate();
        let mut in_text = false;
        let start = loop {
            match bytes.next()? {
                (_, b'\\') if in_text => {
                    bytes.next();
                }
                (_, b'"') => in_text = !in_text,
                (at, b'-' | b'0'..=b'9') if !in_text => break at,
                _ => {}
            }
        };
        let number = &self.rest[start..];
        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
        let (number, rest) = number.split_at(number.find(|c| !is_part(c)).unwrap_or(number.len()));
        self.rest = rest;
        Some(number)
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Strict<'_> {
    fn enter<E: serde::de::Error>(&self, token: String) -> Result<(), E> {
        let mut place = self.place.borrow_mut();
        place.push(token);
        if place.len() > self.deepest {
            return Err(E::custom(format!("nested deeper than {MAX_DEPTH} levels; flatten it")));
        }
        Ok(())
    }

    fn leave(&self) {
        self.place.borrow_mut().pop();
    }

    /// How the number that the parser hands over is written.
    fn written(&self) -> &str {
        self.numbers.borrow_mut().next().unwrap_or_default()
    }
}

/// The digits that count and the power of ten of the last one, so that numbers of the same value have the same.
fn decimal(written: &str) -> Option<(String, i64)> {
    let (mantissa, exponent) = written.split_once(['e', 'E']).unwrap_or((written, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole.trim_start_matches('-'), fraction].concat();
    let counting = digits.trim_end_matches('0');
    if counting.is_empty() {
        return Some((String::new(), 0));
    }
    let behind = i64::try_from(digits.len() - counting.len()).ok()? - i64::try_from(fraction.len()).ok()?;
    let exponent = exponent.parse::<i64>().ok()?.checked_add(behind)?;
    Some((counting.trim_start_matches('0').to_owned(), exponent))
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        self.written();
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        self.written();
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let written = self.written();
        if !written.contains(['.', 'e', 'E']) && value != 0.0 {
            return Err(E::custom(
                "the integer has more than 64 bits and would be rounded; write it as text",
            ));
        }
        if decimal(written) != decimal(&format!("{value:e}")) {
            let kept = Number::from_f64(value).map_or(String::new(), |kept| format!(" to {kept}"));
            return Err(E::custom(format!(
                "the number would be rounded{kept}; write that, or the number as text"
            )));
        }
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        loop {
            self.enter(read.len().to_string())?;
            match items.next_element_seed(self)? {
                Some(item) => read.push(item),
                None => break,
            }
            self.leave();
        }
        self.leave();
        Ok(Value::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut properties: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = properties.next_key_seed(Name)? {
            self.enter(name.clone())?;
            if read.contains_key(&name) {
                return Err(A::Error::custom("the property is given twice; keep one"));
            }
            let value = properties.next_value_seed(self)?;
            self.leave();
            read.insert(name, value);
        }
        Ok(Value::Object(read))
    }
}

struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = String;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        String::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use serde_json::json;

    use super::read_json;
    use crate::WorkflowError;

    #[test]
    fn what_is_sound_is_read_as_it_stands() {
        let text = r#" {"a": [1, -0, -2, 3.5, 6.022e23, "x\u00e9\ud83d\ude00", null, true], "b": {"c": 18446744073709551615}} "#;
        let expected = json!({"a": [1, -0.0, -2, 3.5, 6.022e23, "xé😀", null, true], "b": {"c": u64::MAX}});
        assert_eq!(read_json(text).unwrap(), expected);
        let text = "[0.10, 1E+2, -0.0e9, 0.30000000000000004, 5e-324, 1.7976931348623157e308, 0.00120e-3, 100000000000000000000.0]";
        let expected = json!([0.1, 100.0, -0.0, 0.1 + 0.2, 5e-324, f64::MAX, 1.2e-6, 1e20]);
        assert_eq!(read_json(text).unwrap(), expected);
    }

    #[test]
    fn what_would_be_changed_silently_is_refused_where_it_stands() {
        let cases = [
            (r#"{"a": {"b": 1, "b": 2}}"#, "/a/b", "twice"),
            (r#"{"a": [0, 1e400]}"#, "/a/1", "1.8e308"),
            (
                r#"{"\"1\\": 3, "a": [1e20, -7, "\"9", 18446744073709551616]}"#,
                "/a/3",
                "64 bits",
            ),
            ("-9223372036854775809", "", "64 bits"),
            (
                r#"{"pi": 3.14159265358979323846}"#,
                "/pi",
                "rounded to 3.141592653589793;",
            ),
            ("[1e-400]", "/0", "rounded to 0.0;"),
            ("[1e-99999999999999999999]", "/0", "rounded"),
            ("[123456789012345678901.5]", "/0", "rounded"),
            (r#"{"a": ["\ud800"]}"#, "/a/0", "pair of escapes"),
            (r#"{"a": ["\udc00x"]}"#, "/a/0", "pair of escapes"),
            (r#"{"a/b": {"c": nul}}"#, "/a~1b/c", "expected"),
            ("[1, 2", "/2", "EOF"),
            ("[1] 2", "", "trailing"),
        ];
        for (text, pointer, says) in cases {
            let Err(WorkflowError::InvalidJson(found)) = read_json(text) else {
                panic!("{text}")
            };
            assert_eq!(found.faults[0].pointer, pointer, "{text}: {found}");
            assert!(found.faults[0].message.contains(says), "{text}: {found}");
        }
    }

    #[test]
    fn a_line_and_a_column_are_named_where_the_text_is_broken() {
        let message = |text| match read_json(text) {
            Err(WorkflowError::InvalidJson(found)) => found.faults[0].message.clone(),
            read => panic!("{read:?}"),
        };
        assert!(message("{\n\"a\": nul}").contains(" at line 2 column "));
        for unquoted in ["nonsense", "{'a': 1}", "{\"a\": b}"] {
            assert!(message(unquoted).ends_with("stand in double quotes"), "{unquoted}");
        }
        assert!(message("[1e400]").contains(" at line 1 column 6; numbers go to"));
        for broken_value in ["{\"a\": 1, \"a\": 2}", "[18446744073709551616]", "[1e-400]"] {
            assert!(!message(broken_value).contains(" column "), "{broken_value}");
        }
    }

    #[test]
    fn depth_is_refused_before_the_stack_ends() {
        for text in ["[".repeat(1_000_000), r#"{"a":"#.repeat(1_000_000)] {
            let Err(WorkflowError::InvalidJson(found)) = read_json(&text) else {
                panic!()
            };
            assert!(found.faults[0].message.contains("deeper than 64"), "{found}");
        }
    }
}
