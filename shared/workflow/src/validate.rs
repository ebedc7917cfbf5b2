//! Compiles a schema definition and checks documents against it: the one validator of every path that stores a document.
//! Hands all faults with their pointers to the caller inside an error.
//! Never fetches a reference and never backtracks in a regular expression: see lint.rs and limits.rs for what bounds it.

use std::fmt;

use jsonschema::{Draft, PatternOptions, ValidationOptions, Validator};
use serde_json::Value;

use crate::code_properties::{CodeProperties, FORMAT};
use crate::code_reference::CodeReference;
use crate::error::WorkflowError;
use crate::faults::Faults;
use crate::limits::measure;
use crate::work_states::WorkStates;
use crate::{describe, lint};

/// Most pairs of a value of the document and a value of its schema: together they bound a validation's time and memory.
pub const MAX_COMPARISONS: usize = 2_000_000;

/// Largest compiled form of one regular expression, in bytes.
const MAX_PATTERN_BYTES: usize = 1024 * 1024;

/// A schema ready to check documents; cheap to use many times, meant to be kept.
pub struct CompiledSchema {
    validator: Validator,
    definition: Value,
    values: usize,
    code: CodeProperties,
    work: WorkStates,
}

impl fmt::Debug for CompiledSchema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CompiledSchema")
            .field("values", &self.values)
            .finish_non_exhaustive()
    }
}

/// Compiles a definition of JSON Schema draft 2020-12. Formats are asserted; unknown keywords and formats are refused.
///
/// # Errors
///
/// [`WorkflowError::InvalidSchema`] with every fault that was found.
pub fn compile_schema(definition: &Value) -> Result<CompiledSchema, WorkflowError> {
    compile(definition).map_err(WorkflowError::InvalidSchema)
}

fn compile(definition: &Value) -> Result<CompiledSchema, Faults> {
    measure(definition)?;
    let options = options();
    let values = lint::lint(definition, &options)?;
    let meta = jsonschema::meta::validator_for(definition).map_err(|error| describe::one(&error, definition))?;
    describe::all(meta.iter_errors(definition), &Value::Bool(true)).into_result()?;
    let validator = options
        .build(definition)
        .map_err(|error| describe::one(&error, definition))?;
    Ok(CompiledSchema {
        validator,
        definition: definition.clone(),
        values,
        code: CodeProperties::of(definition),
        work: WorkStates::of(definition),
    })
}

fn options() -> ValidationOptions<'static> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .with_format(FORMAT, |text: &str| CodeReference::parse(text).is_ok())
        .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN_BYTES))
}

impl CompiledSchema {
    /// The definition it was compiled from.
    pub fn definition(&self) -> &Value {
        &self.definition
    }

    /// How many values the definition has with every reference filled in.
    pub(crate) fn values(&self) -> usize {
        self.values
    }

    /// How its documents say how far they are.
    pub(crate) fn work_states(&self) -> &WorkStates {
        &self.work
    }

    /// The places in code that a document names.
    pub(crate) fn code_references(&self, document: &Value) -> Vec<CodeReference> {
        self.code.find(document)
    }

    /// Checks a document.
    ///
    /// # Errors
    ///
    /// [`WorkflowError::InvalidDocument`] with every fault, at most [`MAX_FAULTS`](crate::MAX_FAULTS).
    pub fn validate(&self, document: &Value) -> Result<(), WorkflowError> {
        self.check(document).map_err(WorkflowError::InvalidDocument)
    }

    fn check(&self, document: &Value) -> Result<(), Faults> {
        let values = measure(document)?;
        if values.saturating_mul(self.values) > MAX_COMPARISONS {
            let most = MAX_COMPARISONS / self.values;
            let message = format!("{values} values; this schema can check {most}: split the document");
            return Err(Faults::one("", "size", message));
        }
        describe::all(self.validator.iter_errors(document), &self.definition).into_result()
    }
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "suite_tests.rs"]
mod suite_tests;
