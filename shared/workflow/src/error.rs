//! Everything that can go wrong here, each with what the caller can do about it.
//! Messages are meant to be shown to a person or an agent as they are.
//! Never contains a whole document or definition: values are cut to a line.

use crate::faults::Faults;

/// What could not be done with a project's schemas and documents, and why.
#[derive(Debug, thiserror::Error)]
pub enum WorkflowError {
    /// Choose one of the names in the message.
    #[error("there is no schema template {name:?}; choose one of {}", crate::templates::template_names().join(", "))]
    UnknownTemplate {
        /// The name given.
        name: String,
    },
    /// Correct the definition where each fault points, then register it again.
    #[error("the schema's definition is not valid: {0}")]
    InvalidSchema(Faults),
    /// Correct the document where each fault points, then send it again.
    #[error("the document does not fit its schema: {0}")]
    InvalidDocument(Faults),
    /// Go on with the schema that is there, or use another project: a stored version never changes.
    #[error("schema {name} version {version} stands with another definition; it was left as it is")]
    SchemaDiffers {
        /// Name of the schema.
        name: String,
        /// The version that both claim.
        version: i32,
    },
    /// Try again once the database answers.
    #[error("cannot {action}")]
    Database {
        /// What was tried.
        action: &'static str,
        /// What the database says.
        #[source]
        source: sqlx::Error,
    },
}

/// Names what was tried, for `map_err`.
pub(crate) fn doing(action: &'static str) -> impl FnOnce(sqlx::Error) -> WorkflowError {
    move |source| WorkflowError::Database { action, source }
}
