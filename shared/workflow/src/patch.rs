//! The document that a change makes of another: replaced, merged (RFC 7386) or patched step by step (RFC 6902). And the
//! way back: which pointers differ between two documents.
//! Never checks the result against a schema; it only keeps what patches build from growing without end.

use json_patch::{PatchErrorKind, PatchOperation};
use serde::Deserialize;
use serde_json::Value;

use crate::error::WorkflowError;
use crate::faults::{Faults, cut, step};
use crate::limits::measure;

/// Most steps of a patch.
pub const MAX_PATCH_STEPS: usize = 1_000;

/// Differing pointers named at most.
const MAX_POINTERS: usize = 50;

/// What to make of a document.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// This one instead.
    Replace(Value),
    /// JSON Merge Patch, RFC 7386: an object whose properties replace those of the same name, null removes.
    Merge(Value),
    /// JSON Patch, RFC 6902: a list of steps.
    Patch(Value),
}

impl Change {
    /// The patch of a call that takes both kinds: a list is a JSON Patch, an object a merge patch.
    pub fn from_patch(patch: Value) -> Self {
        if patch.is_array() {
            Self::Patch(patch)
        } else {
            Self::Merge(patch)
        }
    }

    /// The document after the change.
    pub(crate) fn apply(self, document: &Value) -> Result<Value, WorkflowError> {
        match self {
            Self::Replace(data) => Ok(data),
            Self::Merge(patch) => {
                measure(&patch).map_err(WorkflowError::InvalidPatch)?;
                if !patch.is_object() {
                    let message = "a merge patch is an object, a JSON Patch a list of steps";
                    return Err(WorkflowError::InvalidPatch(Faults::one("", "type", message)));
                }
                let mut changed = document.clone();
                json_patch::merge(&mut changed, &patch);
                Ok(changed)
            }
            Self::Patch(steps) => apply_steps(document, &steps).map_err(WorkflowError::InvalidPatch),
        }
    }
}

fn apply_steps(document: &Value, steps: &Value) -> Result<Value, Faults> {
    measure(steps)?;
    let Some(steps) = steps.as_array().filter(|steps| steps.len() <= MAX_PATCH_STEPS) else {
        let message = format!("a JSON Patch is a list of at most {MAX_PATCH_STEPS} steps");
        return Err(Faults::one("", "type", message));
    };
    let mut changed = document.clone();
    for (index, written) in steps.iter().enumerate() {
        let at = format!("/{index}");
        let operation = PatchOperation::deserialize(written).map_err(|error| {
            let message = format!(
                "{}; a step is {{\"op\": \"add\", \"path\": \"/name\", \"value\": …}}, or remove, replace, move, copy, test",
                cut(&error.to_string(), 120)
            );
            Faults::one(&at, "op", message)
        })?;
        let copies = matches!(operation, PatchOperation::Copy(_) | PatchOperation::Move(_));
        // The copy is ours alone: a patch that fails half-way leaves nothing behind.
        json_patch::patch_unsafe(&mut changed, &[operation]).map_err(|error| {
            let path = cut(error.path.as_str(), 200);
            let message = match error.kind {
                PatchErrorKind::InvalidPointer => format!("the document has no place {path}"),
                PatchErrorKind::InvalidFromPointer => "the document has nothing at the place `from`".to_owned(),
                PatchErrorKind::TestFailed => format!("the value at {path} is another one"),
                kind => format!("{kind} at {path}"),
            };
            Faults::one(&at, "path", message)
        })?;
        // Values can double with each of them.
        if copies {
            measure(&changed).map_err(|found| {
                let said = found.faults.first().map_or("", |fault| &fault.message);
                Faults::one(&at, "size", format!("makes the document too large or too deep: {said}"))
            })?;
        }
    }
    Ok(changed)
}

/// The pointers at which two documents differ, the deepest that say it; lists that differ in length as a whole.
pub(crate) fn changed_pointers(before: &Value, after: &Value) -> Vec<String> {
    let mut pointers = Vec::new();
    compare(before, after, "", &mut pointers);
    pointers.truncate(MAX_POINTERS);
    pointers
}

fn compare(before: &Value, after: &Value, pointer: &str, pointers: &mut Vec<String>) {
    if before == after || pointers.len() >= MAX_POINTERS {
        return;
    }
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (name, value) in before {
                match after.get(name) {
                    Some(other) => compare(value, other, &step(pointer, name), pointers),
                    None => pointers.push(cut(&step(pointer, name), 512)),
                }
            }
            for name in after.keys().filter(|name| !before.contains_key(*name)) {
                pointers.push(cut(&step(pointer, name), 512));
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                compare(before, after, &step(pointer, &index.to_string()), pointers);
            }
        }
        _ => pointers.push(cut(pointer, 512)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use serde_json::{Value, json};

    use super::{Change, changed_pointers};
    use crate::WorkflowError;

    #[test]
    fn a_merge_replaces_adds_and_removes() {
        let before = json!({"a": 1, "b": {"c": 2, "d": 3}});
        let merged = Change::from_patch(json!({"a": null, "b": {"c": 4}, "e": [1]}))
            .apply(&before)
            .unwrap();
        assert_eq!(merged, json!({"b": {"c": 4, "d": 3}, "e": [1]}));
    }

    #[test]
    fn a_patch_is_all_or_nothing_and_says_which_step_failed() {
        let before = json!({"n": 1, "tags": ["a"]});
        let steps = json!([
            {"op": "test", "path": "/n", "value": 1},
            {"op": "replace", "path": "/n", "value": 2},
            {"op": "add", "path": "/tags/-", "value": "b"},
        ]);
        assert_eq!(
            Change::from_patch(steps).apply(&before).unwrap(),
            json!({"n": 2, "tags": ["a", "b"]})
        );
        for (steps, pointer, says) in [
            (
                json!([{"op": "replace", "path": "/n", "value": 2}, {"op": "test", "path": "/n", "value": 1}]),
                "/1",
                "the value at /n is another one",
            ),
            (json!([{"op": "remove", "path": "/missing"}]), "/0", "no place /missing"),
            (
                json!([{"op": "copy", "from": "/x", "path": "/n"}]),
                "/0",
                "nothing at the place `from`",
            ),
            (json!([{"op": "smudge", "path": "/n"}]), "/0", "a step is"),
            (json!([7]), "/0", "a step is"),
            (json!(7), "", ""),
        ] {
            let Err(WorkflowError::InvalidPatch(found)) = Change::from_patch(steps).apply(&before) else {
                panic!()
            };
            assert_eq!(found.faults[0].pointer, pointer, "{found}");
            assert!(found.faults[0].message.contains(says), "{found}");
        }
    }

    #[test]
    fn a_patch_that_doubles_its_document_is_stopped_in_time() {
        let step = json!({"op": "copy", "from": "", "path": "/a"});
        let steps = Value::Array(vec![step; 1_000]);
        let Err(WorkflowError::InvalidPatch(found)) = Change::Patch(steps).apply(&json!({"a": 1})) else {
            panic!()
        };
        assert!(found.faults[0].message.contains("too deep"), "{found}");
        let doubling: Vec<Value> = (0..1_000)
            .map(|n| json!({"op": "copy", "from": "/a", "path": format!("/a/x{n}")}))
            .collect();
        let Err(WorkflowError::InvalidPatch(_)) = Change::Patch(doubling.into()).apply(&json!({"a": {"b": "text"}}))
        else {
            panic!()
        };
    }

    #[test]
    fn what_changed_is_named_as_deep_as_possible() {
        let before = json!({"a": 1, "b": {"c": [1, 2], "d": null}, "e": [1], "same": {"x": 1}});
        let after = json!({"a": 2, "b": {"c": [1, 3]}, "e": [1, 2], "same": {"x": 1}, "f/g": 0});
        assert_eq!(
            changed_pointers(&before, &after),
            ["/a", "/b/c/1", "/b/d", "/e", "/f~1g"]
        );
        assert!(changed_pointers(&before, &before).is_empty());
    }
}
