//! An operation of a batch as callers write it: `{"op": "update", "id": …, "expected_version": 3, "patch": …}`. Hands bulk.rs
//! what it means, or everything that is wrong with it.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::WorkflowError;
use crate::faults::{Faults, cut, step};
use crate::link_change::{LinkChange, LinkEnd};
use crate::lint::did_you_mean;
use crate::operation::{Operation, Target};
use crate::patch::Change;

/// What a batch can do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WrittenOperation {
    /// Change an entity.
    Change(Operation),
    /// Make a link or take it away.
    Link(LinkChange),
}

impl WrittenOperation {
    /// Reads one operation; the error says which properties are missing, unknown or wrong.
    pub(crate) fn read(written: &Value) -> Result<Self, Faults> {
        let Value::Object(properties) = written else {
            return Err(Faults::one(
                "",
                "type",
                "an operation is an object, as {\"op\": \"create\", …}",
            ));
        };
        let mut reader = Reader {
            properties,
            known: vec!["op"],
            faults: Faults::default(),
        };
        let operation = reader.operation();
        reader.finish()?;
        operation.ok_or_else(|| Faults::one("", "type", "no operation"))
    }

    /// The entities that it changes or links, unless it is a new one.
    pub(crate) fn entities(&self) -> Vec<Uuid> {
        match self {
            Self::Change(operation) => operation.target().map(|target| target.id).into_iter().collect(),
            Self::Link(change) => change.entities(),
        }
    }

    /// The entity that a report names when it fails.
    pub(crate) fn subject(&self) -> Option<Uuid> {
        match self {
            Self::Change(operation) => operation.target().map(|target| target.id),
            Self::Link(change) => Some(change.from),
        }
    }

    /// Where a failure lies in the operation as it is written.
    pub(crate) fn place_of(&self, error: &WorkflowError) -> &'static str {
        match self {
            Self::Change(operation) => operation.place_of(error),
            Self::Link(change) => change.place_of(error),
        }
    }
}

/// Takes properties out of an operation and notes what is wrong with them.
struct Reader<'w> {
    properties: &'w Map<String, Value>,
    known: Vec<&'static str>,
    faults: Faults,
}

impl<'w> Reader<'w> {
    fn operation(&mut self) -> Option<WrittenOperation> {
        const KINDS: [&str; 7] = ["create", "update", "delete", "restore", "revert", "link", "unlink"];
        let operation = match self.properties.get("op").and_then(Value::as_str) {
            Some("create") => {
                let schema = self.required("schema", Value::as_str, "a schema's name");
                let data = self.required("data", Some, "the document");
                let id = self.id("id", false);
                Some(Operation::Create {
                    schema: schema?.to_owned(),
                    data: data?.clone(),
                    id,
                })
            }
            Some("update") => {
                let target = self.target();
                let (data, patch) = (self.take("data"), self.take("patch"));
                let change = match (data, patch) {
                    (Some(data), None) => Change::Replace(data.clone()),
                    (None, Some(patch)) => Change::from_patch(patch.clone()),
                    _ => {
                        self.faults.add("", "required", "give either data or patch");
                        return None;
                    }
                };
                Some(Operation::Update {
                    target: target?,
                    change,
                })
            }
            Some("delete") => self.target().map(Operation::Delete),
            Some("restore") => self.target().map(Operation::Restore),
            Some(op @ ("link" | "unlink")) => return self.link(op == "unlink").map(WrittenOperation::Link),
            Some("revert") => {
                let target = self.target();
                let to_version = self.required("to_version", version, "the number of a past version");
                Some(Operation::Revert {
                    target: target?,
                    to_version: to_version?,
                })
            }
            found => {
                let meant = did_you_mean(found.unwrap_or_default(), KINDS.into_iter());
                self.faults
                    .add("/op", "enum", format!("must be one of {}{meant}", KINDS.join(", ")));
                None
            }
        };
        operation.map(WrittenOperation::Change)
    }

    fn link(&mut self, remove: bool) -> Option<LinkChange> {
        let from = self.id("from", true);
        let kind = self.required("kind", Value::as_str, "what the link says, as blocks");
        let to = self.required("to", Value::as_str, "the id of an entity, or a place in code");
        match LinkEnd::read(kind?, to?) {
            Ok(end) => Some(LinkChange {
                from: from?,
                end,
                remove,
            }),
            Err(faults) => {
                for fault in faults.faults {
                    self.faults.add(&fault.pointer, &fault.keyword, fault.message);
                }
                None
            }
        }
    }

    fn target(&mut self) -> Option<Target> {
        let id = self.id("id", true);
        let expected_version = self.required("expected_version", version, "the version you saw, a number from 1");
        let fence = match self.take("fence") {
            Some(value) if value.as_i64().is_none() => {
                self.faults
                    .add("/fence", "type", "must be the number that claim_next gave");
                None
            }
            value => value.and_then(Value::as_i64),
        };
        Some(Target {
            id: id?,
            expected_version: expected_version?,
            fence,
        })
    }

    fn id(&mut self, name: &'static str, is_required: bool) -> Option<Uuid> {
        if !is_required && !self.properties.contains_key(name) {
            self.known.push(name);
            return None;
        }
        let read = |value: &Value| value.as_str().and_then(|text| Uuid::parse_str(text).ok());
        self.required(name, read, "the id of an entity, a UUID")
    }

    fn required<T>(&mut self, name: &'static str, read: impl Fn(&'w Value) -> Option<T>, what: &str) -> Option<T> {
        let Some(value) = self.take(name) else {
            self.faults
                .add("", "required", format!("the property {name:?} is missing; add it"));
            return None;
        };
        let found = read(value);
        if found.is_none() {
            self.faults.add(&format!("/{name}"), "type", format!("must be {what}"));
        }
        found
    }

    fn take(&mut self, name: &'static str) -> Option<&'w Value> {
        self.known.push(name);
        self.properties.get(name)
    }

    fn finish(mut self) -> Result<(), Faults> {
        if !self.faults.has("enum") {
            for name in self
                .properties
                .keys()
                .filter(|name| !self.known.contains(&name.as_str()))
            {
                let shown = cut(name, 80);
                let meant = did_you_mean(name, self.known.iter().copied());
                let message = format!("there is no property {shown:?}{meant}; take it out");
                self.faults.add(&step("", name), "additionalProperties", message);
            }
        }
        self.faults.into_result()
    }
}

fn version(value: &Value) -> Option<i32> {
    value
        .as_i64()
        .and_then(|number| i32::try_from(number).ok())
        .filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use serde_json::json;

    use super::WrittenOperation;

    const ID: &str = "6f1b5dd2-0000-4000-8000-000000000001";

    #[test]
    fn operations_are_read_as_they_are_written() {
        let operations = [
            json!({"op": "create", "schema": "task", "data": {}}),
            json!({"op": "update", "id": ID, "expected_version": 1, "patch": {"a": 1}}),
            json!({"op": "update", "id": ID, "expected_version": 1, "data": {}, "fence": 7}),
            json!({"op": "delete", "id": ID, "expected_version": 2}),
            json!({"op": "revert", "id": ID, "expected_version": 2, "to_version": 1}),
            json!({"op": "link", "from": ID, "kind": "blocks", "to": ID}),
            json!({"op": "unlink", "from": ID, "kind": "about", "to": "shop/src/cart.rs#L3"}),
        ];
        for written in operations {
            WrittenOperation::read(&written).unwrap();
        }
    }

    #[test]
    fn what_is_wrong_with_an_operation_is_said_at_once() {
        let cases = [
            (json!(7), vec![""]),
            (json!({"op": "creat"}), vec!["/op"]),
            (json!({"op": "create", "scheme": "task"}), vec!["", "", "/scheme"]),
            (
                json!({"op": "update", "id": "x", "expected_version": 0}),
                vec!["", "/expected_version", "/id"],
            ),
            (
                json!({"op": "update", "id": ID, "expected_version": 1, "data": 1, "patch": 2}),
                vec![""],
            ),
            (json!({"op": "delete", "id": ID}), vec![""]),
            (json!({"op": "link", "from": 7, "kind": "about"}), vec!["", "/from"]),
            (
                json!({"op": "link", "from": ID, "kind": "block", "to": ID}),
                vec!["/kind"],
            ),
            (
                json!({"op": "unlink", "from": ID, "kind": "blocks", "to": "a/b.rs", "id": 1}),
                vec!["/id", "/to"],
            ),
        ];
        for (written, pointers) in cases {
            let found = WrittenOperation::read(&written).unwrap_err();
            let at: Vec<&str> = found.faults.iter().map(|fault| fault.pointer.as_str()).collect();
            assert_eq!(at, pointers, "{written}: {found}");
        }
        let found = WrittenOperation::read(&json!({"op": "creat"})).unwrap_err();
        assert!(found.to_string().contains("did you mean \"create\""), "{found}");
    }
}
