//! A throw-away Postgres for tests: one cluster per test process, one empty database per test.
//! Hands out URLs. Never leaves a process or a directory behind, not even when the test process is killed.

mod home;
mod server;
mod watchdog;

pub use crate::postmaster::StopMode;
pub use home::TestHome;
pub use server::TestServer;

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

static SERVER: OnceCell<TestServer> = OnceCell::const_new();
static DATABASES: AtomicU64 = AtomicU64::new(0);

/// An empty database of one test; goes away with the server, at the end of the process.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    /// Address with the superuser's name and password: `postgres://quarry:…@127.0.0.1:PORT/NAME`.
    pub url: String,
    /// The database's name, unique within this process.
    pub name: String,
}

/// The server that all tests of this process share; started by the first one that asks.
///
/// # Panics
///
/// When no Postgres can be found, installed or started; the message says why.
pub async fn test_server() -> &'static TestServer {
    SERVER.get_or_init(TestServer::start_new).await
}

/// A new empty database on the shared server. The extension `vector` is available in it, but not created.
///
/// # Panics
///
/// When there is no server (see [`test_server`]) or it refuses.
pub async fn test_database() -> TestDatabase {
    test_server().await.create_database().await
}

impl TestServer {
    /// A new empty database on this server.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub async fn create_database(&self) -> TestDatabase {
        let name = format!(
            "test_{}_{}",
            std::process::id(),
            DATABASES.fetch_add(1, Ordering::Relaxed)
        );
        self.execute(&format!("create database {name}")).await;
        TestDatabase {
            url: self.url_of(&name),
            name,
        }
    }

    /// Ends the sessions of one database, or of all of them, as a broken network would; returns how many.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub async fn terminate_backends(&self, database: Option<&str>) -> u64 {
        let statement = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where backend_type = 'client backend' and pid <> pg_backend_pid() and datname = {}",
            database.map_or("datname".to_owned(), |name| format!("'{}'", name.replace('\'', "''")))
        );
        self.execute(&statement).await
    }

    /// Runs one statement as superuser in the database `postgres`; a connection of its own, because every test has a
    /// runtime of its own.
    async fn execute(&self, statement: &str) -> u64 {
        let mut connection = PgConnection::connect(&self.url())
            .await
            .unwrap_or_else(|error| panic!("connect to the test server: {error}"));
        let outcome = connection.execute(AssertSqlSafe(statement)).await;
        let done = outcome.unwrap_or_else(|error| panic!("{statement}: {error}"));
        connection.close().await.ok();
        done.rows_affected()
    }
}
