//! Why a process of ours refuses to start. Every message names the place (a variable, or a file and line) and never
//! repeats a secret.

use std::path::PathBuf;

use crate::value::Source;

/// Why the configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file names a setting that does not exist: correct the name, or remove the line.
    #[error("{place}: there is no setting {name:?}{}", did_you_mean(.suggestion))]
    UnknownKey {
        /// File and line.
        place: Source,
        /// The name as written.
        name: String,
        /// The setting that was probably meant.
        suggestion: Option<&'static str>,
    },
    /// A value is not one the setting takes: change it at the named place.
    #[error("{place}: {name} must be {expected}{}", not_this(.given))]
    BadValue {
        /// Where the value stands.
        place: Source,
        /// Name of the setting.
        name: &'static str,
        /// What it takes.
        expected: String,
        /// What was given; absent when the setting may hold a secret.
        given: Option<String>,
    },
    /// A repository's `quarry.toml` sets something that only the operator may: move it to the user's own file.
    #[error(
        "{place}: {name} may not be set by a repository, which could come from anybody; set {variable}, or put it into \
         {user_file}"
    )]
    NotForRepositories {
        /// File and line.
        place: Source,
        /// Name of the setting.
        name: &'static str,
        /// The environment variable that may be set instead.
        variable: &'static str,
        /// The file that may set it.
        user_file: String,
    },
    /// Two settings exclude each other: change one of them.
    #[error("worker.heartbeat_s ({heartbeat_s}, from {place}) must be at most half of worker.lease_s ({lease_s})")]
    HeartbeatTooSlow {
        /// Where the heartbeat came from.
        place: Source,
        /// The heartbeat in seconds.
        heartbeat_s: u64,
        /// The lease in seconds.
        lease_s: u64,
    },
    /// Two settings exclude each other: remove one of them.
    #[error(
        "embedding.input_types (from {place}) cannot be sent to Ollama (embedding.api, from {api_place}): set \
         QUARRY_EMBEDDING_QUERY_PREFIX and QUARRY_EMBEDDING_DOCUMENT_PREFIX instead, or ask it in the form openai"
    )]
    InputTypesToOllama {
        /// Where the input types came from.
        place: Source,
        /// Where the protocol came from.
        api_place: Source,
    },
    /// A file is not TOML: correct it at the named line.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line from 1.
        line: usize,
        /// What the parser met.
        message: String,
    },
    /// A file exists, or was named, and cannot be read: give the process access, or correct `QUARRY_CONFIG`.
    #[error("read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// An environment variable is not UTF-8: set it again.
    #[error("{variable} is not valid UTF-8")]
    NotUnicode {
        /// Its name.
        variable: &'static str,
    },
    /// The name of this machine can neither be read nor made: give the process access to its home, correct the file, or
    /// set `QUARRY_HOST`.
    #[error("read or make the name of this machine in {}", path.display())]
    HostName {
        /// The file that holds the name.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The system tells no directory for data: set `QUARRY_HOME`.
    #[error("no directory for data: neither QUARRY_HOME nor HOME is set")]
    NoHome,
}

fn did_you_mean(suggestion: &Option<&str>) -> String {
    suggestion
        .map(|name| format!("; did you mean {name}?"))
        .unwrap_or_default()
}

fn not_this(given: &Option<String>) -> String {
    given.as_ref().map(|text| format!(", not {text:?}")).unwrap_or_default()
}
