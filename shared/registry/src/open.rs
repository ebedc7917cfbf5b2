//! Opens the registry: finds its database, creates and migrates it where that is needed and allowed.
//! Hands out `Registry`, the handle that every other file adds its verbs to.
//! Never waits for a lock when the database is current: then opening costs one connection and one query.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use tokio::sync::{Mutex, Semaphore};

use crate::connection_check::answers;
use crate::error::{RegistryError, doing, has_code, is_missing_database, sqlstate};
use crate::identifiers::{Identifier, bound_sessions, create_empty_database, revoke_public};
use crate::initialize::create_registry_sql;
use crate::migrations::{Schema, Standing};
use crate::pools::ProjectPools;
use crate::reach::why_not;

/// Name of the registry's database when the URL names none.
const DEFAULT_DATABASE: &str = "mcp_registry";

/// Exists on every server and is the one to connect to before there is another.
const MAINTENANCE_DATABASE: &str = "postgres";

/// Connections are replaced after this long, so that a server's memory and a pooler's balance recover.
pub(crate) const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// Every transaction of the registry is a handful of statements. A worker that stops between two of them keeps lanes locked
/// that others would take over: no longer than its lease.
const TRANSACTION_STANDS_STILL: Duration = Duration::from_secs(10);

/// Creating a database is mostly disk writes; more at once only take longer, and each holds a registry connection.
const CREATIONS_AT_ONCE: usize = 3;

/// Between attempts to reach a database that was created through a pooler.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// How long a server that refuses connections is waited for: it may be restarting. After that the caller learns of it,
/// instead of waiting for the pool's patience to end.
const REFUSED_PATIENCE: Duration = Duration::from_secs(5);

/// How a process uses its databases. The defaults suit a worker; a server that lives as long as one client's session
/// sets `min_connections` to 0.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// Most connections to the registry's database; at least 4 are used. Default 10.
    pub max_connections: u32,
    /// Connections to the registry kept open when idle. Default 2.
    pub min_connections: u32,
    /// Idle connections to the registry close after this. Default 300 s.
    pub idle_timeout: Duration,
    /// Most connections to one project's database. Default 5.
    pub project_max_connections: u32,
    /// Idle connections to a project close after this, and its pool is forgotten. Default 600 s.
    pub project_idle_timeout: Duration,
    /// Most connections to all projects together. Default: the server's `max_connections` without what it reserves
    /// and without 20 for registries and administrators.
    pub project_connections_cap: Option<u32>,
    /// How long to wait for a free connection before giving up. Default 30 s.
    pub acquire_timeout: Duration,
    /// Statements in a new registry database are cancelled after this. Default 60 s.
    pub statement_timeout: Duration,
    /// Statements in a new project's database are cancelled after this; maintenance switches it off for its own
    /// transaction. Default 120 s.
    pub project_statement_timeout: Duration,
    /// What the server's list of connections shows, and who is noted as creator of a project that is made for a new
    /// location: best the program's name and version. Default `quarry`.
    pub application_name: String,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            max_connections: 10,
            min_connections: 2,
            idle_timeout: Duration::from_secs(300),
            project_max_connections: 5,
            project_idle_timeout: Duration::from_secs(600),
            project_connections_cap: None,
            acquire_timeout: Duration::from_secs(30),
            statement_timeout: Duration::from_secs(60),
            project_statement_timeout: Duration::from_secs(120),
            application_name: "quarry".to_owned(),
        }
    }
}

impl RegistryOptions {
    /// The limits that the configuration sets; `application_name` is the program's name and version.
    #[must_use]
    pub fn from_config(config: &quarry_lifecycle::Config, application_name: impl Into<String>) -> Self {
        let (registry, project) = (config.registry_pool(), config.project_pool());
        Self {
            max_connections: registry.max_connections,
            idle_timeout: registry.idle_timeout,
            statement_timeout: registry.statement_timeout,
            project_max_connections: project.max_connections,
            project_idle_timeout: project.idle_timeout,
            project_statement_timeout: project.statement_timeout,
            application_name: application_name.into(),
            ..Self::default()
        }
    }
}

/// The registry and the pools of the projects in use. Cloning it is cheap; all clones share their connections.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    pool: PgPool,
    server: PgConnectOptions,
    options: RegistryOptions,
    pools: ProjectPools,
    creations: Semaphore,
    template: Mutex<()>,
    locations: Mutex<()>,
}

impl Registry {
    /// Connects to the registry on the server of `database_url`, creating and migrating its database when it has to
    /// and may. The URL's database name, when it is neither empty nor `postgres`, is the registry's; otherwise it is
    /// `mcp_registry`.
    pub async fn open(database_url: &str, options: RegistryOptions) -> Result<Self, RegistryError> {
        let (server, database) = parse_url(database_url, &options)?;
        let pool = match connect(&server, &options).await {
            Ok(pool) => pool,
            Err(error) if is_missing_database(&error) => {
                create_registry_database(&server, &database).await?;
                connect_when_created(&server, &options)
                    .await
                    .map_err(|source| connect_error(&server, &database, source))?
            }
            Err(source) => return Err(connect_error(&server, &database, source)),
        };
        let mut connection = pool.acquire().await.map_err(doing("connect to the registry"))?;
        let standing = Schema::Registry.standing(&mut connection, database.as_str()).await?;
        drop(connection);
        if standing == Standing::Behind {
            bring_up_to_date(&server, &database, &options).await?;
        }
        Ok(Self {
            inner: Arc::new(Inner {
                pools: ProjectPools::new(server.clone(), options.clone()),
                pool,
                server,
                options,
                creations: Semaphore::new(CREATIONS_AT_ONCE),
                template: Mutex::new(()),
                locations: Mutex::new(()),
            }),
        })
    }

    /// The pool of the registry's own database.
    pub fn pool(&self) -> &PgPool {
        &self.inner.pool
    }

    /// Where the server is; the database it names is the registry's.
    pub(crate) fn server(&self) -> &PgConnectOptions {
        &self.inner.server
    }

    pub(crate) fn options(&self) -> &RegistryOptions {
        &self.inner.options
    }

    pub(crate) fn project_pools(&self) -> &ProjectPools {
        &self.inner.pools
    }

    /// Bounds how many projects this process creates at a time.
    pub(crate) fn creations(&self) -> &Semaphore {
        &self.inner.creations
    }

    /// Held while waiting for another process's template, so that one connection waits and not all of them.
    pub(crate) fn template_mutex(&self) -> &Mutex<()> {
        &self.inner.template
    }

    /// Held while waiting for another process's location, for the same reason.
    pub(crate) fn locations_mutex(&self) -> &Mutex<()> {
        &self.inner.locations
    }
}

/// Says nothing of the connection options: they hold the password.
impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Registry")
            .field("host", &self.inner.server.get_host())
            .field("database", &self.inner.server.get_database())
            .finish_non_exhaustive()
    }
}

/// Connection options that lead to the registry's database, and that database's name.
pub(crate) fn parse_url(
    database_url: &str,
    options: &RegistryOptions,
) -> Result<(PgConnectOptions, Identifier), RegistryError> {
    let parsed = PgConnectOptions::from_str(database_url).map_err(|source| RegistryError::InvalidUrl { source })?;
    let database = match parsed.get_database() {
        None | Some("" | MAINTENANCE_DATABASE) => DEFAULT_DATABASE,
        Some(database) => database,
    };
    let database = Identifier::new(database)?;
    // Poolers refuse the startup parameter extra_float_digits; since PostgreSQL 12 floats are exact without it.
    let server = parsed
        .database(database.as_str())
        .application_name(&options.application_name)
        .extra_float_digits(None);
    Ok((server, database))
}

async fn connect(server: &PgConnectOptions, options: &RegistryOptions) -> Result<PgPool, sqlx::Error> {
    // Creating a project and waiting for a lock each hold a connection and need another one beside it.
    let max_connections = options.max_connections.max(4);
    let connecting = PgPoolOptions::new()
        .max_connections(max_connections)
        .min_connections(options.min_connections.min(max_connections))
        .idle_timeout(options.idle_timeout)
        .max_lifetime(MAX_LIFETIME)
        .acquire_timeout(options.acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(answers(connection)))
        .after_release(|connection, _| Box::pin(answers(connection)))
        .connect_with(server.clone());
    let mut connecting = std::pin::pin!(connecting);
    let patience = options.acquire_timeout;
    let connected = match tokio::time::timeout(REFUSED_PATIENCE, &mut connecting).await {
        Ok(connected) => connected,
        Err(_) => match why_not(server, patience).await {
            Some(error) if is_refused(&error) => return Err(error),
            _ => connecting.await,
        },
    };
    match connected {
        Err(sqlx::Error::PoolTimedOut) => Err(why_not(server, patience).await.unwrap_or(sqlx::Error::PoolTimedOut)),
        connected => connected,
    }
}

fn is_refused(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(source) if source.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// A pooler remembers for some seconds that the database did not exist, 15 by default.
async fn connect_when_created(server: &PgConnectOptions, options: &RegistryOptions) -> Result<PgPool, sqlx::Error> {
    let deadline = Instant::now() + options.acquire_timeout;
    loop {
        match connect(server, options).await {
            Err(error) if has_code(&error, sqlstate::PROTOCOL_VIOLATION) && Instant::now() < deadline => {
                tokio::time::sleep(RETRY_AFTER).await;
            }
            result => return result,
        }
    }
}

/// A connection for before the registry's database exists.
pub(crate) async fn connect_for_maintenance(server: &PgConnectOptions) -> Result<PgConnection, RegistryError> {
    server
        .clone()
        .database(MAINTENANCE_DATABASE)
        .connect()
        .await
        .map_err(|source| RegistryError::Connect {
            database: MAINTENANCE_DATABASE.to_owned(),
            source,
        })
}

async fn create_registry_database(server: &PgConnectOptions, database: &Identifier) -> Result<(), RegistryError> {
    let mut connection = connect_for_maintenance(server).await?;
    let created = sqlx::raw_sql(create_empty_database(database))
        .execute(&mut connection)
        .await;
    match created {
        Ok(_) => {
            sqlx::raw_sql(revoke_public(database))
                .execute(&mut connection)
                .await
                .map_err(doing("close the registry to other roles"))?;
            let database = database.as_str();
            tracing::info!(database, "created registry database {database}");
        }
        // Another process was faster; which of the two errors depends on how close it was.
        Err(error)
            if has_code(&error, sqlstate::DUPLICATE_DATABASE) || has_code(&error, sqlstate::UNIQUE_VIOLATION) => {}
        Err(error) if has_code(&error, sqlstate::INSUFFICIENT_PRIVILEGE) => {
            return Err(RegistryError::MissingPrivilege {
                action: format!("create the registry database {}", database.as_str()),
                admin_sql: create_registry_sql(server, database),
            });
        }
        Err(error) => return Err(doing("create the registry database")(error)),
    }
    connection
        .close()
        .await
        .map_err(doing("leave the maintenance database"))
}

/// Migrates over a connection of its own: what the pool holds must not be open under an older setting.
async fn bring_up_to_date(
    server: &PgConnectOptions,
    database: &Identifier,
    options: &RegistryOptions,
) -> Result<(), RegistryError> {
    let mut connection = server
        .connect()
        .await
        .map_err(|source| connect_error(server, database, source))?;
    Schema::Registry.migrate(&mut connection, database.as_str()).await?;
    let set = sqlx::raw_sql(bound_sessions(
        database,
        options.statement_timeout,
        TRANSACTION_STANDS_STILL,
    ))
    .execute(&mut connection)
    .await;
    match set {
        Ok(_) => {}
        // The database was made by an administrator, who may have set what he wants.
        Err(error) if has_code(&error, sqlstate::INSUFFICIENT_PRIVILEGE) => {
            tracing::warn!("may not set the registry's timeouts; statements and sessions are not bounded by them");
        }
        // Two processes opened a new registry at the same time, and the other one is setting the same value.
        Err(error) if is_concurrent_update(&error) => {}
        Err(error) => return Err(doing("set the registry's timeouts")(error)),
    }
    connection.close().await.map_err(doing("leave the registry database"))
}

fn is_concurrent_update(error: &sqlx::Error) -> bool {
    has_code(error, sqlstate::INTERNAL_ERROR) || has_code(error, sqlstate::UNIQUE_VIOLATION)
}

pub(crate) fn connect_error(server: &PgConnectOptions, database: &Identifier, source: sqlx::Error) -> RegistryError {
    RegistryError::Connect {
        database: format!("{} at {}:{}", database.as_str(), server.get_host(), server.get_port()),
        source,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn database_in(url: &str) -> String {
        let (server, database) = parse_url(url, &RegistryOptions::default()).unwrap();
        assert_eq!(server.get_database(), Some(database.as_str()));
        database.as_str().to_owned()
    }

    #[test]
    fn the_url_names_the_registry_database_unless_it_means_the_server() {
        assert_eq!(database_in("postgres://u@h:5432/postgres"), "mcp_registry");
        assert_eq!(database_in("postgres://u@h/team_registry"), "team_registry");
    }

    #[test]
    fn an_invalid_url_is_refused_without_repeating_it() {
        let error = parse_url("postgres//u:secret@h", &RegistryOptions::default()).unwrap_err();
        assert!(matches!(error, RegistryError::InvalidUrl { .. }));
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
