#![doc = include_str!("../README.md")]

mod describe;
mod error;
mod faults;
mod limits;
mod lint;
mod schemas;
mod templates;
mod validate;

pub use error::WorkflowError;
pub use faults::{Fault, Faults, MAX_FAULTS};
pub use limits::{MAX_BYTES, MAX_DEPTH};
pub use lint::{MAX_PATTERNS, MAX_SCHEMA_VALUES};
pub use schemas::{RegisteredSchema, register_template, registered_schemas};
pub use templates::{TEMPLATES, Template, template_names};
pub use validate::{CompiledSchema, MAX_COMPARISONS, compile_schema};
