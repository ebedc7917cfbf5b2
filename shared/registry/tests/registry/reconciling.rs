//! What crashes leave behind. Each test puts the server into the state after one step of a saga.

use std::time::Duration;

use quarry_registry::{ProjectState, RegistryError};

use crate::{create, databases, execute, name, registry};

#[tokio::test]
async fn a_creation_that_ended_at_any_step_is_undone() {
    let registry = registry().await;
    // After the first step: the name is reserved and nothing else.
    execute(
        registry.pool(),
        "insert into projects (name, database_name) values ('crash_a', 'project_crash_a_00000000')".to_owned(),
    )
    .await;
    // After the second: the database is there without a stamp.
    let unstamped = create(&registry, "crash_b").await;
    let database = registry.database(&unstamped).await.unwrap();
    execute(&database, "delete from codebase.project_stamp".to_owned()).await;
    // After the third: the stamp too, but the row is not ready.
    create(&registry, "crash_c").await;
    execute(registry.pool(), "update projects set state = 'creating'".to_owned()).await;

    let done = registry.reconcile_older_than(Duration::ZERO).await.unwrap();

    let mut undone: Vec<&str> = done.undone.iter().map(|name| name.as_str()).collect();
    undone.sort_unstable();
    assert_eq!(undone, ["crash_a", "crash_b", "crash_c"]);
    assert_eq!(databases(&registry, "crash_").await, Vec::<String>::new());
    assert_eq!(registry.projects().await.unwrap(), []);
}

#[tokio::test]
async fn a_drop_that_ended_at_any_step_is_finished() {
    let registry = registry().await;
    create(&registry, "halfdrop_a").await;
    let gone = create(&registry, "halfdrop_b").await;
    execute(
        registry.pool(),
        format!("drop database {} with (force)", gone.database_name),
    )
    .await;
    execute(registry.pool(), "update projects set state = 'dropping'".to_owned()).await;

    let done = registry.reconcile_older_than(Duration::ZERO).await.unwrap();

    assert_eq!(done.dropped.len(), 2);
    assert_eq!(databases(&registry, "halfdrop_").await, Vec::<String>::new());
    assert_eq!(registry.projects().await.unwrap(), []);
}

#[tokio::test]
async fn a_database_with_another_stamp_or_without_our_schemas_is_never_dropped() {
    let registry = registry().await;
    let victim = create(&registry, "keep_victim").await;
    execute(
        registry.pool(),
        "create database project_keep_foreign_00000000".to_owned(),
    )
    .await;
    execute(
        registry.pool(),
        format!(
            "update projects set database_name = 'project_keep_row_gone' where id = '{}'",
            victim.id
        ),
    )
    .await;
    execute(
        registry.pool(),
        format!(
            "insert into projects (name, database_name) values
                ('keep_a', '{}'), ('keep_b', 'project_keep_foreign_00000000')",
            victim.database_name
        ),
    )
    .await;

    let done = registry.reconcile_older_than(Duration::ZERO).await.unwrap();

    assert_eq!(done.foreign.len(), 2);
    assert_eq!(databases(&registry, "keep_").await.len(), 2);
}

#[tokio::test]
async fn what_began_a_moment_ago_is_left_alone() {
    let registry = registry().await;
    execute(
        registry.pool(),
        "insert into projects (name, database_name) values ('fresh', 'project_fresh_00000000')".to_owned(),
    )
    .await;

    assert_eq!(registry.reconcile().await.unwrap().undone, []);

    let error = registry
        .create_project(&name("fresh"), None, "test 1")
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        RegistryError::NotReady {
            state: ProjectState::Creating,
            ..
        }
    ));
    assert!(registry.project(&name("fresh")).await.is_err());
}

#[tokio::test]
async fn a_name_left_by_a_crash_long_ago_can_be_used_at_once() {
    let registry = registry().await;
    execute(
        registry.pool(),
        "insert into projects (name, database_name, updated_at)
        values ('stale', 'project_stale_00000000', now() - interval '1 hour')"
            .to_owned(),
    )
    .await;

    let project = create(&registry, "stale").await;

    assert_eq!(databases(&registry, "stale_").await, [project.database_name]);
}

#[tokio::test]
async fn a_creation_that_fails_leaves_nothing_behind() {
    let registry = registry().await;
    // The last step cannot succeed.
    execute(
        registry.pool(),
        "alter table projects add constraint never_ready check (state <> 'ready')".to_owned(),
    )
    .await;

    let error = registry
        .create_project(&name("failing"), None, "test 1")
        .await
        .unwrap_err();

    assert!(matches!(error, RegistryError::Database { .. }));
    assert_eq!(databases(&registry, "failing").await, Vec::<String>::new());
    assert_eq!(registry.projects().await.unwrap(), []);
}
