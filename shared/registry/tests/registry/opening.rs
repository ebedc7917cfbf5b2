//! Opening registries and bringing databases to the newest schema.

use futures::future::join_all;
use quarry_postgres::testing::{test_database, test_server};
use quarry_registry::{Registry, RegistryError};

use crate::{another_process, create, execute, options, registry};

#[tokio::test]
async fn processes_that_open_a_missing_registry_together_create_it_once() {
    let server = test_server().await;
    let url = server.url_of("opened_together");
    let opened = join_all((0..8).map(|_| Registry::open(&url, options()))).await;
    for registry in &opened {
        let registry = registry.as_ref().unwrap();
        assert_eq!(registry.projects().await.unwrap(), []);
    }
    let timeout: String = sqlx::query_scalar(
        "select setting from unnest((
            select setconfig from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
            where d.datname = 'opened_together')) as setting",
    )
    .fetch_one(opened[0].as_ref().unwrap().pool())
    .await
    .unwrap();
    assert_eq!(timeout, "statement_timeout=60000");
}

#[tokio::test]
async fn a_registry_newer_than_the_program_is_refused() {
    let database = test_database().await;
    let registry = Registry::open(&database.url, options()).await.unwrap();
    execute(registry.pool(), from_the_future()).await;
    let error = Registry::open(&database.url, options()).await.unwrap_err();
    assert!(matches!(error, RegistryError::NewerDatabase { found: 9999, .. }));
    assert!(error.to_string().contains("use a newer program"), "{error}");
}

#[tokio::test]
async fn a_registry_with_an_edited_migration_is_refused() {
    let database = test_database().await;
    let registry = Registry::open(&database.url, options()).await.unwrap();
    execute(
        registry.pool(),
        "update _sqlx_migrations set checksum = '\\x00' where version = 1".to_owned(),
    )
    .await;
    let error = Registry::open(&database.url, options()).await.unwrap_err();
    assert!(matches!(error, RegistryError::ChangedMigration { version: 1, .. }));
}

#[tokio::test]
async fn a_project_older_than_the_program_is_migrated_by_the_first_of_many_that_open_it() {
    let registry = registry().await;
    let project = create(&registry, "older").await;
    let database = registry.database(&project).await.unwrap();
    execute(&database, "drop schema workflow cascade".to_owned()).await;
    execute(&database, "delete from _sqlx_migrations where version = 3".to_owned()).await;

    let others = join_all((0..3).map(|_| another_process(&registry))).await;
    let pools = join_all(others.iter().flat_map(|other| (0..4).map(|_| other.database(&project)))).await;

    for pool in pools {
        let entities: i64 = sqlx::query_scalar("select count(*) from workflow.entities")
            .fetch_one(&pool.unwrap())
            .await
            .unwrap();
        assert_eq!(entities, 0);
    }
}

#[tokio::test]
async fn a_project_newer_than_the_program_is_refused_and_the_others_are_served() {
    let registry = registry().await;
    let newer = create(&registry, "newer").await;
    let current = create(&registry, "current").await;
    execute(&registry.database(&newer).await.unwrap(), from_the_future()).await;

    let other = another_process(&registry).await;

    let error = other.database(&newer).await.unwrap_err();
    assert!(matches!(error, RegistryError::NewerDatabase { found: 9999, .. }));
    assert!(other.database(&current).await.is_ok());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_without_the_password() {
    let mut options = options();
    options.acquire_timeout = std::time::Duration::from_millis(200);
    let error = Registry::open("postgres://user:hunter2@127.0.0.1:9/x", options)
        .await
        .unwrap_err();
    assert!(matches!(error, RegistryError::Connect { .. }));
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

fn from_the_future() -> String {
    "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
    values (9999, 'from the future', true, '\\x00', 0)"
        .to_owned()
}
