//! Makes generated JSON Schemas plain: clients warn about `format: uint32` and stumble over `type: [..., "null"]`, and a
//! missing argument says the same as null.

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

    use super::plain;

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
}
