//! What can go wrong between a project's database and its callers. Every variant says what the caller can do.
//! Never holds source text, vectors or connection strings.

use uuid::Uuid;

/// A failure of the index. Nothing was written when a publishing function returns one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodebaseError {
    /// Postgres refused or could not be reached: retry when it is a connection error, report otherwise.
    #[error("the project's database failed")]
    Database(#[from] sqlx::Error),

    /// Somebody else holds the lane now: throw the work away, do not retry, do not settle the claim.
    #[error("lane {lane} was taken over: held fence {held}, found {found}")]
    FenceLost {
        /// The lane's name, as in `codebase.fences`.
        lane: String,
        /// The fence of the caller's claim.
        held: i64,
        /// The fence that stands in the database; 0 when none was ever raised.
        found: i64,
    },

    /// Nothing has that name or id: list what exists, or ask for another.
    #[error("{what} {name} does not exist in this project")]
    NotFound {
        /// The kind of thing, for example `repository` or `file`.
        what: &'static str,
        /// What was asked for.
        name: String,
    },

    /// The query cannot be answered as it was asked: correct it; the text says how.
    #[error("invalid query: {0}")]
    InvalidQuery(String),

    /// A vector has another dimension than the project's model: embed with the pinned model.
    #[error("the vector has {found} dimensions, this project stores {expected}")]
    WrongDimension {
        /// The dimension of the column.
        expected: u32,
        /// The dimension of the vector.
        found: u32,
    },

    /// The project was switched to another model after these vectors were made: hand the work back, it is done anew.
    #[error("the project's vectors are of {stored} now, not of {held}")]
    ModelChanged {
        /// The model of the caller's vectors.
        held: String,
        /// The model of the stored ones.
        stored: String,
    },

    /// Another publisher changed the file between comparing and writing: run the lane again.
    #[error("{path} was published by somebody else meanwhile")]
    Contended {
        /// The file, relative to the repository's root.
        path: String,
    },

    /// A file or chunk does not fit its columns: a defect of whoever made it; the text says which and how.
    #[error("{path} cannot be stored: {reason}")]
    InvalidFile {
        /// The file, relative to the repository's root.
        path: String,
        /// What does not fit.
        reason: String,
    },
}

impl CodebaseError {
    /// A repository that is not in this project (any more).
    pub(crate) fn no_repository(id: Uuid) -> CodebaseError {
        CodebaseError::NotFound {
            what: "repository",
            name: id.to_string(),
        }
    }
}
