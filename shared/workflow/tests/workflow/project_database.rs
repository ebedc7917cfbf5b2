//! A project's database with the schema that every project has.

use quarry_postgres::testing::test_database;
use sqlx::PgPool;

/// A migrated, empty database.
pub(crate) async fn project_database() -> PgPool {
    let pool = PgPool::connect(&test_database().await.url).await.unwrap();
    sqlx::raw_sql("create extension vector").execute(&pool).await.unwrap();
    sqlx::migrate!("../../migrations/project").run(&pool).await.unwrap();
    pool
}
