//! Makes generated JSON Schemas plain: clients warn about `format: uint32` and stumble over `type: [..., "null"]`, and a
//! missing argument says the same as null.

use rmcp::model::JsonObject;
use schemars::Schema;
use serde_json::Value;

/// A schemars transform for every argument and result type, nested ones too: each type is transformed by itself.
pub(crate) fn plain(schema: &mut Schema) {
    if let Some(object) = schema.as_object_mut() {
        for value in object.values_mut() {
            simplify(value);
        }
    }
}

/// The schema of a tool's arguments as it is listed: every session pays for each byte. The dialect is the protocol's
/// default, definitions stand where they are used, and a number that cannot be negative need not be said to be none.
pub(crate) fn listed_arguments(schema: &JsonObject) -> JsonObject {
    let (mut schema, definitions) = without_definitions(schema);
    inline(&mut schema, &definitions);
    schema
}

/// The same for a tool's result: its fields and their kinds. A result is read as it is, so there are no explanations, and
/// which fields may be missing and what an object or a list inside consists of is left out.
pub(crate) fn listed_result(schema: &JsonObject) -> JsonObject {
    let mut schema = listed_arguments(schema);
    schema.remove("required");
    for field in fields(&mut schema) {
        if let Value::Object(field) = field {
            field.remove("description");
            shorten(field);
        }
    }
    schema
}

/// For a result that consists of the users' own documents.
pub(crate) fn listed_documents() -> JsonObject {
    JsonObject::from_iter([("type".to_owned(), "object".into())])
}

fn shorten(part: &mut JsonObject) {
    if part.get("type").is_some_and(|kind| kind == "object" || kind == "array") {
        part.retain(|key, _| key == "type");
    }
}

fn fields(schema: &mut JsonObject) -> impl Iterator<Item = &mut Value> {
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(JsonObject::values_mut)
}

fn without_definitions(schema: &JsonObject) -> (JsonObject, JsonObject) {
    let mut schema = schema.clone();
    schema.remove("$schema");
    let definitions = match schema.remove("$defs") {
        Some(Value::Object(definitions)) => definitions,
        _ => JsonObject::new(),
    };
    (schema, definitions)
}

fn inline(object: &mut JsonObject, definitions: &JsonObject) {
    if let Some(Value::String(reference)) = object.remove("$ref")
        && let Some(Value::Object(definition)) = definitions.get(reference.trim_start_matches("#/$defs/"))
    {
        for (key, part) in definition {
            object.entry(key.clone()).or_insert_with(|| part.clone());
        }
    }
    if object.get("minimum") == Some(&Value::from(0)) && !object.contains_key("maximum") {
        object.remove("minimum");
    }
    for part in object.values_mut() {
        inline_below(part, definitions);
    }
}

fn inline_below(value: &mut Value, definitions: &JsonObject) {
    match value {
        Value::Object(object) => inline(object, definitions),
        Value::Array(items) => items.iter_mut().for_each(|item| inline_below(item, definitions)),
        _ => {}
    }
}

fn simplify(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if matches!(object.get("type"), Some(Value::String(kind)) if kind == "integer" || kind == "number") {
                object.remove("format");
            }
            if let Some(Value::Array(kinds)) = object.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [only] = kinds.as_slice() {
                    let only = only.clone();
                    let is_number = only == "integer" || only == "number";
                    object.insert("type".to_owned(), only);
                    if is_number {
                        object.remove("format");
                    }
                }
            }
            if object.get("default") == Some(&Value::Null) {
                object.remove("default");
            }
            unwrap_nullable_reference(object);
            object.values_mut().for_each(simplify);
        }
        Value::Array(items) => items.iter_mut().for_each(simplify),
        _ => {}
    }
}

/// `anyOf: [{$ref}, {type: null}]` is how an optional enum or struct comes out.
fn unwrap_nullable_reference(object: &mut serde_json::Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get("anyOf") else {
        return;
    };
    let real: Vec<&Value> = choices.iter().filter(|choice| choice["type"] != "null").collect();
    if let [Value::Object(only)] = real.as_slice()
        && choices.len() == 2
    {
        let only = only.clone();
        object.remove("anyOf");
        object.extend(only);
    }
}

#[cfg(test)]
mod tests {
    use schemars::{JsonSchema, generate::SchemaSettings};
    use serde_json::json;

    use super::{listed_arguments, listed_result, plain};

    #[derive(JsonSchema)]
    #[schemars(transform = plain)]
    #[allow(dead_code, reason = "only its schema is used")]
    struct Example {
        limit: Option<u32>,
        name: Option<String>,
        score: f64,
    }

    #[test]
    fn no_formats_and_no_null_types() {
        let schema = SchemaSettings::draft2020_12()
            .into_generator()
            .into_root_schema_for::<Example>();
        let text = serde_json::to_string(&schema).expect("a schema is JSON");
        assert!(!text.contains("null") && !text.contains("format"), "{text}");
        assert_eq!(schema.as_value()["properties"]["name"]["type"], json!("string"));
    }

    #[test]
    fn what_is_listed_stands_where_it_is_used() {
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "mode": { "$ref": "#/$defs/Mode", "description": "how" },
                "files": { "type": "integer", "minimum": 0 },
                "hits": { "type": "array", "items": { "$ref": "#/$defs/Hit" } },
            },
            "$defs": {
                "Mode": { "type": "string", "enum": ["a", "b"] },
                "Hit": { "type": "object", "properties": { "path": { "type": "string" } } },
            },
        });
        let whole = whole.as_object().expect("an object");
        let arguments = json!({
            "type": "object",
            "properties": {
                "mode": { "type": "string", "enum": ["a", "b"], "description": "how" },
                "files": { "type": "integer" },
                "hits": {
                    "type": "array",
                    "items": { "type": "object", "properties": { "path": { "type": "string" } } },
                },
            },
        });
        assert_eq!(serde_json::Value::Object(listed_arguments(whole)), arguments);
        let result = json!({
            "type": "object",
            "properties": {
                "mode": { "type": "string", "enum": ["a", "b"] },
                "files": { "type": "integer" },
                "hits": { "type": "array" },
            },
        });
        assert_eq!(serde_json::Value::Object(listed_result(whole)), result);
    }
}
