//! What can go wrong with the queue, by what the caller can do about it.
//! Never carries a driver's type in its message; the source stays attached.

use thiserror::Error;
use uuid::Uuid;

/// Why the queue did not do what it was asked.
#[derive(Debug, Error)]
pub enum QueueError {
    /// The registry database did not answer or refused: try again, with a pause.
    #[error("the queue's database failed")]
    Database(#[from] sqlx::Error),
    /// The lease ended or was taken over: stop the run, publish nothing, claim anew.
    #[error("the lease is lost: another worker may hold this lane now")]
    LeaseLost,
    /// The repository is being removed: stop watching it; to index it again, wait until the removal is done.
    #[error("repository {0} is being removed")]
    RepositoryRemoved(Uuid),
    /// There is no such project: it may have been dropped in the meantime.
    #[error("there is no project {0}")]
    UnknownProject(Uuid),
    /// No ticket has this id: it was never issued, or it was pruned because of its age.
    #[error("there is no ticket {0}")]
    UnknownTicket(Uuid),
    /// No lane has this id: look it up with `jobs list`.
    #[error("there is no job {0}")]
    UnknownJob(i64),
    /// A newer version of the program wrote this word: update this one.
    #[error("unknown {what} \"{word}\" in the queue")]
    UnknownWord {
        /// Which column's vocabulary the word is missing from.
        what: &'static str,
        /// The word that stands in the database.
        word: String,
    },
}

/// The result of every function of this crate.
pub type Result<T, E = QueueError> = std::result::Result<T, E>;
