//! The pools of project databases.

use std::time::{Duration, Instant};

use futures::future::join_all;
use quarry_registry::{Registry, RegistryError, RegistryOptions};

use crate::{another_process, another_process_with, create, execute, options, registry};

#[tokio::test]
async fn many_first_callers_share_one_pool() {
    let registry = registry().await;
    let project = create(&registry, "first_use").await;
    let pools = join_all((0..50).map(|_| registry.database(&project))).await;

    assert!(pools.iter().all(Result::is_ok));
    assert_eq!(registry.open_projects(), 1);
    let connections = connections(&registry, "project_first_use").await;
    assert_eq!(connections, 1);
}

#[tokio::test]
async fn a_row_that_leads_to_another_projects_database_is_an_error() {
    let registry = registry().await;
    let owner = create(&registry, "owner").await;
    let stray = create(&registry, "stray").await;
    execute(
        registry.pool(),
        format!("delete from projects where id = '{}'", owner.id),
    )
    .await;
    execute(
        registry.pool(),
        format!(
            "update projects set database_name = '{}' where id = '{}'",
            owner.database_name, stray.id
        ),
    )
    .await;
    let stray = registry.project_by_id(stray.id).await.unwrap();

    let error = registry.database(&stray).await.unwrap_err();

    assert!(matches!(
        &error,
        RegistryError::WrongDatabase { stamp: Some(stamp), .. } if *stamp == owner.id.0
    ));
    assert!(error.to_string().contains("correct the registry"), "{error}");
}

#[tokio::test]
async fn a_row_that_leads_to_a_database_of_somebody_else_changes_nothing_in_it() {
    let registry = registry().await;
    let project = create(&registry, "elsewhere").await;
    execute(registry.pool(), "create database project_elsewhere_foreign".to_owned()).await;
    execute(
        registry.pool(),
        "update projects set database_name = 'project_elsewhere_foreign'".to_owned(),
    )
    .await;
    let project = registry.project_by_id(project.id).await.unwrap();

    let error = registry.database(&project).await.unwrap_err();
    assert!(matches!(error, RegistryError::WrongDatabase { stamp: None, .. }));
}

#[tokio::test]
async fn a_pool_nobody_asks_for_is_forgotten_and_its_clones_keep_working() {
    let registry = registry().await;
    let project = create(&registry, "idle").await;
    let pool = registry.database(&project).await.unwrap();
    wait_until_idle(&registry, &project).await;

    assert_eq!(registry.evict_idle(Instant::now() + Duration::from_secs(599)), 0);
    assert_eq!(registry.evict_idle(Instant::now() + Duration::from_secs(601)), 1);

    assert_eq!(registry.open_projects(), 0);
    assert!(sqlx::query("select 1").execute(&pool).await.is_ok());
    assert!(registry.database(&project).await.is_ok());
}

#[tokio::test]
async fn a_pool_in_use_is_not_forgotten() {
    let registry = registry().await;
    let project = create(&registry, "busy").await;
    let connection = registry.database(&project).await.unwrap().acquire().await.unwrap();
    assert_eq!(registry.evict_idle(Instant::now() + Duration::from_secs(6000)), 0);
    drop(connection);
}

#[tokio::test]
async fn more_projects_than_connections_are_served_within_the_cap() {
    let registry = registry().await;
    let projects = join_all((0..10).map(|n| {
        let registry = &registry;
        async move { create(registry, &format!("capped_{n}")).await }
    }))
    .await;
    let capped = another_process_with(
        &registry,
        RegistryOptions {
            project_connections_cap: Some(8),
            ..options()
        },
    )
    .await;

    let results = join_all((0..24).map(|client| {
        let (capped, projects) = (&capped, &projects);
        async move {
            for turn in 0..5 {
                let project = &projects[(client + turn * 3) % projects.len()];
                let pool = capped.database(project).await?;
                let database: String = sqlx::query_scalar("select current_database()::text")
                    .fetch_one(&pool)
                    .await
                    .unwrap();
                assert_eq!(database, project.database_name);
            }
            Ok::<(), RegistryError>(())
        }
    }))
    .await;

    for result in results {
        result.unwrap();
    }
    assert!(capped.open_projects() <= 4, "{}", capped.open_projects());
}

#[tokio::test]
async fn when_every_connection_stays_in_use_the_error_says_so() {
    let registry = registry().await;
    let first = create(&registry, "full_a").await;
    let second = create(&registry, "full_b").await;
    let full = another_process_with(
        &registry,
        RegistryOptions {
            project_connections_cap: Some(2),
            acquire_timeout: Duration::from_millis(300),
            ..options()
        },
    )
    .await;
    let in_use = full.database(&first).await.unwrap().acquire().await.unwrap();

    let error = full.database(&second).await.unwrap_err();
    assert!(matches!(error, RegistryError::NoConnectionLeft { cap: 2, .. }));

    drop(in_use);
    wait_until_idle(&full, &first).await;
    assert!(full.database(&second).await.is_ok());
}

#[tokio::test]
async fn a_project_dropped_by_another_process_stops_being_served() {
    let registry = registry().await;
    let project = create(&registry, "dropped_elsewhere").await;
    let pool = registry.database(&project).await.unwrap();
    another_process(&registry).await.drop_project(&project).await.unwrap();

    assert!(sqlx::query("select 1").execute(&pool).await.is_err());
    assert!(matches!(
        registry.database(&project).await,
        Err(RegistryError::UnknownProjectId(id)) if id == project.id
    ));
    assert_eq!(registry.open_projects(), 0);
}

#[tokio::test]
async fn a_lost_database_is_named() {
    let registry = registry().await;
    let project = create(&registry, "lost").await;
    execute(registry.pool(), format!("drop database {}", project.database_name)).await;
    assert!(matches!(
        registry.database(&project).await,
        Err(RegistryError::DatabaseMissing { database, .. }) if database == project.database_name
    ));
}

#[tokio::test]
async fn a_pool_survives_a_restart_of_its_sessions() {
    let registry = registry().await;
    let project = create(&registry, "interrupted").await;
    registry.database(&project).await.unwrap();
    sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1")
        .bind(&project.database_name)
        .execute(registry.pool())
        .await
        .unwrap();
    let pool = registry.database(&project).await.unwrap();
    assert!(sqlx::query("select 1").execute(&pool).await.is_ok());
}

async fn connections(registry: &Registry, prefix: &str) -> i64 {
    sqlx::query_scalar("select count(*) from pg_stat_activity where starts_with(datname, $1)")
        .bind(prefix)
        .fetch_one(registry.pool())
        .await
        .unwrap()
}

/// A connection returns to its pool on a task of its own.
async fn wait_until_idle(registry: &Registry, project: &quarry_registry::Project) {
    let pool = registry.database(project).await.unwrap();
    while pool.num_idle() == 0 {
        tokio::task::yield_now().await;
    }
}
