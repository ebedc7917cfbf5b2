//! The one table of settings: key, variable, kind with bounds, default, who may set it, and why it has that value.
//! Loading, `quarry config show` and the typed accessors all read it; adding a setting is a row here and an accessor.
//! Never reads the environment or a file: see load.rs.

use crate::setting::{Setting, Shown, setting};
use crate::value::Fallback::{Unset, Value};
use crate::value::Kind::{
    Choice, DatabaseUrl, Directory, Filter, Hosts, HttpUrl, Machine, Machines, Number, Prefix, Text, TwoWords, Words,
};

/// Names one setting. The order is that of [`SETTINGS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the documentation of each is its row in SETTINGS")]
pub enum Key {
    Home,
    DatabaseUrl,
    EmbeddingUrl,
    EmbeddingModel,
    EmbeddingApi,
    EmbeddingQueryPrefix,
    EmbeddingDocumentPrefix,
    EmbeddingInputTypes,
    EmbeddingApiKey,
    EmbeddingTimeout,
    EmbeddingConcurrency,
    EmbeddingRequestsPerSecond,
    Host,
    Project,
    WorkerConcurrency,
    WorkerProjectConcurrency,
    WorkerLabels,
    WorkerLease,
    WorkerHeartbeat,
    WorkerGrace,
    WorkerOnBattery,
    QueueMaxAttempts,
    IndexMaxFileBytes,
    IndexBatchChunks,
    WatchRescan,
    WatchPoll,
    WatchMaxDirectories,
    LogFilter,
    LogFormat,
    RegistryPoolMaxConnections,
    RegistryPoolIdleTimeout,
    RegistryPoolStatementTimeout,
    ProjectPoolMaxConnections,
    ProjectPoolIdleTimeout,
    ProjectPoolStatementTimeout,
    GitAllowedHosts,
    GitAllowedProtocols,
    GitDepth,
    GitMaxBytes,
    GitTimeout,
    GitRefresh,
}

impl Key {
    /// The row that describes this setting.
    #[must_use]
    pub fn setting(self) -> &'static Setting {
        &SETTINGS[self as usize]
    }
}

/// Every setting there is.
pub static SETTINGS: [Setting; 41] = [
    setting(
        Key::Home,
        "home",
        "QUARRY_HOME",
        Directory,
        Unset("the platform's data directory"),
        "Directory of the embedded Postgres, caches and logs. As root /var/lib/quarry, because Postgres runs as another \
         user and cannot enter root's home.",
    ),
    setting(
        Key::DatabaseUrl,
        "database.url",
        "QUARRY_DATABASE_URL",
        DatabaseUrl,
        Unset("the embedded Postgres, started on demand"),
        "URL (postgres://…) of the server that holds the registry.",
    )
    .shown(Shown::WithoutPassword),
    setting(
        Key::EmbeddingUrl,
        "embedding.url",
        "QUARRY_EMBEDDING_URL",
        HttpUrl,
        Unset("the built-in model, started on demand"),
        "URL (http:// or https://) of the embedding endpoint, which sees the indexed text.",
    )
    .shown(Shown::WithoutPassword),
    setting(
        Key::EmbeddingModel,
        "embedding.model",
        "QUARRY_EMBEDDING_MODEL",
        Text { max_bytes: 200 },
        Unset("the endpoint's own"),
        "Model that the endpoint is asked for. A project stays with the model it was first indexed with.",
    ),
    setting(
        Key::EmbeddingApi,
        "embedding.api",
        "QUARRY_EMBEDDING_API",
        Choice(&["openai", "ollama"]),
        Value("openai"),
        "Which protocol the endpoint speaks.",
    ),
    setting(
        Key::EmbeddingQueryPrefix,
        "embedding.query_prefix",
        "QUARRY_EMBEDDING_QUERY_PREFIX",
        Prefix { max_bytes: 500 },
        Unset("queries are sent as they are"),
        "Put before each query, exactly as it is given, for models that were trained to be told what is a question: \
         `search_query: ` for nomic-embed-text. Of the endpoint's models only embedding.model gets it.",
    ),
    setting(
        Key::EmbeddingDocumentPrefix,
        "embedding.document_prefix",
        "QUARRY_EMBEDDING_DOCUMENT_PREFIX",
        // With the model's name a part of the key of the cache of vectors, which may take 2 700 bytes.
        Prefix { max_bytes: 500 },
        Unset("documents are sent as they are"),
        "Put before each text that is indexed, exactly as it is given: `search_document: ` for nomic-embed-text. Vectors \
         with it and without are those of two models: `quarry project model` changes a project from one to the other.",
    ),
    setting(
        Key::EmbeddingInputTypes,
        "embedding.input_types",
        "QUARRY_EMBEDDING_INPUT_TYPES",
        TwoWords,
        Unset("none is sent"),
        "What the endpoint is told in the field `input_type`, for queries and for documents, as `query,passage`; only with \
         embedding.api openai. What documents are called makes another model of it, as embedding.document_prefix does.",
    ),
    setting(
        Key::EmbeddingApiKey,
        "embedding.api_key",
        "QUARRY_EMBEDDING_API_KEY",
        Text { max_bytes: 4096 },
        Unset("none is sent"),
        "Bearer token for the endpoint.",
    )
    .shown(Shown::Masked),
    setting(
        Key::EmbeddingTimeout,
        "embedding.timeout_s",
        "QUARRY_EMBEDDING_TIMEOUT_S",
        Number { min: 1, max: 600 },
        Value("60"),
        "Seconds that one embedding request may take. A full batch on a model without a GPU takes tens of seconds; \
         what takes longer is taken for a dead endpoint and retried.",
    ),
    setting(
        Key::EmbeddingConcurrency,
        "embedding.concurrency",
        "QUARRY_EMBEDDING_CONCURRENCY",
        Number { min: 1, max: 64 },
        Value("4"),
        "Embedding requests in flight at once, per process. Four hide the network's latency; more only queue up in an \
         endpoint with one GPU.",
    ),
    setting(
        Key::EmbeddingRequestsPerSecond,
        "embedding.requests_per_second",
        "QUARRY_EMBEDDING_REQUESTS_PER_SECOND",
        Number { min: 0, max: 10_000 },
        Value("0"),
        "Requests per second that all workers of one registry together send to the endpoint for indexing; 0: no limit. For \
         endpoints that answer 429 above a rate: waiting for a turn costs less than being refused. Give all workers the same.",
    ),
    setting(
        Key::Host,
        "host",
        "QUARRY_HOST",
        Machine,
        Unset("the content of <home>/host-id, made once"),
        "Name of this machine. A repository belongs to a host and a path; only workers of that host read it. Give \
         machines that mount the same repositories at the same paths one name.",
    ),
    setting(
        Key::Project,
        "project",
        "QUARRY_PROJECT",
        Text { max_bytes: 40 },
        Unset("the name of the repository's directory"),
        "Project that commands act on when no --project is given.",
    )
    .for_repositories(),
    setting(
        Key::WorkerConcurrency,
        "worker.concurrency",
        "QUARRY_WORKER_CONCURRENCY",
        Number { min: 1, max: 64 },
        Value("2"),
        "Jobs that one worker process runs at once. Two let a saved file overtake a first load; each costs a core \
         while it chunks and a connection while it stores.",
    ),
    setting(
        Key::WorkerProjectConcurrency,
        "worker.project_concurrency",
        "QUARRY_WORKER_PROJECT_CONCURRENCY",
        Number { min: 0, max: 1000 },
        Value("0"),
        "Jobs of one project that all workers together run at once; 0: as many as there are. Projects take turns anyway; \
         a bound spares a database or an endpoint. Give all workers the same; `quarry project limit` makes exceptions.",
    ),
    setting(
        Key::WorkerLabels,
        "worker.labels",
        "QUARRY_WORKER_LABELS",
        Machines,
        Unset("none"),
        "Labels of this machine, separated by commas. A repository that was indexed with --label belongs to every machine \
         with that label: they have it at the same path, as on a network file system.",
    ),
    setting(
        Key::WorkerLease,
        "worker.lease_s",
        "QUARRY_WORKER_LEASE_S",
        Number { min: 2, max: 300 },
        Value("8"),
        "Seconds without a heartbeat after which a worker counts as dead and its jobs go to others. Four missed \
         heartbeats: a pause for garbage or a failover does not lose the lease, a crash costs only seconds.",
    ),
    setting(
        Key::WorkerHeartbeat,
        "worker.heartbeat_s",
        "QUARRY_WORKER_HEARTBEAT_S",
        Number { min: 1, max: 100 },
        Value("2"),
        "Seconds between two heartbeats of a worker; at most half of worker.lease_s, so that a single lost one does \
         not end the lease.",
    ),
    setting(
        Key::WorkerGrace,
        "worker.grace_s",
        "QUARRY_WORKER_GRACE_S",
        Number { min: 0, max: 300 },
        Value("5"),
        "Seconds that running jobs may go on after the signal to stop; what is not done then goes back to the queue at \
         once. Loads hand back the rest of their lane within a second or two; five also see a sync of a large tree \
         through, and are less than the ten after which service managers kill.",
    ),
    setting(
        Key::WorkerOnBattery,
        "worker.on_battery",
        "QUARRY_WORKER_ON_BATTERY",
        Choice(&["work", "pause"]),
        Value("work"),
        "Whether workers and `quarry up` begin jobs while this machine runs on its battery. What is saved meanwhile waits \
         and is indexed with mains power; commands that are told to index or to be fresh do it all the same.",
    ),
    setting(
        Key::QueueMaxAttempts,
        "queue.max_attempts",
        "QUARRY_QUEUE_MAX_ATTEMPTS",
        Number { min: 1, max: 100 },
        Value("5"),
        "Attempts after which a failing job is parked with its error until somebody retries it. With growing pauses \
         five outlive a restart of the database or the endpoint; a job that always fails stops alone.",
    ),
    setting(
        Key::IndexMaxFileBytes,
        "index.max_file_bytes",
        "QUARRY_INDEX_MAX_FILE_BYTES",
        Number {
            min: 1024,
            max: 64 * 1024 * 1024,
        },
        Value("1048576"),
        "Bytes above which a file is skipped and reported. Hand-written source stays far below 1 MiB; what is larger \
         is mostly generated or data. Each file being read is held in memory.",
    )
    .for_repositories(),
    setting(
        Key::IndexBatchChunks,
        "index.batch_chunks",
        "QUARRY_INDEX_BATCH_CHUNKS",
        Number { min: 1, max: 50_000 },
        Value("2500"),
        "Chunks that one publishing transaction holds at most, and with them the memory of a first load: 2500 are \
         about 6 MB with their text and vectors of 256 dimensions.",
    ),
    setting(
        Key::WatchRescan,
        "watch.rescan_s",
        "QUARRY_WATCH_RESCAN_S",
        Number { min: 0, max: 86_400 },
        Value("600"),
        "Seconds after which a watched repository is compared with its index although no event asked for it; 0 never. \
         Events are hints: some file systems send none for what another machine writes. A comparison of 10 000 files \
         takes about a second.",
    ),
    setting(
        Key::WatchPoll,
        "watch.poll_s",
        "QUARRY_WATCH_POLL_S",
        Number { min: 1, max: 3600 },
        Value("30"),
        "Seconds between two comparisons while the system refuses to watch all directories of a repository.",
    ),
    setting(
        Key::WatchMaxDirectories,
        "watch.max_directories",
        "QUARRY_WATCH_MAX_DIRECTORIES",
        Number {
            min: 1,
            max: 10_000_000,
        },
        Value("100000"),
        "Directories of one repository that are watched at most; the rest is compared every watch.poll_s. Each costs \
         about 1 kB of kernel memory, and ignored ones do not count.",
    ),
    setting(
        Key::LogFilter,
        "log.filter",
        "QUARRY_LOG",
        Filter,
        Unset("error on the command line, info in services"),
        "Which log lines are written: a level, or directives as in `info,quarry_queue=debug`.",
    ),
    setting(
        Key::LogFormat,
        "log.format",
        "QUARRY_LOG_FORMAT",
        Choice(&["text", "json"]),
        Value("text"),
        "How log lines are written to stderr: for people, or one JSON object a line.",
    ),
    setting(
        Key::RegistryPoolMaxConnections,
        "registry_pool.max_connections",
        "QUARRY_REGISTRY_POOL_MAX_CONNECTIONS",
        Number { min: 2, max: 200 },
        Value("10"),
        "Connections to the registry's database per process. Its statements take milliseconds, so ten serve a worker \
         and its commands; one of them listens for new work.",
    ),
    setting(
        Key::RegistryPoolIdleTimeout,
        "registry_pool.idle_timeout_s",
        "QUARRY_REGISTRY_POOL_IDLE_TIMEOUT_S",
        Number { min: 1, max: 86_400 },
        Value("300"),
        "Seconds after which an idle connection to the registry is closed: a server has 100 by default, for everybody.",
    ),
    setting(
        Key::RegistryPoolStatementTimeout,
        "registry_pool.statement_timeout_s",
        "QUARRY_REGISTRY_POOL_STATEMENT_TIMEOUT_S",
        Number { min: 1, max: 3600 },
        Value("60"),
        "Seconds after which the server ends a statement on the registry. They take milliseconds: a minute means that \
         something holds a lock.",
    ),
    setting(
        Key::ProjectPoolMaxConnections,
        "project_pool.max_connections",
        "QUARRY_PROJECT_POOL_MAX_CONNECTIONS",
        Number { min: 1, max: 100 },
        Value("5"),
        "Connections to each project's database per process. Few, because projects are many and the server's \
         connections are shared by all of them.",
    ),
    setting(
        Key::ProjectPoolIdleTimeout,
        "project_pool.idle_timeout_s",
        "QUARRY_PROJECT_POOL_IDLE_TIMEOUT_S",
        Number { min: 1, max: 86_400 },
        Value("600"),
        "Seconds after which an idle connection to a project's database is closed. Longer than the registry's: work on \
         a project comes in sessions.",
    ),
    setting(
        Key::ProjectPoolStatementTimeout,
        "project_pool.statement_timeout_s",
        "QUARRY_PROJECT_POOL_STATEMENT_TIMEOUT_S",
        Number { min: 1, max: 3600 },
        Value("120"),
        "Seconds after which the server ends a statement on a project's database. Publishing a large batch may take \
         long on a slow disk; index builds and dumps are exempt.",
    ),
    setting(
        Key::GitAllowedHosts,
        "git.allowed_hosts",
        "QUARRY_GIT_ALLOWED_HOSTS",
        Hosts,
        Unset("any host for a URL typed on the command line, none for one that comes over MCP"),
        "Hosts that repositories may be cloned from: `github.com, *.example.org`, `*` for all, `none` for a machine that \
         clones nothing. Who types a URL means it; who sends one over MCP may be an agent that was talked into it, so \
         without a list that is refused. A host that is named here may have a private address.",
    ),
    setting(
        Key::GitAllowedProtocols,
        "git.allowed_protocols",
        "QUARRY_GIT_ALLOWED_PROTOCOLS",
        Words(&["https", "ssh", "http", "git", "file"]),
        Value("https,ssh"),
        "Protocols that git may use. The others neither encrypt nor say who answers; `file` reads this machine's disk.",
    ),
    setting(
        Key::GitDepth,
        "git.depth",
        "QUARRY_GIT_DEPTH",
        Number { min: 0, max: 1_000_000 },
        Value("1"),
        "Commits of history to fetch; 0: all. Only the newest tree is indexed, so one is enough; all is for servers that \
         cannot cut history off.",
    ),
    setting(
        Key::GitMaxBytes,
        "git.max_bytes",
        "QUARRY_GIT_MAX_BYTES",
        Number {
            min: 1_048_576,
            max: 1_099_511_627_776,
        },
        Value("2147483648"),
        "Bytes that the objects of one repository, and the files of one commit, may take on this disk. Checked while they \
         arrive: few trees of source code reach 2 GiB, and a server may send without end.",
    ),
    setting(
        Key::GitTimeout,
        "git.timeout_s",
        "QUARRY_GIT_TIMEOUT_S",
        Number { min: 1, max: 86_400 },
        Value("600"),
        "Seconds that one run of git may take. Ten minutes fetch 2 GiB at 30 Mbit/s; what takes longer is a server that \
         hangs.",
    ),
    setting(
        Key::GitRefresh,
        "git.refresh_s",
        "QUARRY_GIT_REFRESH_S",
        Number { min: 0, max: 604_800 },
        Value("300"),
        "Seconds after which the server of a repository is asked for new commits; 0: only when told to. An unchanged one \
         costs a short request and the comparison of the tree.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::Scope;
    use crate::value::Fallback;
    use std::collections::HashSet;

    #[test]
    fn the_table_is_in_the_order_of_its_keys() {
        for (index, setting) in SETTINGS.iter().enumerate() {
            assert_eq!(setting.key as usize, index, "{} stands at {index}", setting.name);
        }
    }

    #[test]
    fn names_and_variables_are_unique_and_recognisable() {
        let names: HashSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        let variables: HashSet<_> = SETTINGS.iter().map(|setting| setting.variable).collect();
        assert_eq!((names.len(), variables.len()), (SETTINGS.len(), SETTINGS.len()));
        assert!(variables.iter().all(|variable| variable.starts_with("QUARRY_")));
    }

    #[test]
    fn a_repository_sets_only_its_project_and_its_own_limits() {
        let allowed: Vec<_> = SETTINGS
            .iter()
            .filter(|setting| setting.scope == Scope::Repository)
            .map(|setting| setting.name)
            .collect();
        assert_eq!(allowed, ["project", "index.max_file_bytes"]);
    }

    #[test]
    fn every_default_is_a_valid_value() {
        for setting in &SETTINGS {
            if let Fallback::Value(text) = setting.fallback {
                assert!(setting.kind.parse(text).is_some(), "{}", setting.name);
            }
        }
    }
}
