use quarry_workflow::{WorkflowError, compile_schema, register_template, registered_schemas};

use crate::project_database::project_database;

#[tokio::test]
async fn registering_a_template_twice_is_registering_it_once() {
    let pool = project_database().await;
    let first = register_template(&pool, "task", "ana").await.unwrap();
    let second = register_template(&pool, "task", "ben").await.unwrap();
    assert_eq!(first, second);
    assert_eq!((first.version, first.created_by.as_str()), (1, "ana"));
}

#[tokio::test]
async fn registering_at_the_same_time_gives_one_version() {
    let pool = project_database().await;
    let (a, b) = tokio::join!(
        register_template(&pool, "task", "ana"),
        register_template(&pool, "task", "ben")
    );
    assert_eq!(a.unwrap(), b.unwrap());
    assert_eq!(registered_schemas(&pool).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_read_back_compiles_and_checks_documents() {
    let pool = project_database().await;
    register_template(&pool, "vendor", "ana").await.unwrap();
    register_template(&pool, "task", "ana").await.unwrap();
    let stored = registered_schemas(&pool).await.unwrap();
    let names: Vec<&str> = stored.iter().map(|schema| schema.name.as_str()).collect();
    assert_eq!(names, ["task", "vendor"]);
    let vendor = compile_schema(&stored[1].definition).unwrap();
    let document =
        |version: &str| serde_json::json!({"name": "Acme", "status": "operational", "extractor_version": version});
    vendor.validate(&document("1.2.3")).unwrap();
    vendor.validate(&document("1.2")).unwrap_err();
}

#[tokio::test]
async fn a_name_that_is_no_template_is_refused_with_those_that_are() {
    let pool = project_database().await;
    let error = register_template(&pool, "tasks", "ana").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no schema template \"tasks\"; choose one of task, vendor"
    );
}

#[tokio::test]
async fn another_definition_under_the_same_name_is_left_as_it_is() {
    let pool = project_database().await;
    sqlx::raw_sql("insert into workflow.entity_schemas (schema_name, schema_definition) values ('task', '{}')")
        .execute(&pool)
        .await
        .unwrap();
    let error = register_template(&pool, "task", "ana").await.unwrap_err();
    assert!(matches!(error, WorkflowError::SchemaDiffers { version: 1, .. }));
    assert_eq!(
        registered_schemas(&pool).await.unwrap()[0].definition,
        serde_json::json!({})
    );
}
