use quarry_workflow::{
    AsOf, DifferenceClass, EntityQuery, Migration, NewSchema, WorkflowError, describe_schema, get_entity,
    migrate_entities, query_entities, register_schema, registered_schemas,
};
use serde_json::{Value, json};

use crate::project_database::{
    create, item_definition, numbers, project_database, register, store_items, update, with_items,
};

#[tokio::test]
async fn versions_are_added_and_never_changed() {
    let pool = project_database().await;
    let first = register(&pool, "item", item_definition()).await;
    assert_eq!(
        (first.version, first.registered, first.difference),
        (1, true, DifferenceClass::First)
    );
    let again = register(&pool, "item", item_definition()).await;
    assert_eq!(
        (again.version, again.registered, again.difference),
        (1, false, DifferenceClass::Identical)
    );
    let second = register(&pool, "item", with_property("size", json!({"type": "integer"}))).await;
    assert_eq!((second.version, second.difference), (2, DifferenceClass::Widened));
    assert_eq!(second.changes[0].pointer, "/properties/size");
    assert_eq!(registered_schemas(&pool).await.unwrap().len(), 2);
    let described = describe_schema(&pool, "item", None).await.unwrap();
    assert_eq!(described.schema.version, 2);
    assert_eq!(described.example.unwrap()["size"], 1);
    assert!(matches!(
        describe_schema(&pool, "item", Some(3)).await,
        Err(WorkflowError::UnknownSchema { .. })
    ));
}

#[tokio::test]
async fn registering_at_once_gives_each_version_once() {
    let pool = project_database().await;
    let (a, b) = tokio::join!(
        register(&pool, "item", item_definition()),
        register(&pool, "item", with_property("size", json!({})))
    );
    let mut versions = [a.version, b.version];
    versions.sort_unstable();
    assert_eq!(versions, [1, 2]);
}

#[tokio::test]
async fn what_a_new_version_would_refuse_is_known_beforehand() {
    let pool = with_items().await;
    store_items(&pool, 1_000).await;
    let mut stricter = item_definition();
    stricter["properties"]["n"] = json!({"type": "integer", "maximum": 900});
    let new = NewSchema {
        name: "item".to_owned(),
        definition: stricter,
        dry_run: true,
        ..NewSchema::default()
    };
    let would = register_schema(&pool, &new, "test").await.unwrap();
    assert_eq!(
        (would.version, would.registered, would.difference),
        (2, false, DifferenceClass::Narrowed)
    );
    assert_eq!(
        (would.entities_checked, would.entities_failing, would.failing.len()),
        (1_000, 100, 10)
    );
    assert_eq!(would.failing[0].faults.faults[0].pointer, "/n");
    assert_eq!(registered_schemas(&pool).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_schema_that_cannot_be_meant_is_refused_with_every_reason() {
    let pool = project_database().await;
    let new = |name: &str, definition: Value, fields: &[&str]| NewSchema {
        name: name.to_owned(),
        definition,
        query_fields: Some(fields.iter().map(|&field| field.to_owned()).collect()),
        ..NewSchema::default()
    };
    let misspelt = json!({"requierd": ["a"], "properties": {"a": {"format": "date_time", "pattern": "(?=a)"}}});
    let Err(WorkflowError::InvalidSchema(faults)) = register_schema(&pool, &new("x", misspelt, &[]), "test").await
    else {
        panic!()
    };
    assert!(faults.to_string().contains("did you mean \"required\""), "{faults}");
    assert_eq!(faults.faults.len(), 2);
    for name in ["", "Task", "1x", "a-b", &"x".repeat(64)] {
        let refused = register_schema(&pool, &new(name, json!({}), &[]), "test").await;
        assert!(matches!(refused, Err(WorkflowError::InvalidArgument(_))), "{name}");
    }
    let fields = ["tilte", "$version", "n"];
    let Err(WorkflowError::InvalidQuery(faults)) =
        register_schema(&pool, &new("item", item_definition(), &fields), "test").await
    else {
        panic!()
    };
    let pointers: Vec<&str> = faults.faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/query_fields/0", "/query_fields/1"]);
    assert!(registered_schemas(&pool).await.unwrap().is_empty());
}

#[tokio::test]
async fn fields_with_any_name_can_be_declared() {
    let pool = project_database().await;
    let names = [
        "it's",
        "a\"b",
        "back\\slash",
        "{curly}",
        "dot.ted",
        "ключ",
        "a b; drop table workflow.entities",
    ];
    let properties: Value = names
        .iter()
        .map(|&name| (name.to_owned(), json!({"type": "integer"})))
        .collect();
    let pointers: Vec<String> = names.iter().map(|name| format!("/{name}")).collect();
    let new = NewSchema {
        name: "odd".to_owned(),
        definition: json!({"type": "object", "properties": properties}),
        query_fields: Some(pointers.clone()),
        ..NewSchema::default()
    };
    register_schema(&pool, &new, "test").await.unwrap();
    for (n, name) in names.iter().enumerate() {
        create(&pool, "odd", json!({"n": n, *name: 7})).await;
    }
    for (n, pointer) in pointers.iter().enumerate() {
        let query = EntityQuery {
            filter: Some(json!({pointer: {"gte": 7}})),
            ..EntityQuery::all("odd")
        };
        assert_eq!(
            numbers(&query_entities(&pool, &query).await.unwrap()),
            [n as i64],
            "{pointer}"
        );
    }
}

#[tokio::test]
async fn a_new_version_stops_nobody_who_has_not_migrated() {
    let pool = with_items().await;
    let old = create(&pool, "item", json!({"n": 1})).await;
    let mut second = with_property("size", json!({"type": "integer"}));
    second["required"] = json!(["n", "size"]);
    register(&pool, "item", second).await;
    let still = update(&pool, &old, json!({"n": 2})).await.unwrap();
    assert_eq!(still.schema_version, 1);
    let moved = update(&pool, &still, json!({"size": 3})).await.unwrap();
    assert_eq!(moved.schema_version, 2);
    let Err(WorkflowError::InvalidDocument(_)) = update(&pool, &moved, json!({"size": null})).await else {
        panic!()
    };
}

#[tokio::test]
async fn entities_migrate_by_defaults_and_what_does_not_fit_is_named() {
    let pool = with_items().await;
    store_items(&pool, 1_200).await;
    let mut second = with_property("size", json!({"type": "integer", "default": 3}));
    second["required"] = json!(["n", "size"]);
    second["properties"]["n"] = json!({"type": "integer", "minimum": 101});
    register(&pool, "item", second).await;
    let would = migrate_entities(&pool, "item", &Migration::Defaults, "test", true)
        .await
        .unwrap();
    let done = migrate_entities(&pool, "item", &Migration::Defaults, "test", false)
        .await
        .unwrap();
    assert_eq!(would, done);
    assert_eq!(
        (done.to_version, done.migrated, done.failed, done.failing.len()),
        (2, 1_100, 100, 50)
    );
    let again = migrate_entities(&pool, "item", &Migration::Defaults, "test", false)
        .await
        .unwrap();
    assert_eq!((again.migrated, again.failed), (0, 100));
    let patch = Migration::Patch(json!({"n": 1_000}));
    let patched = migrate_entities(&pool, "item", &patch, "test", false).await.unwrap();
    assert_eq!((patched.migrated, patched.failed), (100, 0));
    let moved: i64 = sqlx::query_scalar(
        "select count(*) from workflow.entities
         where schema_version = 2 and version = 2 and data ->> 'size' = '3' and operation = 'migrate'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(moved, 1_200);
}

/// What a migration had done when it died stays done, and the next one does the rest.
#[tokio::test]
async fn an_interrupted_migration_goes_on_where_it_stopped() {
    let pool = with_items().await;
    let ids = store_items(&pool, 1_200).await;
    register(&pool, "item", with_property("size", json!({"default": 1}))).await;
    // Locked by somebody else: the migration cannot get past it, and is dropped in the middle.
    let last = ids.iter().max().unwrap();
    let mut blocker = pool.begin().await.unwrap();
    sqlx::query("select from workflow.entities where id = $1 for update")
        .bind(last)
        .execute(&mut *blocker)
        .await
        .unwrap();
    let migration = tokio::spawn({
        let pool = pool.clone();
        async move { migrate_entities(&pool, "item", &Migration::Defaults, "test", false).await }
    });
    let moved = async || -> i64 {
        sqlx::query_scalar("select count(*) from workflow.entities where schema_version = 2")
            .fetch_one(&pool)
            .await
            .unwrap()
    };
    while moved().await < 1_000 {
        tokio::task::yield_now().await;
    }
    migration.abort();
    let _ = migration.await;
    blocker.rollback().await.unwrap();
    let rest = migrate_entities(&pool, "item", &Migration::Defaults, "test", false)
        .await
        .unwrap();
    assert_eq!((moved().await, rest.migrated), (1_200, 200));
    assert_eq!(get_entity(&pool, ids[0], AsOf::Now).await.unwrap().version, 2);
}

fn with_property(name: &str, schema: Value) -> Value {
    let mut definition = item_definition();
    definition["properties"][name] = schema;
    definition
}
