//! What a new version of a schema changes for its documents: whether all that were valid stay valid, keyword by keyword.
//! Cautious: what it cannot compare counts as changed both ways. Pure.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::faults::step;

/// Differences named at most.
const MAX_LISTED: usize = 50;

/// Keywords that describe and check nothing.
const ANNOTATIONS: [&str; 9] = [
    "title",
    "description",
    "default",
    "examples",
    "$comment",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$schema",
];

/// Keywords whose number is an upper limit, and those whose number is a lower one.
const UPPER: [&str; 6] = [
    "maximum",
    "exclusiveMaximum",
    "maxLength",
    "maxItems",
    "maxProperties",
    "maxContains",
];
const LOWER: [&str; 6] = [
    "minimum",
    "exclusiveMinimum",
    "minLength",
    "minItems",
    "minProperties",
    "minContains",
];

/// What becomes of the documents that fit the version before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceClass {
    /// There is no version before.
    First,
    /// The definition is the same.
    Identical,
    /// Only descriptions differ.
    Annotations,
    /// All stay valid, and more documents are.
    Widened,
    /// Fewer documents are valid.
    Narrowed,
    /// Some become invalid and others valid, or it cannot be told.
    Changed,
}

/// One place at which two definitions differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SchemaChange {
    /// Pointer into the new definition; into the old one for what is gone.
    pub pointer: String,
    /// What that does to documents.
    pub effect: DifferenceClass,
}

/// Compares two definitions.
pub(crate) fn difference(before: &Value, after: &Value) -> (DifferenceClass, Vec<SchemaChange>) {
    if before == after {
        return (DifferenceClass::Identical, Vec::new());
    }
    let mut found = Compared::default();
    found.schemas(before, after, "");
    let effects = found.changes.iter().map(|change| change.effect);
    let class = effects.reduce(joined).unwrap_or(DifferenceClass::Annotations);
    found.changes.truncate(MAX_LISTED);
    (class, found.changes)
}

/// The class of two differences together.
fn joined(one: DifferenceClass, other: DifferenceClass) -> DifferenceClass {
    use DifferenceClass::{Annotations, Changed};
    match (one, other) {
        (Annotations, class) | (class, Annotations) => class,
        (one, other) if one == other => one,
        _ => Changed,
    }
}

#[derive(Default)]
struct Compared {
    changes: Vec<SchemaChange>,
}

use DifferenceClass::{Annotations, Changed, Narrowed, Widened};

impl Compared {
    fn note(&mut self, pointer: &str, effect: DifferenceClass) {
        self.changes.push(SchemaChange {
            pointer: pointer.to_owned(),
            effect,
        });
    }

    fn schemas(&mut self, before: &Value, after: &Value, pointer: &str) {
        if before == after {
            return;
        }
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => self.keywords(before, after, pointer),
            (Value::Bool(false), _) | (_, Value::Bool(true)) => self.note(pointer, Widened),
            (Value::Bool(true), _) | (_, Value::Bool(false)) => self.note(pointer, Narrowed),
            _ => self.note(pointer, Changed),
        }
    }

    fn keywords(&mut self, before: &Map<String, Value>, after: &Map<String, Value>, pointer: &str) {
        let nothing = Value::Null;
        let names = before
            .keys()
            .chain(after.keys().filter(|name| !before.contains_key(*name)));
        for name in names {
            let (old, new) = (before.get(name), after.get(name));
            if old == new {
                continue;
            }
            let at = step(pointer, name);
            match (name.as_str(), old, new) {
                (name, ..) if ANNOTATIONS.contains(&name) || name.starts_with("x-") => self.note(&at, Annotations),
                // Used where they are referred to, and compared as if written there.
                ("$defs", ..) => self.note(&at, Changed),
                ("properties", old, new) => self.properties(
                    old.unwrap_or(&nothing),
                    new.unwrap_or(&nothing),
                    &at,
                    before.get("additionalProperties"),
                    after.get("additionalProperties"),
                ),
                ("items" | "contains" | "additionalProperties" | "propertyNames", Some(old), Some(new)) => {
                    self.schemas(old, new, &at);
                }
                ("additionalProperties", None, Some(Value::Bool(true))) => self.note(&at, Annotations),
                ("required", old, new) => self.required(old, new, &at),
                ("enum", Some(Value::Array(old)), Some(Value::Array(new))) => {
                    self.sets(old, new, &at);
                }
                ("type", Some(old), Some(new)) => self.sets(&types(old), &types(new), &at),
                (name, Some(old), Some(new)) if UPPER.contains(&name) => self.limits(new, old, &at),
                (name, Some(old), Some(new)) if LOWER.contains(&name) => self.limits(old, new, &at),
                (_, None, Some(_)) => self.note(&at, Narrowed),
                (_, Some(_), None) => self.note(&at, Widened),
                _ => self.note(&at, Changed),
            }
        }
    }

    /// A property that the old version refused and the new one describes widens; one that was free and is described
    /// now narrows.
    fn properties(
        &mut self,
        before: &Value,
        after: &Value,
        pointer: &str,
        others_before: Option<&Value>,
        others_after: Option<&Value>,
    ) {
        let nothing = Map::new();
        let before = before.as_object().unwrap_or(&nothing);
        let after = after.as_object().unwrap_or(&nothing);
        let anything = Value::Bool(true);
        for (name, old) in before {
            let new = after.get(name).or(others_after).unwrap_or(&anything);
            self.schemas(old, new, &step(pointer, name));
        }
        for (name, new) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
            self.schemas(others_before.unwrap_or(&anything), new, &step(pointer, name));
        }
    }

    fn required(&mut self, before: Option<&Value>, after: Option<&Value>, pointer: &str) {
        let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
        // More names that are required are fewer documents.
        self.sets(&list(after), &list(before), pointer);
    }

    /// More allowed values widen.
    fn sets(&mut self, before: &[Value], after: &[Value], pointer: &str) {
        let gone = before.iter().any(|value| !after.contains(value));
        let new = after.iter().any(|value| !before.contains(value));
        match (gone, new) {
            (true, true) => self.note(pointer, Changed),
            (true, false) => self.note(pointer, Narrowed),
            (false, true) => self.note(pointer, Widened),
            (false, false) => self.note(pointer, Annotations),
        }
    }

    /// `from` at most `to` narrows: a higher lower limit, a lower upper one.
    fn limits(&mut self, from: &Value, to: &Value, pointer: &str) {
        match (from.as_f64(), to.as_f64()) {
            (Some(from), Some(to)) if from < to => self.note(pointer, Narrowed),
            (Some(from), Some(to)) if from > to => self.note(pointer, Widened),
            _ => self.note(pointer, Changed),
        }
    }
}

/// The types allowed; every integer is a number.
fn types(written: &Value) -> Vec<Value> {
    let mut types = match written {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    if types.iter().any(|name| name == "number") && !types.iter().any(|name| name == "integer") {
        types.push("integer".into());
    }
    types
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{DifferenceClass, difference};

    #[test]
    fn what_a_change_does_to_documents_is_told() {
        use DifferenceClass::{Annotations, Changed, Identical, Narrowed, Widened};
        let closed = |properties: serde_json::Value| json!({"properties": properties, "additionalProperties": false});
        let cases = [
            (json!({"type": "object"}), json!({"type": "object"}), Identical),
            (
                json!({"type": "object"}),
                json!({"type": "object", "title": "x"}),
                Annotations,
            ),
            (json!({"required": ["a", "b"]}), json!({"required": ["a"]}), Widened),
            (json!({"required": ["a"]}), json!({"required": ["a", "b"]}), Narrowed),
            (json!({}), json!({"required": ["a"]}), Narrowed),
            (json!({"enum": [1, 2]}), json!({"enum": [1, 2, 3]}), Widened),
            (json!({"enum": [1, 2]}), json!({"enum": [1, 3]}), Changed),
            (json!({"enum": [1, 2]}), json!({"enum": [2, 1]}), Annotations),
            (json!({"type": "integer"}), json!({"type": "number"}), Widened),
            (json!({"type": "number"}), json!({"type": "integer"}), Narrowed),
            (json!({"type": "string"}), json!({"type": ["string", "null"]}), Widened),
            (json!({"maxLength": 5}), json!({"maxLength": 6}), Widened),
            (json!({"maxLength": 5}), json!({"maxLength": 4}), Narrowed),
            (json!({"minimum": 5}), json!({"minimum": 6}), Narrowed),
            (json!({"minimum": 5}), json!({"minimum": 4}), Widened),
            (json!({"pattern": "^a"}), json!({"pattern": "^b"}), Changed),
            (json!({"pattern": "^a"}), json!({}), Widened),
            (closed(json!({"a": {}})), closed(json!({"a": {}, "b": {}})), Widened),
            (closed(json!({"a": {}, "b": {}})), closed(json!({"a": {}})), Narrowed),
            (
                json!({"properties": {}}),
                json!({"properties": {"b": {"type": "string"}}}),
                Narrowed,
            ),
            (
                json!({"properties": {"b": {"type": "string"}}}),
                json!({"properties": {}}),
                Widened,
            ),
            (
                closed(json!({"a": {"maxLength": 1}})),
                closed(json!({"a": {"maxLength": 2}, "b": {}})),
                Widened,
            ),
            (
                closed(json!({"a": {"maxLength": 2}})),
                closed(json!({"a": {"maxLength": 1}, "b": {}})),
                Changed,
            ),
            (
                json!({"$defs": {"a": {}}}),
                json!({"$defs": {"a": {"type": "string"}}}),
                Changed,
            ),
        ];
        for (before, after, expected) in cases {
            assert_eq!(difference(&before, &after).0, expected, "{before} -> {after}");
        }
    }

    #[test]
    fn the_places_are_named() {
        let before = json!({"properties": {"a": {"maxLength": 1}}});
        let after = json!({"properties": {"a": {"maxLength": 2}}, "title": "x"});
        let pointers: Vec<String> = difference(&before, &after)
            .1
            .into_iter()
            .map(|change| change.pointer)
            .collect();
        assert_eq!(pointers, ["/properties/a/maxLength", "/title"]);
    }
}
