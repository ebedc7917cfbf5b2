//! A document that was checked: the only thing that write.rs stores. Made by one function on every path, so that nothing
//! unchecked reaches a table, whether it was created, updated, patched, restored, migrated or imported.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::code_reference::CodeReference;
use crate::entity_text::EntityText;
use crate::error::WorkflowError;
use crate::limits::measure;
use crate::schema_in_force::SchemaInForce;
use crate::work_states::WorkState;

/// Checks beyond this many comparisons leave the async threads; fewer take less than a millisecond.
const QUICK_COMPARISONS: usize = 20_000;

/// The limits of limits.rs and lint.rs keep a check below a second; one that exceeds this is given up.
const MAX_CHECK: Duration = Duration::from_secs(5);

/// A document that fits a version of a schema, with what is stored beside it.
#[derive(Debug, Clone)]
pub(crate) struct CheckedDocument {
    data: Value,
    schema_version: i32,
    text: EntityText,
    code: Vec<CodeReference>,
    work_state: WorkState,
}

impl CheckedDocument {
    pub(crate) fn data(&self) -> &Value {
        &self.data
    }

    pub(crate) fn schema_version(&self) -> i32 {
        self.schema_version
    }

    pub(crate) fn text(&self) -> &EntityText {
        &self.text
    }

    pub(crate) fn work_state(&self) -> WorkState {
        self.work_state
    }

    pub(crate) fn code(&self) -> &[CodeReference] {
        &self.code
    }
}

/// Checks a document against a version of a schema.
pub(crate) async fn check_document(schema: &SchemaInForce, data: Value) -> Result<CheckedDocument, WorkflowError> {
    let values = measure(&data).map_err(WorkflowError::InvalidDocument)?;
    let compiled = Arc::clone(&schema.compiled);
    let (name, version) = (schema.name.clone(), schema.version);
    let check = move || -> Result<CheckedDocument, WorkflowError> {
        compiled.validate(&data)?;
        Ok(CheckedDocument {
            text: EntityText::of(&name, &data),
            code: compiled.code_references(&data),
            work_state: compiled.work_states().of_document(&data),
            schema_version: version,
            data,
        })
    };
    if values.saturating_mul(schema.compiled.values()) <= QUICK_COMPARISONS {
        return check();
    }
    let checked = tokio::task::spawn_blocking(check);
    match tokio::time::timeout(MAX_CHECK, checked).await {
        Ok(Ok(checked)) => checked,
        Ok(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
        Err(_) => Err(WorkflowError::TooSlow {
            limit_ms: MAX_CHECK.as_millis(),
        }),
    }
}
