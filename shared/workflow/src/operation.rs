//! What can be done to an entity, as callers write it: alone or in a list. Hands change.rs and bulk.rs one kind of value,
//! so that both mean the same.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::WorkflowError;
use crate::faults::{Faults, cut, step};
use crate::lint::did_you_mean;
use crate::patch::Change;

/// One change of one entity.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Store a document under the newest version of a schema.
    Create {
        /// The schema's name.
        schema: String,
        /// The document.
        data: Value,
        /// The id to give it; none: a new one.
        id: Option<Uuid>,
    },
    /// Store the next version of a document.
    Update {
        /// Which.
        target: Target,
        /// What to make of the document.
        change: Change,
    },
    /// Mark it as deleted; its history stays.
    Delete(Target),
    /// Take the mark away.
    Restore(Target),
    /// Store a past version's document as the next version.
    Revert {
        /// Which.
        target: Target,
        /// The past version.
        to_version: i32,
    },
}

/// An entity as its writer saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Which entity.
    pub id: Uuid,
    /// The version the writer saw; another one is a conflict.
    pub expected_version: i32,
    /// The fence of the writer's claim: the write is refused when the claim is over.
    pub fence: Option<i64>,
}

impl Operation {
    /// The entity that is changed, unless it is a new one.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Create { .. } => None,
            Self::Update { target, .. } | Self::Revert { target, .. } => Some(target),
            Self::Delete(target) | Self::Restore(target) => Some(target),
        }
    }

    /// Reads an operation as callers write it: `{"op": "update", "id": …, "expected_version": 3, "patch": …}`.
    ///
    /// # Errors
    ///
    /// Which properties are missing, unknown or wrong.
    pub fn read(written: &Value) -> Result<Self, Faults> {
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

    /// Where a fault of the document lies in the operation as it is written.
    pub(crate) fn place_of(&self, error: &WorkflowError) -> &'static str {
        match (self, error) {
            (Self::Create { .. }, WorkflowError::UnknownSchema { .. }) => "/schema",
            (Self::Create { .. }, WorkflowError::IdTaken { .. }) => "/id",
            (Self::Create { .. }, _) => "/data",
            (_, WorkflowError::UnknownEntity { .. }) => "/id",
            (_, WorkflowError::Conflict(_) | WorkflowError::Deleted { .. }) => "/expected_version",
            (_, WorkflowError::ClaimLost { .. }) => "/fence",
            (Self::Revert { .. }, _) => "/to_version",
            (_, WorkflowError::InvalidPatch(_)) => "/patch",
            // What a patch made is wrong at the pointers of the document it made.
            (
                Self::Update {
                    change: Change::Replace(_),
                    ..
                },
                _,
            ) => "/data",
            _ => "",
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
    fn operation(&mut self) -> Option<Operation> {
        const KINDS: [&str; 5] = ["create", "update", "delete", "restore", "revert"];
        match self.properties.get("op").and_then(Value::as_str) {
            Some("create") => {
                let schema = self.required("schema", Value::as_str, "a schema's name");
                let data = self.required("data", Some, "the document");
                let id = self.id(false);
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
        }
    }

    fn target(&mut self) -> Option<Target> {
        let id = self.id(true);
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

    fn id(&mut self, is_required: bool) -> Option<Uuid> {
        match self.take("id") {
            None => {
                if is_required {
                    self.faults
                        .add("", "required", "the property \"id\" is missing; add it");
                }
                None
            }
            Some(value) => {
                let id = value.as_str().and_then(|text| Uuid::parse_str(text).ok());
                if id.is_none() {
                    self.faults.add("/id", "format", "must be the id of an entity, a UUID");
                }
                id
            }
        }
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

    use super::Operation;

    const ID: &str = "6f1b5dd2-0000-4000-8000-000000000001";

    #[test]
    fn operations_are_read_as_they_are_written() {
        let operations = [
            json!({"op": "create", "schema": "task", "data": {}}),
            json!({"op": "update", "id": ID, "expected_version": 1, "patch": {"a": 1}}),
            json!({"op": "update", "id": ID, "expected_version": 1, "data": {}, "fence": 7}),
            json!({"op": "delete", "id": ID, "expected_version": 2}),
            json!({"op": "revert", "id": ID, "expected_version": 2, "to_version": 1}),
        ];
        for written in operations {
            Operation::read(&written).unwrap();
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
        ];
        for (written, pointers) in cases {
            let found = Operation::read(&written).unwrap_err();
            let at: Vec<&str> = found.faults.iter().map(|fault| fault.pointer.as_str()).collect();
            assert_eq!(at, pointers, "{written}: {found}");
        }
        let found = Operation::read(&json!({"op": "creat"})).unwrap_err();
        assert!(found.to_string().contains("did you mean \"create\""), "{found}");
    }
}
