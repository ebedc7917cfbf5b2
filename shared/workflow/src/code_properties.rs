//! Which properties of a schema's documents name places in code: those of the format `code-reference`, which is ours.
//! Hands document.rs the references of a document. Pure.

use serde_json::Value;

use crate::code_reference::CodeReference;

/// The format's name in schemas.
pub(crate) const FORMAT: &str = "code-reference";

/// References kept of one document; a document that names more is about everything.
const MAX_REFERENCES: usize = 200;

enum Step {
    Property(String),
    /// Any item of a list, or any property that is not named.
    Any,
}

/// The ways to those properties.
#[derive(Default)]
pub(crate) struct CodeProperties(Vec<Vec<Step>>);

impl CodeProperties {
    /// Finds them in a definition that lint.rs accepted: references end there, and their number is bounded.
    pub(crate) fn of(definition: &Value) -> Self {
        let mut found = Self::default();
        found.walk(definition, definition, &mut Vec::new());
        found
    }

    fn walk(&mut self, root: &Value, schema: &Value, way: &mut Vec<Step>) {
        let Value::Object(keywords) = schema else { return };
        for (keyword, value) in keywords {
            match (keyword.as_str(), value) {
                ("format", Value::String(format)) if format == FORMAT => {
                    let here = way.iter().map(|step| match step {
                        Step::Property(name) => Step::Property(name.clone()),
                        Step::Any => Step::Any,
                    });
                    self.0.push(here.collect());
                }
                ("$ref", Value::String(target)) => {
                    if let Some(schema) = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) {
                        self.walk(root, schema, way);
                    }
                }
                ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                    schemas.iter().for_each(|schema| self.walk(root, schema, way));
                }
                ("then" | "else", schema) => self.walk(root, schema, way),
                ("properties", Value::Object(schemas)) => {
                    for (name, schema) in schemas {
                        way.push(Step::Property(name.clone()));
                        self.walk(root, schema, way);
                        way.pop();
                    }
                }
                ("items" | "additionalProperties", schema) => {
                    way.push(Step::Any);
                    self.walk(root, schema, way);
                    way.pop();
                }
                _ => {}
            }
        }
    }

    /// The references that stand at those properties, each once.
    pub(crate) fn find(&self, document: &Value) -> Vec<CodeReference> {
        let mut found = Vec::new();
        for way in &self.0 {
            follow(document, way, &mut found);
        }
        found
    }
}

fn follow(value: &Value, way: &[Step], found: &mut Vec<CodeReference>) {
    let Some((step, rest)) = way.split_first() else {
        let reference = value.as_str().and_then(|text| CodeReference::parse(text).ok());
        if let Some(reference) = reference.filter(|reference| !found.contains(reference))
            && found.len() < MAX_REFERENCES
        {
            found.push(reference);
        }
        return;
    };
    match (step, value) {
        (Step::Property(name), Value::Object(properties)) => {
            if let Some(value) = properties.get(name) {
                follow(value, rest, found);
            }
        }
        (Step::Any, Value::Array(items)) => items.iter().for_each(|item| follow(item, rest, found)),
        (Step::Any, Value::Object(properties)) => properties.values().for_each(|value| follow(value, rest, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CodeProperties;

    #[test]
    fn references_are_found_wherever_the_schema_puts_them() {
        let properties = CodeProperties::of(&json!({
            "$defs": {"place": {"type": "string", "format": "code-reference"}},
            "properties": {
                "where": {"$ref": "#/$defs/place"},
                "seen": {"items": {"properties": {"at": {"$ref": "#/$defs/place"}}}},
                "note": {"type": "string"},
            },
        }));
        let document =
            json!({"where": "shop/a.rs", "seen": [{"at": "shop/b.rs#L1"}, {"at": "shop/a.rs"}], "note": "shop/c.rs"});
        let found: Vec<String> = properties.find(&document).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["shop/b.rs#L1", "shop/a.rs"]);
    }
}
