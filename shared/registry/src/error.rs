//! Everything that can go wrong here, each with what the caller can do about it.
//! Messages are meant to be shown to a person or an agent as they are; `admin_sql` carries what an administrator runs.
//! Never contains a connection URL: it may hold a password.

use sqlx::migrate::MigrateError;
use uuid::Uuid;

use crate::names::ProjectNameError;
use crate::pin_embedding::MAX_DIMENSIONS;
use crate::projects::{PinnedEmbedding, ProjectId, ProjectState};

/// What the registry could not do, and why.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Correct the database URL.
    #[error("the database URL is not valid; expected postgres://user:password@host:port/database")]
    InvalidUrl {
        /// What the parser says.
        #[source]
        source: sqlx::Error,
    },
    /// Correct the database's name in the URL.
    #[error("{name:?} is no name for a database; use 1 to 63 bytes without NUL")]
    InvalidDatabaseName {
        /// The name given.
        name: String,
    },
    /// Correct the project's name.
    #[error(transparent)]
    InvalidName(#[from] ProjectNameError),
    /// Start the server, or correct host, user and password of the database URL.
    #[error("cannot connect to database {database}")]
    Connect {
        /// The database that could not be reached; the registry's with its server.
        database: String,
        /// What the server or the network says.
        #[source]
        source: sqlx::Error,
    },
    /// Upgrade the server.
    #[error("the server runs PostgreSQL {version}; version 15 or newer is needed")]
    ServerTooOld {
        /// Version of the server.
        version: String,
    },
    /// Have an administrator run `admin_sql`.
    #[error("missing the right to {action}; an administrator can run:\n{admin_sql}")]
    MissingPrivilege {
        /// What was refused.
        action: String,
        /// Statements that make it possible.
        admin_sql: String,
    },
    /// Install pgvector on the server's machine.
    #[error("the server has no extension vector; install pgvector on its machine")]
    VectorNotInstalled,
    /// Use a newer program.
    #[error(
        "database {database} has schema version {found} and this program knows versions up to {known}; use a newer program"
    )]
    NewerDatabase {
        /// The database that is ahead.
        database: String,
        /// Its schema version.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// Restore the database, or use the program that made it: the migration named was edited after it ran.
    #[error(
        "migration {version} of database {database} differs from the one this program holds; use the program that made the database"
    )]
    ChangedMigration {
        /// The database in question.
        database: String,
        /// Version of the migration that differs.
        version: i64,
    },
    /// Read the source: the migration failed and was undone as a whole.
    #[error("cannot migrate database {database}")]
    Migrate {
        /// The database that was left as it was.
        database: String,
        /// The statement that failed.
        #[source]
        source: Box<MigrateError>,
    },
    /// Use one of the known names, or create the project.
    #[error("no project is named {name}; {}. `quarry project create {name}` creates it", known_names(.known))]
    UnknownProject {
        /// The name asked for.
        name: String,
        /// Up to ten of the names that exist.
        known: Vec<String>,
    },
    /// Look the project up again by name: it was dropped, and perhaps created anew.
    #[error("project {0} does not exist any more; look it up by its name")]
    UnknownProjectId(ProjectId),
    /// Choose another name, or use the project that has it.
    #[error("a project named {name} exists already; use it or choose another name")]
    NameTaken {
        /// The name asked for.
        name: String,
    },
    /// Use one of the tokens that are listed.
    #[error("no token in use is named {name}; `quarry token list` shows them")]
    UnknownToken {
        /// The name asked for.
        name: String,
    },
    /// Choose another name, or revoke the token that has it.
    #[error("a token named {name} is in use; choose another name, or revoke that one first")]
    TokenNameTaken {
        /// The name asked for.
        name: String,
    },
    /// Correct the token's name.
    #[error("{name:?} is no name for a token; use up to 63 letters, digits, dots, dashes and underscores")]
    InvalidTokenName {
        /// The name given.
        name: String,
    },
    /// Wait a moment and try again; what a crash left half done is cleared within minutes.
    #[error("project {name} is {state}; try again in a moment")]
    NotReady {
        /// The project's name.
        name: String,
        /// What is being done to it.
        state: ProjectState,
    },
    /// Create the project again: its creation took so long that it was taken for dead and undone.
    #[error("the creation of project {name} took too long and was undone; create it again")]
    CreationAbandoned {
        /// The project's name.
        name: String,
    },
    /// Correct the registry's row or restore the right database: nothing was read or changed in the wrong one.
    #[error(
        "database {database} does not belong to project {project}: {}; correct the registry or restore the database",
        stamp_found(.stamp)
    )]
    WrongDatabase {
        /// The project whose row leads there.
        project: String,
        /// The database it leads to.
        database: String,
        /// The project this database is stamped with.
        stamp: Option<Uuid>,
    },
    /// Restore the database from a backup, or drop the project.
    #[error("database {database} of project {project} does not exist; restore it or drop the project")]
    DatabaseMissing {
        /// The project's name.
        project: String,
        /// The database that is gone.
        database: String,
    },
    /// Use the pinned model, or change the project's model.
    #[error(
        "project {project} holds embeddings of {pinned}, but {offered} was offered; configure the pinned model, or change the project's with `quarry project model`"
    )]
    EmbeddingMismatch {
        /// The project's name.
        project: String,
        /// What the project was pinned to by its first index run.
        pinned: PinnedEmbedding,
        /// What the embedding endpoint gives now.
        offered: PinnedEmbedding,
    },
    /// Ask the model for fewer dimensions (Matryoshka models allow it), or choose another model.
    #[error(
        "embeddings with {dimensions} dimensions cannot be indexed, only 1 to {MAX_DIMENSIONS}; ask a Matryoshka model for fewer through the endpoint's dimensions option, or choose another model"
    )]
    DimensionsOutOfRange {
        /// What the model gives.
        dimensions: u32,
    },
    /// Name the model.
    #[error("the embedding model has no name; configure one")]
    UnnamedModel,
    /// Raise `max_connections` of the server, put a pooler in front of it, or use fewer projects at once.
    #[error(
        "all {cap} connections for projects stayed in use for {waited_secs} s; raise max_connections or use fewer projects at once"
    )]
    NoConnectionLeft {
        /// How many connections this process allows itself.
        cap: u32,
        /// How long was waited, in seconds.
        waited_secs: u64,
    },
    /// Give the project a name: too many are called like the directory.
    #[error("found no free project name like {name}; create a project with a name of your choice")]
    NoFreeName {
        /// The name the directory would give.
        name: String,
    },
    /// Read the source: the server refused or the connection broke. Trying again is safe.
    #[error("cannot {action}")]
    Database {
        /// What was being done.
        action: String,
        /// What the server says.
        #[source]
        source: sqlx::Error,
    },
}

impl RegistryError {
    /// What an administrator runs to make the refused action possible, if that is the trouble.
    pub fn admin_sql(&self) -> Option<&str> {
        match self {
            Self::MissingPrivilege { admin_sql, .. } => Some(admin_sql),
            _ => None,
        }
    }
}

/// `map_err(doing("list the projects"))`.
pub(crate) fn doing(action: impl Into<String>) -> impl FnOnce(sqlx::Error) -> RegistryError {
    move |source| RegistryError::Database {
        action: action.into(),
        source,
    }
}

/// The SQLSTATE codes that mean something here.
pub(crate) mod sqlstate {
    pub(crate) const PROTOCOL_VIOLATION: &str = "08P01";
    pub(crate) const INVALID_CATALOG_NAME: &str = "3D000";
    pub(crate) const DUPLICATE_DATABASE: &str = "42P04";
    pub(crate) const UNIQUE_VIOLATION: &str = "23505";
    pub(crate) const INSUFFICIENT_PRIVILEGE: &str = "42501";
    pub(crate) const UNDEFINED_TABLE: &str = "42P01";
    pub(crate) const INVALID_SCHEMA_NAME: &str = "3F000";
    /// Also what Postgres says of a catalogue row changed by two sessions at once.
    pub(crate) const INTERNAL_ERROR: &str = "XX000";
}

/// Whether the server answered with this SQLSTATE code.
pub(crate) fn has_code(error: &sqlx::Error, code: &str) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|found| found == code)
}

/// Whether an error is the database server's trouble and not that of who asked: it went away, restarts, refuses
/// connections, rolled back in favour of another session, or has no disk or memory left. Asking again later is the way,
/// however often. Looks through all causes.
#[must_use]
pub fn is_server_trouble(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if cause.downcast_ref::<sqlx::Error>().is_some_and(is_trouble_of_server) {
            return true;
        }
        next = cause.source();
    }
    false
}

fn is_trouble_of_server(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // Connection exceptions, transactions rolled back in favour of others, insufficient resources, operator
            // intervention but for a cancelled statement, and sessions that were ended for standing still.
            ["08", "40", "53", "57P", "25P03"]
                .iter()
                .any(|class| code.starts_with(class))
                && code != sqlstate::PROTOCOL_VIOLATION
        }),
        _ => false,
    }
}

/// Whether a connection failed because there is no such database. PgBouncer passes on the text under a code of its own.
pub(crate) fn is_missing_database(error: &sqlx::Error) -> bool {
    has_code(error, sqlstate::INVALID_CATALOG_NAME)
        || error.as_database_error().is_some_and(|error| {
            error.code().is_some_and(|code| code == sqlstate::PROTOCOL_VIOLATION)
                && error.message().starts_with("database ")
                && error.message().ends_with("does not exist")
        })
}

fn known_names(known: &[String]) -> String {
    if known.is_empty() {
        "there are no projects yet".to_owned()
    } else {
        format!("known: {}", known.join(", "))
    }
}

fn stamp_found(stamp: &Option<Uuid>) -> String {
    match stamp {
        Some(id) => format!("it is stamped as {id}"),
        None => "it carries no stamp".to_owned(),
    }
}
