//! Checks the arguments of a call against the schema that the tool was listed with, so that a refusal names the argument
//! and says what it may be. Hands on arguments that the tool's own type accepts; knows no tool.

use rmcp::model::{JsonObject, Tool};
use serde_json::Value;

use crate::tool_error::ToolError;

/// Refuses what the tool does not take, and drops nulls: a missing argument says the same.
pub(crate) fn check(tool: &Tool, arguments: &mut JsonObject) -> Result<(), ToolError> {
    arguments.retain(|_, value| !value.is_null());
    let schema: &JsonObject = &tool.input_schema;
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, value) in arguments.iter() {
        let Some(property) = properties.and_then(|properties| properties.get(name)) else {
            let known: Vec<&str> = properties
                .into_iter()
                .flat_map(JsonObject::keys)
                .map(String::as_str)
                .collect();
            return Err(ToolError::new(format!(
                "{} takes no argument `{}`; it takes {}",
                tool.name,
                short(name),
                known.join(", ")
            )));
        };
        if let Some(wanted) = misfit(resolve(schema, property), value) {
            return Err(ToolError::new(format!(
                "argument `{name}` of {} must be {wanted}",
                tool.name
            )));
        }
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !arguments.contains_key(name) {
            return Err(ToolError::new(format!("{} needs the argument `{name}`", tool.name)));
        }
    }
    Ok(())
}

/// Follows `$ref` into the schema's definitions, where enums stand.
fn resolve<'a>(schema: &'a JsonObject, property: &'a Value) -> &'a Value {
    let target = property["$ref"]
        .as_str()
        .and_then(|reference| reference.strip_prefix("#/$defs/"));
    target
        .and_then(|name| schema.get("$defs")?.get(name))
        .unwrap_or(property)
}

/// What the value would have to be, unless it is that.
fn misfit(property: &Value, value: &Value) -> Option<String> {
    if let Some(choices) = property["enum"].as_array() {
        let names: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
        return (!choices.contains(value)).then(|| format!("one of {}", names.join(", ")));
    }
    match property["type"].as_str() {
        Some("string") if !value.is_string() => Some("a string".to_owned()),
        Some("boolean") if !value.is_boolean() => Some("true or false".to_owned()),
        Some("integer") => {
            let least = property["minimum"].as_i64().unwrap_or(0);
            let most = property["maximum"].as_i64().unwrap_or(i32::MAX.into());
            let fits = value.as_i64().is_some_and(|number| (least..=most).contains(&number));
            (!fits).then(|| format!("a whole number from {least} to {most}"))
        }
        _ => None,
    }
}

/// A name comes from the caller and goes back to it: long enough to be recognised.
fn short(name: &str) -> String {
    name.chars()
        .filter(|character| !character.is_control())
        .take(60)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn refusal(mut arguments: Value) -> Option<String> {
        let schema = json!({
            "type": "object",
            "properties": {
                "query": { "type": "string" },
                "limit": { "type": "integer", "minimum": 1, "maximum": 100 },
                "mode": { "$ref": "#/$defs/Mode" },
            },
            "required": ["query"],
            "$defs": { "Mode": { "type": "string", "enum": ["hybrid", "lexical"] } },
        });
        let tool = Tool::new("search", "finds", Arc::new(schema.as_object().unwrap().clone()));
        check(&tool, arguments.as_object_mut().unwrap())
            .err()
            .map(|error| error.0)
    }

    #[test]
    fn a_refusal_names_the_argument_and_says_what_it_may_be() {
        assert_eq!(refusal(json!({ "query": "a", "limit": 5, "mode": "lexical" })), None);
        for (arguments, words) in [
            (
                json!({ "query": "a", "qurey": 1 }),
                "takes no argument `qurey`; it takes limit, mode, query",
            ),
            (
                json!({ "query": "a", "limit": "5" }),
                "`limit` of search must be a whole number from 1 to 100",
            ),
            (json!({ "query": "a", "limit": 0 }), "from 1 to 100"),
            (
                json!({ "query": "a", "mode": "fuzzy" }),
                "`mode` of search must be one of hybrid, lexical",
            ),
            (json!({ "query": ["a"] }), "`query` of search must be a string"),
            (json!({}), "needs the argument `query`"),
        ] {
            let refused = refusal(arguments).unwrap_or_default();
            assert!(refused.contains(words), "{refused}");
        }
    }

    #[test]
    fn null_says_the_same_as_nothing() {
        assert_eq!(refusal(json!({ "query": "a", "limit": null })), None);
    }
}
