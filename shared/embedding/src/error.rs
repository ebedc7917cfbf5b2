//! What can go wrong between a text and its vector, and what the caller can do about it.
//! Holds addresses, statuses and error codes; never a text, a key or a message that a server wrote.

use std::path::PathBuf;

/// A failure of the endpoint as a whole. A single text that is refused is no error: see `Embedded::Refused`.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddingError {
    /// Correct QUARRY_EMBEDDING_URL.
    #[error("the embedding URL cannot be used: {reason}")]
    InvalidUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// Correct the setting the reason names.
    #[error("the HTTP client for embeddings cannot be set up: {reason}")]
    InvalidSettings {
        /// What is wrong with it.
        reason: String,
    },
    /// Start the endpoint or correct QUARRY_EMBEDDING_URL, then try again: retries have already been spent.
    #[error("no answer from {url} after {attempts} attempts in {elapsed_secs} s: {reason}")]
    Unreachable {
        /// Address that was asked.
        url: String,
        /// How the last attempt failed.
        reason: String,
        /// Attempts made.
        attempts: u32,
        /// Seconds from the first attempt to giving up.
        elapsed_secs: u64,
    },
    /// Wait or look at the endpoint's own log, then try again: retries have already been spent.
    #[error(
        "{url} answered with status {status} to each of {attempts} attempts in {elapsed_secs} s: look at the log of the embedding server"
    )]
    Overloaded {
        /// Address that was asked.
        url: String,
        /// Status of the last attempt: 429 or 5xx.
        status: u16,
        /// Attempts made.
        attempts: u32,
        /// Seconds from the first attempt to giving up.
        elapsed_secs: u64,
    },
    /// Correct QUARRY_EMBEDDING_API_KEY.
    #[error("{url} refused access with status {status}: check QUARRY_EMBEDDING_API_KEY")]
    Unauthorized {
        /// Address that was asked.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// Correct QUARRY_EMBEDDING_URL or QUARRY_EMBEDDING_MODEL, or install the model there.
    #[error(
        "{url} answered 404: check QUARRY_EMBEDDING_URL and that the server has the model {model} (QUARRY_EMBEDDING_MODEL; for ollama: ollama pull {model})"
    )]
    NotFound {
        /// Address that was asked.
        url: String,
        /// Model that was asked for; `?` while the endpoint's models were being listed.
        model: String,
    },
    /// Put the address the server redirects to into QUARRY_EMBEDDING_URL: redirects are not followed.
    #[error(
        "{url} redirects elsewhere (status {status}): set QUARRY_EMBEDDING_URL to the final address, redirects are not followed"
    )]
    Redirected {
        /// Address that was asked.
        url: String,
        /// 3xx.
        status: u16,
    },
    /// Check the settings that the message names: the endpoint refuses even a text of three words.
    #[error(
        "{url} refuses every request with status {status}{code}: check QUARRY_EMBEDDING_API, QUARRY_EMBEDDING_MODEL and QUARRY_EMBEDDING_INPUT_TYPES"
    )]
    Rejected {
        /// Address that was asked.
        url: String,
        /// 4xx.
        status: u16,
        /// The server's error code in brackets, or nothing.
        code: String,
    },
    /// Check that QUARRY_EMBEDDING_URL and QUARRY_EMBEDDING_API name an embedding endpoint.
    #[error("{url} gave an answer that is no embedding: {reason}")]
    InvalidAnswer {
        /// Address that was asked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Use the model the index was made with, or index again into a new project.
    #[error("the model {model} gives vectors of {got} dimensions where {expected} are expected")]
    WrongDimensions {
        /// Model that was asked.
        model: String,
        /// Dimensions that the configuration or the first answer fixed.
        expected: u32,
        /// Dimensions of the answer.
        got: u32,
    },
    /// Offer that model again, or change the project's model to one that is offered.
    #[error("the model {wanted} is not offered here, only {offered}")]
    NotOffered {
        /// Model that was asked for.
        wanted: String,
        /// What the configured endpoint has.
        offered: String,
    },
    /// Set QUARRY_EMBEDDING_MODEL.
    #[error("{url} lists no model: set QUARRY_EMBEDDING_MODEL to the name of the model to use")]
    NoModel {
        /// Address that was asked.
        url: String,
    },
    /// Read the log file it names; try again.
    #[error("the built-in embedding endpoint did not start: {reason}; its log is {}", log.display())]
    BuiltInNotStarted {
        /// What happened.
        reason: String,
        /// Where the process logs.
        log: PathBuf,
    },
    /// End the process by hand.
    #[error("the built-in embedding endpoint was told to stop and still answers: end process {pid}")]
    BuiltInNotStopped {
        /// The process.
        pid: u32,
    },
    /// Check the rights on the home directory (QUARRY_HOME).
    #[error("the built-in embedding endpoint's file {} cannot be used", path.display())]
    BuiltInFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Upgrade this program, or stop the newer one with its own `quarry down`.
    #[error(
        "the built-in endpoint that runs belongs to a newer version ({version}) and serves {model}: upgrade this program"
    )]
    NewerBuiltIn {
        /// Version of the running endpoint.
        version: String,
        /// Model it serves.
        model: String,
    },
}
