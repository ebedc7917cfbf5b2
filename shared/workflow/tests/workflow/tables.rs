//! The data model itself: which indexes a plan uses, what the constraints refuse, what the triggers do.

use quarry_workflow::register_template;
use sqlx::PgPool;

use crate::project_database::project_database;

#[tokio::test]
async fn the_newest_of_a_schema_come_from_an_index() {
    let pool = filled().await;
    for (column, index) in [
        ("created_at", "idx_entities_schema_created"),
        ("updated_at", "idx_entities_schema_updated"),
    ] {
        let condition = format!("schema_name = 'task' and deleted_at is null order by {column} desc, id limit 20");
        let plan = plan(&pool, &condition).await;
        assert!(plan.contains(&format!("Index Scan using {index}")), "{plan}");
        assert!(!plan.contains("Sort"), "{plan}");
    }
}

#[tokio::test]
async fn containment_comes_from_an_index() {
    let pool = filled().await;
    let plan = plan(&pool, r#"schema_name = 'task' and data @> '{"assignee": "person 7"}'"#).await;
    assert!(plan.contains("Bitmap Index Scan on idx_entities_data"), "{plan}");
}

#[tokio::test]
async fn a_document_of_an_unknown_schema_version_is_refused() {
    let pool = filled().await;
    let constraint = "entities_schema_name_schema_version_fkey";
    for version in ["'task', 2", "'note', 1"] {
        let statement =
            format!("insert into workflow.entities (schema_name, schema_version, data) values ({version}, '{{}}')");
        assert_eq!(refused_by(&pool, &statement).await, constraint);
    }
    assert_eq!(
        refused_by(&pool, "delete from workflow.entity_schemas").await,
        constraint
    );
}

#[tokio::test]
async fn versions_count_from_one() {
    let pool = filled().await;
    let entity =
        "insert into workflow.entities (schema_name, schema_version, data, version) values ('task', 1, '{}', 0)";
    assert_eq!(refused_by(&pool, entity).await, "valid_version");
    let schema = "insert into workflow.entity_schemas (schema_name, version, schema_definition) values ('x', 0, '{}')";
    assert_eq!(refused_by(&pool, schema).await, "valid_schema_version");
}

#[tokio::test]
async fn a_stored_schema_version_never_changes() {
    let pool = filled().await;
    for change in ["schema_definition = '{}'", "version = 2", "schema_name = 'job'"] {
        let statement = format!("update workflow.entity_schemas set {change} where schema_name = 'vendor'");
        let error = sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&pool)
            .await
            .unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "23001");
    }
    sqlx::raw_sql("update workflow.entity_schemas set description = 'Suppliers' where schema_name = 'vendor'")
        .execute(&pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn every_change_moves_updated_at() {
    let pool = filled().await;
    for change in [
        "entities set version = version + 1",
        "entity_schemas set description = 'x'",
    ] {
        let statement = format!("update workflow.{change} returning updated_at >= now() and updated_at > created_at");
        let moved: Vec<bool> = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .fetch_all(&pool)
            .await
            .unwrap();
        assert!(!moved.is_empty() && moved.iter().all(|moved| *moved));
    }
}

#[tokio::test]
async fn the_database_keeps_every_version_whoever_writes() {
    let pool = filled().await;
    sqlx::raw_sql(
        "update workflow.entities set version = version + 1, data = data || '{\"x\": 1}', updated_by = 'psql'",
    )
    .execute(&pool)
    .await
    .unwrap();
    let kept: i64 = sqlx::query_scalar("select count(*) from workflow.entity_versions where version = 2")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(kept, 10_000);
    for skipped in [
        "data = '{}'",
        "version = version + 2",
        "version = version + 1, schema_name = 'vendor'",
    ] {
        let statement = format!("update workflow.entities set {skipped} where schema_name = 'task'");
        let error = sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&pool)
            .await
            .unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "23001", "{skipped}");
    }
}

/// Both templates, 5 000 tasks and as many vendors, created one second apart in the past.
async fn filled() -> PgPool {
    let pool = project_database().await;
    for template in quarry_workflow::template_names() {
        register_template(&pool, template, "ana").await.unwrap();
    }
    sqlx::raw_sql(
        "insert into workflow.entities (schema_name, schema_version, data, created_at, updated_at)
         select name, 1,
             jsonb_build_object('title', 'Entity ' || n, 'status', 'pending', 'assignee', 'person ' || n % 500),
             now() - n * interval '1 second', now() - n * interval '1 second'
         from generate_series(1, 5000) as n, unnest(array['task', 'vendor']) as name;
         analyze workflow.entities",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool
}

/// The plan, one line a node, of reading the entities that this condition selects.
async fn plan(pool: &PgPool, condition: &str) -> String {
    let statement = format!("explain (costs off) select id, version, data from workflow.entities where {condition}");
    let lines: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .fetch_all(pool)
        .await
        .unwrap();
    lines.join("\n")
}

/// The constraint that refuses a statement.
async fn refused_by(pool: &PgPool, statement: &str) -> String {
    let error = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
        .execute(pool)
        .await
        .unwrap_err();
    error
        .as_database_error()
        .unwrap()
        .constraint()
        .unwrap_or_default()
        .to_owned()
}
