//! A document that fits a schema, to show what one looks like. Pure; none when guessing does not lead to a valid one.

use serde_json::{Map, Value, json};

use crate::validate::CompiledSchema;

/// Levels of objects and lists in an example.
const MAX_LEVELS: usize = 8;

/// An example with what is required and what explains itself.
pub(crate) fn example_document(schema: &CompiledSchema) -> Option<Value> {
    let root = schema.definition();
    [true, false]
        .into_iter()
        .map(|all_properties| example(root, root, 0, all_properties))
        .find(|document| schema.validate(document).is_ok())
}

fn example(root: &Value, schema: &Value, level: usize, all_properties: bool) -> Value {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let target = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return target.map_or(Value::Null, |target| example(root, target, level, all_properties));
    }
    let given = ["const", "default"].iter().find_map(|keyword| schema.get(keyword));
    let first_of = |keyword: &str| schema.get(keyword).and_then(|list| list.get(0));
    if let Some(value) = given.or_else(|| first_of("examples")).or_else(|| first_of("enum")) {
        return value.clone();
    }
    let number = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        kind => kind.and_then(Value::as_str),
    };
    match kind {
        Some("object") | None if level < MAX_LEVELS => {
            let required: Vec<&str> = schema
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let mut document = Map::new();
            let properties = schema.get("properties").and_then(Value::as_object);
            for (name, property) in properties.into_iter().flatten() {
                if all_properties || required.contains(&name.as_str()) {
                    document.insert(name.clone(), example(root, property, level + 1, all_properties));
                }
            }
            if kind.is_none() && properties.is_none() {
                return json!("text");
            }
            Value::Object(document)
        }
        Some("array") => match schema.get("items").filter(|_| level < MAX_LEVELS) {
            Some(items) => json!([example(root, items, level + 1, all_properties)]),
            None => json!([]),
        },
        Some("integer") => json!(number("minimum").map_or(1, |least| {
            #[allow(clippy::cast_possible_truncation)] // an example; checked against the schema like any document
            let least = least.ceil() as i64;
            least
        })),
        Some("number") => json!(number("minimum").unwrap_or(1.0)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        _ => json!(text(schema)),
    }
}

fn text(schema: &Value) -> String {
    let example = match schema.get("format").and_then(Value::as_str) {
        Some("date-time") => "2026-01-31T17:30:00Z",
        Some("date") => "2026-01-31",
        Some("time") => "17:30:00Z",
        Some("duration") => "P1DT12H",
        Some("email" | "idn-email") => "ana@example.com",
        Some("uri" | "iri" | "uri-reference" | "iri-reference") => "https://example.com/a",
        Some("uuid") => "6f1b5dd2-7d44-4c3b-9a51-2f1c2a7e9d10",
        Some("hostname" | "idn-hostname") => "example.com",
        Some("ipv4") => "192.0.2.1",
        Some("ipv6") => "2001:db8::1",
        Some("regex") => "^a+$",
        Some("json-pointer") => "/a/0",
        Some("code-reference") => "shop/src/cart.rs#L10-L42",
        _ => "text",
    };
    let least = schema.get("minLength").and_then(Value::as_u64).unwrap_or(0);
    let missing = usize::try_from(least)
        .unwrap_or(0)
        .min(1_000)
        .saturating_sub(example.chars().count());
    format!("{example}{}", "x".repeat(missing))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use serde_json::json;

    use super::example_document;
    use crate::{TEMPLATES, compile_schema};

    #[test]
    fn templates_have_examples() {
        for template in TEMPLATES {
            let schema = compile_schema(&template.definition()).unwrap();
            assert!(example_document(&schema).unwrap()["status"].is_string());
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_guessed_is_left_out_or_gives_no_example() {
        let pattern = json!({"type": "string", "pattern": "^[0-9]{4}$"});
        let optional =
            json!({"type": "object", "properties": {"code": pattern, "n": {"type": "integer", "minimum": 3}}});
        assert_eq!(
            example_document(&compile_schema(&optional).unwrap()).unwrap(),
            json!({})
        );
        let required = json!({"type": "object", "required": ["code"], "properties": {"code": pattern}});
        assert_eq!(example_document(&compile_schema(&required).unwrap()), None);
    }
}
