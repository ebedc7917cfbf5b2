use quarry_workflow::{
    EntityQuery, NewSchema, WorkflowError, entity_layout, explain_query, partition_entities, query_entities,
    register_schema,
};
use serde_json::json;

use crate::project_database::{create, found, item_definition, link, numbers, store_items, update, with_items};

#[tokio::test]
async fn a_partitioned_table_does_all_that_a_plain_one_does() {
    let pool = with_items().await;
    let ids = store_items(&pool, 3_000).await;
    let declared = NewSchema {
        name: "item".to_owned(),
        definition: item_definition(),
        query_fields: Some(vec!["n".to_owned()]),
        ..NewSchema::default()
    };
    register_schema(&pool, &declared, "test").await.unwrap();
    link(&pool, ids[0], "blocks", ids[1]).await.unwrap();
    let query = EntityQuery {
        limit: 50,
        ..EntityQuery::all("item")
    };
    let before = query_entities(&pool, &query).await.unwrap();

    let done = partition_entities(&pool, 8).await.unwrap();
    assert_eq!((done.entities, done.partitions), (3_000, 8));
    let layout = entity_layout(&pool).await.unwrap();
    assert_eq!((layout.partitions, layout.entities, layout.advice), (8, 3_000, None));
    let after = query_entities(&pool, &query).await.unwrap();
    assert_eq!(numbers(&after), numbers(&before));
    assert_eq!(found(&pool, json!({"n": 77})).await, [77]);
    let plan = explain_query(
        &pool,
        &EntityQuery {
            sort: vec!["n".to_owned()],
            ..query.clone()
        },
    )
    .await
    .unwrap();
    assert!(plan.contains("Merge Append") && !plan.contains("Sort\n"), "{plan}");
    let plan = explain_query(
        &pool,
        &EntityQuery {
            filter: Some(json!({"$id": ids[0]})),
            ..query
        },
    )
    .await
    .unwrap();
    assert_eq!(
        plan.matches("entities_").count(),
        plan.matches("entities_").count().clamp(1, 3),
        "one partition: {plan}"
    );

    // Versions, references and their refusals are as before.
    let made = create(&pool, "item", json!({"n": 9_999})).await;
    update(&pool, &made, json!({"n": 10_000})).await.unwrap();
    let versions: i64 = sqlx::query_scalar("select count(*) from workflow.entity_versions where entity_id = $1")
        .bind(made.id)
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(versions, 2);
    let orphan =
        sqlx::raw_sql("insert into workflow.entities (schema_name, schema_version, data) values ('none', 1, '{}')");
    assert!(orphan.execute(&pool).await.is_err());
    let fields = Some(vec!["n".to_owned(), "title".to_owned()]);
    register_schema(
        &pool,
        &NewSchema {
            query_fields: fields,
            ..declared
        },
        "test",
    )
    .await
    .unwrap();
    assert_eq!(found(&pool, json!({"title": "Item 5"})).await, [5]);
    assert!(matches!(
        partition_entities(&pool, 8).await,
        Err(WorkflowError::InvalidArgument(_))
    ));
}

#[tokio::test]
async fn only_sensible_numbers_of_partitions_are_taken() {
    let pool = with_items().await;
    for number in [0, 1, 3, 128] {
        assert!(matches!(
            partition_entities(&pool, number).await,
            Err(WorkflowError::InvalidArgument(_))
        ));
    }
}
