//! The settings of one process, each with its value and where it came from. Made by load.rs; other crates read it
//! through typed accessors and never parse text themselves. Never shows a secret, not even in its `Debug` form.

use std::fmt;
use std::num::NonZeroU16;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::mask::mask_url;
use crate::setting::Shown;
use crate::settings::{Key, SETTINGS};
use crate::telemetry::Process;
use crate::value::{Fallback, Source, Value, items};

/// All settings of this process.
#[derive(Clone)]
pub struct Config {
    pub(crate) values: Vec<Resolved>,
    pub(crate) warnings: Vec<String>,
}

/// One decided setting.
#[derive(Clone)]
pub(crate) struct Resolved {
    pub(crate) value: Option<Value>,
    pub(crate) source: Source,
}

/// Which protocol the embedding endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddingApi {
    /// `POST /v1/embeddings`, as OpenAI and most servers have it.
    OpenAi,
    /// `POST /api/embed` of Ollama.
    Ollama,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Bounds of one connection pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    /// Connections at most.
    pub max_connections: u32,
    /// After this long without use a connection is closed.
    pub idle_timeout: Duration,
    /// After this long the server ends a statement.
    pub statement_timeout: Duration,
}

/// One setting as `quarry config show` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Dotted name.
    pub key: &'static str,
    /// Environment variable.
    pub variable: &'static str,
    /// Value with secrets masked; absent when nobody set it and it has no default value.
    pub value: Option<String>,
    /// What happens without a value, in words; empty for settings that always have one.
    pub without_value: &'static str,
    /// Where the value came from.
    pub source: Source,
    /// What the setting does, its unit, and the reason of its default.
    pub doc: &'static str,
}

impl Config {
    /// Every setting in the order of [`SETTINGS`], with secrets masked.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        SETTINGS.iter().zip(&self.values).map(|(setting, resolved)| Entry {
            key: setting.name,
            variable: setting.variable,
            value: resolved.value.as_ref().map(|value| match setting.shown {
                Shown::Plain => value.to_string(),
                Shown::WithoutPassword => mask_url(&value.to_string()),
                Shown::Masked => "***".to_owned(),
            }),
            without_value: match setting.fallback {
                Fallback::Unset(meaning) => meaning,
                Fallback::Value(_) => "",
            },
            source: resolved.source.clone(),
            doc: setting.doc,
        })
    }

    /// What to tell the user although the process can start: environment variables that look like settings. Nothing
    /// shows them by itself.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Where the value of `key` came from.
    #[must_use]
    pub fn source(&self, key: Key) -> &Source {
        &self.values[key as usize].source
    }

    /// Directory of the embedded Postgres, caches and logs; absolute. It need not exist yet.
    #[must_use]
    pub fn home(&self) -> &Path {
        Path::new(self.text(Key::Home).expect("loading fails without a home"))
    }

    /// URL of the registry's server with its password, or none for the embedded Postgres. For messages use
    /// [`mask_url`].
    #[must_use]
    pub fn database_url(&self) -> Option<&str> {
        self.text(Key::DatabaseUrl)
    }

    /// URL of the embedding endpoint, or none for the built-in model.
    #[must_use]
    pub fn embedding_url(&self) -> Option<&str> {
        self.text(Key::EmbeddingUrl)
    }

    /// Model to ask the endpoint for, or none for the endpoint's own.
    #[must_use]
    pub fn embedding_model(&self) -> Option<&str> {
        self.text(Key::EmbeddingModel)
    }

    /// Which protocol the endpoint speaks.
    #[must_use]
    pub fn embedding_api(&self) -> EmbeddingApi {
        match self.text(Key::EmbeddingApi) {
            Some("ollama") => EmbeddingApi::Ollama,
            _ => EmbeddingApi::OpenAi,
        }
    }

    /// What is put before each query.
    #[must_use]
    pub fn embedding_query_prefix(&self) -> Option<&str> {
        self.text(Key::EmbeddingQueryPrefix)
    }

    /// What is put before each text that is indexed.
    #[must_use]
    pub fn embedding_document_prefix(&self) -> Option<&str> {
        self.text(Key::EmbeddingDocumentPrefix)
    }

    /// What the endpoint is told that queries are, and documents; none: nothing. Never with [`EmbeddingApi::Ollama`].
    #[must_use]
    pub fn embedding_input_types(&self) -> Option<(&str, &str)> {
        let mut words = items(self.text(Key::EmbeddingInputTypes)?);
        words.next().zip(words.next())
    }

    /// Bearer token for the endpoint.
    #[must_use]
    pub fn embedding_api_key(&self) -> Option<&str> {
        self.text(Key::EmbeddingApiKey)
    }

    /// How long one embedding request may take.
    #[must_use]
    pub fn embedding_timeout(&self) -> Duration {
        self.seconds(Key::EmbeddingTimeout)
    }

    /// Embedding requests in flight at once; at least 1.
    #[must_use]
    pub fn embedding_concurrency(&self) -> usize {
        self.count(Key::EmbeddingConcurrency)
    }

    /// Requests per second that all workers of one registry together send to the endpoint; 0: as many as they like.
    #[must_use]
    pub fn embedding_requests_per_second(&self) -> u32 {
        u32::try_from(self.number(Key::EmbeddingRequestsPerSecond)).expect("bounded by its row in SETTINGS")
    }

    /// The configured name of this machine. [`Config::host`] has a name also where none is
    /// configured.
    #[must_use]
    pub fn configured_host(&self) -> Option<&str> {
        self.text(Key::Host)
    }

    /// The project to act on when no flag names one. Not yet checked against the rules for project names.
    #[must_use]
    pub fn project(&self) -> Option<&str> {
        self.text(Key::Project)
    }

    /// Jobs that one worker process runs at once; at least 1.
    #[must_use]
    pub fn worker_concurrency(&self) -> usize {
        self.count(Key::WorkerConcurrency)
    }

    /// After this long without a heartbeat a worker counts as dead.
    #[must_use]
    pub fn worker_lease(&self) -> Duration {
        self.seconds(Key::WorkerLease)
    }

    /// Time between two heartbeats; at most half of [`Config::worker_lease`].
    #[must_use]
    pub fn worker_heartbeat(&self) -> Duration {
        self.seconds(Key::WorkerHeartbeat)
    }

    /// Names that this machine shares with others that have the same repositories at the same paths.
    #[must_use]
    pub fn worker_labels(&self) -> Vec<String> {
        let labels = self
            .text(Key::WorkerLabels)
            .unwrap_or_default()
            .split(',')
            .map(str::trim);
        labels.filter(|label| !label.is_empty()).map(str::to_owned).collect()
    }

    /// How many jobs of one project all workers together run at a time; none: as many as there are.
    #[must_use]
    pub fn worker_project_concurrency(&self) -> Option<NonZeroU16> {
        let jobs = u16::try_from(self.number(Key::WorkerProjectConcurrency)).expect("bounded by its row in SETTINGS");
        NonZeroU16::new(jobs)
    }

    /// How long running jobs may go on after the signal to stop.
    #[must_use]
    pub fn worker_grace(&self) -> Duration {
        self.seconds(Key::WorkerGrace)
    }

    /// Attempts after which a failing job is parked; at least 1.
    #[must_use]
    pub fn max_attempts(&self) -> i16 {
        i16::try_from(self.number(Key::QueueMaxAttempts)).expect("bounded by its row in SETTINGS")
    }

    /// Bytes above which a file is skipped.
    #[must_use]
    pub fn max_file_bytes(&self) -> u64 {
        self.number(Key::IndexMaxFileBytes)
    }

    /// Chunks that one publishing transaction holds at most; at least 1.
    #[must_use]
    pub fn batch_chunks(&self) -> usize {
        self.count(Key::IndexBatchChunks)
    }

    /// Whether workers begin nothing while the machine runs on its battery.
    #[must_use]
    pub fn pauses_on_battery(&self) -> bool {
        self.text(Key::WorkerOnBattery) == Some("pause")
    }

    /// Time between two comparisons of a watched repository without a reason; none: never.
    #[must_use]
    pub fn watch_rescan(&self) -> Option<Duration> {
        Some(self.seconds(Key::WatchRescan)).filter(|pause| !pause.is_zero())
    }

    /// Time between two comparisons of a repository that cannot be watched completely.
    #[must_use]
    pub fn watch_poll(&self) -> Duration {
        self.seconds(Key::WatchPoll)
    }

    /// Directories of one repository that are watched at most; at least 1.
    #[must_use]
    pub fn watch_max_directories(&self) -> usize {
        self.count(Key::WatchMaxDirectories)
    }

    /// Patterns of the hosts that repositories may be cloned from; none where nobody has made a list.
    #[must_use]
    pub fn git_allowed_hosts(&self) -> Option<Vec<&str>> {
        Some(items(self.text(Key::GitAllowedHosts)?).collect())
    }

    /// Protocols that git may use; at least one.
    #[must_use]
    pub fn git_allowed_protocols(&self) -> Vec<&str> {
        items(self.text(Key::GitAllowedProtocols).unwrap_or_default()).collect()
    }

    /// Commits of history to fetch, or none for all.
    #[must_use]
    pub fn git_depth(&self) -> Option<u64> {
        Some(self.number(Key::GitDepth)).filter(|depth| *depth > 0)
    }

    /// Bytes that the clone of one repository may take, and the files of one commit.
    #[must_use]
    pub fn git_max_bytes(&self) -> u64 {
        self.number(Key::GitMaxBytes)
    }

    /// How long one run of git may take.
    #[must_use]
    pub fn git_timeout(&self) -> Duration {
        self.seconds(Key::GitTimeout)
    }

    /// After this long the server of a repository is asked for new commits; none: only when told to.
    #[must_use]
    pub fn git_refresh(&self) -> Option<Duration> {
        Some(self.seconds(Key::GitRefresh)).filter(|pause| !pause.is_zero())
    }

    /// Directives that say which log lines this kind of process writes.
    #[must_use]
    pub fn log_filter(&self, process: Process) -> &str {
        self.text(Key::LogFilter).unwrap_or(process.default_log_filter())
    }

    /// How log lines are written.
    #[must_use]
    pub fn log_format(&self) -> LogFormat {
        match self.text(Key::LogFormat) {
            Some("json") => LogFormat::Json,
            _ => LogFormat::Text,
        }
    }

    /// Bounds of the pool on the registry's database.
    #[must_use]
    pub fn registry_pool(&self) -> PoolLimits {
        self.pool(
            Key::RegistryPoolMaxConnections,
            Key::RegistryPoolIdleTimeout,
            Key::RegistryPoolStatementTimeout,
        )
    }

    /// Bounds of the pool on each project's database.
    #[must_use]
    pub fn project_pool(&self) -> PoolLimits {
        self.pool(
            Key::ProjectPoolMaxConnections,
            Key::ProjectPoolIdleTimeout,
            Key::ProjectPoolStatementTimeout,
        )
    }

    /// Each secret of this configuration as it could turn up in a log line, with what to write instead.
    pub(crate) fn secrets(&self) -> Vec<(String, String)> {
        let mut secrets = Vec::new();
        for (setting, resolved) in SETTINGS.iter().zip(&self.values) {
            let Some(Value::Text(text)) = &resolved.value else {
                continue;
            };
            match setting.shown {
                Shown::Plain => {}
                Shown::Masked => secrets.push((text.clone(), "***".to_owned())),
                // The password alone is not listed: a weak one such as `postgres` is a common word of log lines.
                Shown::WithoutPassword if mask_url(text) != *text => secrets.push((text.clone(), mask_url(text))),
                Shown::WithoutPassword => {}
            }
        }
        secrets
    }

    fn text(&self, key: Key) -> Option<&str> {
        match self.values[key as usize].value.as_ref()? {
            Value::Text(text) => Some(text),
            Value::Number(_) => None,
        }
    }

    pub(crate) fn number(&self, key: Key) -> u64 {
        match self.values[key as usize].value {
            Some(Value::Number(number)) => number,
            _ => unreachable!("{} has a number as its default", key.setting().name),
        }
    }

    fn count(&self, key: Key) -> usize {
        usize::try_from(self.number(key)).expect("bounded by its row in SETTINGS")
    }

    fn seconds(&self, key: Key) -> Duration {
        Duration::from_secs(self.number(key))
    }

    fn pool(&self, max_connections: Key, idle_timeout: Key, statement_timeout: Key) -> PoolLimits {
        PoolLimits {
            max_connections: u32::try_from(self.number(max_connections)).expect("bounded by its row in SETTINGS"),
            idle_timeout: self.seconds(idle_timeout),
            statement_timeout: self.seconds(statement_timeout),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_map()
            .entries(self.entries().map(|entry| (entry.key, entry.value)))
            .finish()
    }
}
