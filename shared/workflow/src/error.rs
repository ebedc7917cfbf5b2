//! Everything that can go wrong here, each with what the caller can do about it.
//! Messages are meant to be shown to a person or an agent as they are.
//! Never contains a whole document, except the current one in a conflict: that is what its receiver goes on with.

use uuid::Uuid;

use crate::conflict::Conflict;
use crate::faults::Faults;

/// What could not be done with a project's schemas and documents, and why.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
    /// Correct the text where each fault points.
    #[error("this is no JSON that can be stored: {0}")]
    InvalidJson(Faults),
    /// Correct the step where the fault points; nothing of the patch was applied.
    #[error("the patch cannot be applied: {0}")]
    InvalidPatch(Faults),
    /// Correct the filter, the sorting or the fields where each fault points.
    #[error("the query is not valid: {0}")]
    InvalidQuery(Faults),
    /// Ask again without the cursor.
    #[error("{0}; leave the cursor out to start again")]
    InvalidCursor(&'static str),
    /// Correct what the message names.
    #[error("{0}")]
    InvalidArgument(String),
    /// Split the document, or simplify its schema.
    #[error("checking the document took longer than {limit_ms} ms and was given up; split it or simplify its schema")]
    TooSlow {
        /// What was allowed.
        limit_ms: u128,
    },
    /// Go on with the schema that is there, or use another project: a stored version never changes.
    #[error("schema {name} version {version} stands with another definition; it was left as it is")]
    SchemaDiffers {
        /// Name of the schema.
        name: String,
        /// The version that both claim.
        version: i32,
    },
    /// Register the schema first, or use one of those the message names.
    #[error("there is no schema {name:?}{version}{hint}")]
    UnknownSchema {
        /// The name given.
        name: String,
        /// ` version N` where one was asked for.
        version: String,
        /// What there is instead.
        hint: String,
    },
    /// Check the id; a query shows what there is.
    #[error("there is no entity {id}")]
    UnknownEntity {
        /// The id given.
        id: Uuid,
    },
    /// Ask for one of the versions there are.
    #[error("entity {id} has no {asked}; its versions are 1 to {newest}")]
    UnknownVersion {
        /// The entity.
        id: Uuid,
        /// The version or time asked for.
        asked: String,
        /// The newest one.
        newest: i32,
    },
    /// Restore it first, at the version given.
    #[error("entity {id} is deleted, at version {version}; restore it first")]
    Deleted {
        /// The entity.
        id: Uuid,
        /// Its version.
        version: i32,
    },
    /// Nothing to do.
    #[error("entity {id} is not deleted; there is nothing to restore")]
    NotDeleted {
        /// The entity.
        id: Uuid,
    },
    /// Another entity has this id already; leave the id out, or update that one.
    #[error("there is an entity {id} already")]
    IdTaken {
        /// The id given.
        id: Uuid,
    },
    /// Import again with another [`OnConflict`](crate::OnConflict).
    #[error("entity {id} is here already and differs; on_conflict says what becomes of it: skip, newer or overwrite")]
    ImportDiffers {
        /// The entity.
        id: Uuid,
    },
    /// Look at what changed, apply the change to the current data and send it with the current version.
    #[error("{0}")]
    Conflict(Box<Conflict>),
    /// Use a new key for a new request.
    #[error("the idempotency key {key:?} was used for another request; a new request needs a new key")]
    KeyReused {
        /// The key.
        key: String,
    },
    /// Check the id of the batch.
    #[error("there is no batch {id}")]
    UnknownBatch {
        /// The id given.
        id: Uuid,
    },
    /// Nothing to do.
    #[error("batch {id} was taken back already, by batch {by}")]
    AlreadyUndone {
        /// The batch.
        id: Uuid,
        /// What undid it.
        by: Uuid,
    },
    /// Revert those entities one by one, if that is still wanted.
    #[error("batch {id} cannot be taken back: {} of its entities changed since, such as {}", changed.len(), changed[0])]
    ChangedSince {
        /// The batch.
        id: Uuid,
        /// The entities with later versions.
        changed: Vec<Uuid>,
    },
    /// Leave the link out, or remove one of the links that close the circle.
    #[error("this link closes a circle of what waits for what: {}", circle.iter().map(Uuid::to_string).collect::<Vec<_>>().join(" -> "))]
    Circle {
        /// The entities on the way round, the link's target first.
        circle: Vec<Uuid>,
    },
    /// Drop the work: somebody else holds the entity now, or nobody does.
    #[error("the claim on entity {id} with fence {fence} is over{now}; claim it again and look at its current data")]
    ClaimLost {
        /// The entity.
        id: Uuid,
        /// The fence given.
        fence: i64,
        /// Who holds it instead.
        now: String,
    },
    /// Correct the line of the import named; what came before it is undone too.
    #[error("line {line}: {reason}")]
    Import {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        reason: Box<WorkflowError>,
    },
    /// Read or write the file again.
    #[error("cannot {action}")]
    File {
        /// What was tried.
        action: &'static str,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// See the reason.
    #[error("cannot {action}")]
    Codebase {
        /// What was tried.
        action: &'static str,
        /// What the index says.
        #[source]
        source: Box<quarry_codebase::CodebaseError>,
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

impl WorkflowError {
    /// Where the caller's input is wrong, when that is what failed.
    pub fn faults(&self) -> Option<&Faults> {
        match self {
            Self::InvalidSchema(faults)
            | Self::InvalidDocument(faults)
            | Self::InvalidJson(faults)
            | Self::InvalidPatch(faults)
            | Self::InvalidQuery(faults) => Some(faults),
            Self::Import { reason, .. } => reason.faults(),
            _ => None,
        }
    }
}

/// Names what was tried, for `map_err`.
pub(crate) fn doing(action: &'static str) -> impl FnOnce(sqlx::Error) -> WorkflowError {
    move |source| WorkflowError::Database { action, source }
}
