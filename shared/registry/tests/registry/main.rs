//! The registry against a real Postgres. Each test has a registry database of its own; the server is shared, so project
//! names carry the test's own prefix where a test looks at the server's list of databases.
#![allow(clippy::unwrap_used)] // a failing step is the test's failure

mod creating;
mod locations;
mod opening;
mod pinning;
mod pools;
mod privileges;
mod reconciling;

use std::time::Duration;

use quarry_postgres::testing::{test_database, test_server};
use quarry_registry::{Project, ProjectName, Registry, RegistryOptions};
use sqlx::{AssertSqlSafe, PgPool};

/// Few connections at rest: all tests share one server.
fn options() -> RegistryOptions {
    RegistryOptions {
        min_connections: 0,
        max_connections: 6,
        acquire_timeout: Duration::from_secs(60),
        ..RegistryOptions::default()
    }
}

async fn registry() -> Registry {
    let database = test_database().await;
    Registry::open(&database.url, options()).await.unwrap()
}

/// The same registry as another process would hold it.
async fn another_process(registry: &Registry) -> Registry {
    another_process_with(registry, options()).await
}

async fn another_process_with(registry: &Registry, options: RegistryOptions) -> Registry {
    let name: String = sqlx::query_scalar("select current_database()::text")
        .fetch_one(registry.pool())
        .await
        .unwrap();
    Registry::open(&test_server().await.url_of(&name), options)
        .await
        .unwrap()
}

fn name(text: &str) -> ProjectName {
    ProjectName::parse(text).unwrap()
}

async fn create(registry: &Registry, text: &str) -> Project {
    registry.create_project(&name(text), None, "test 1").await.unwrap()
}

/// Runs one statement whose text a test puts together.
async fn execute(pool: &PgPool, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(pool).await.unwrap();
}

/// The databases on the server that belong to project names with this prefix.
async fn databases(registry: &Registry, prefix: &str) -> Vec<String> {
    sqlx::query_scalar("select datname::text from pg_database where starts_with(datname, 'project_' || $1) order by 1")
        .bind(prefix)
        .fetch_all(registry.pool())
        .await
        .unwrap()
}
