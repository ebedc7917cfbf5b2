use chrono::Utc;
use quarry_workflow::{
    AsOf, Atomicity, Author, Change, Operation, WorkflowError, bulk_apply, change_entity, entity_history, get_entity,
    undo_batch,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::project_database::{create, patching, target, try_create, update, with_items};

#[tokio::test]
async fn an_entity_lives_through_all_its_versions() {
    let pool = with_items().await;
    let made = create(&pool, "item", json!({"n": 1, "title": "one"})).await;
    assert_eq!(
        (made.version, made.schema_version, made.created_by.as_str()),
        (1, 1, "test")
    );
    let before_update = Utc::now();
    let second = update(&pool, &made, json!({"n": 2})).await.unwrap();
    let third = update(&pool, &second, json!([{"op": "remove", "path": "/title"}]))
        .await
        .unwrap();
    assert_eq!(third.data, json!({"n": 2}));
    let deleted = change_entity(&pool, &Operation::Delete(target(&third)), Author::named("ben"))
        .await
        .unwrap();
    assert!(deleted.deleted_at.is_some());
    let restored = change_entity(&pool, &Operation::Restore(target(&deleted)), Author::named("test"))
        .await
        .unwrap();
    assert_eq!(restored.deleted_at, None);
    let revert = Operation::Revert {
        target: target(&restored),
        to_version: 1,
    };
    let reverted = change_entity(&pool, &revert, Author::named("test")).await.unwrap();
    assert_eq!((reverted.version, reverted.data.clone()), (6, made.data.clone()));

    assert_eq!(
        get_entity(&pool, made.id, AsOf::Version(2)).await.unwrap().data,
        second.data
    );
    assert_eq!(
        get_entity(&pool, made.id, AsOf::Time(before_update))
            .await
            .unwrap()
            .version,
        1
    );
    assert!(
        get_entity(&pool, made.id, AsOf::Version(4))
            .await
            .unwrap()
            .deleted_at
            .is_some()
    );
    let history = entity_history(&pool, made.id, None, 100).await.unwrap();
    let told: Vec<(i32, &str)> = history
        .iter()
        .map(|one| (one.version, one.operation.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (6, "revert"),
            (5, "restore"),
            (4, "delete"),
            (3, "update"),
            (2, "update"),
            (1, "create")
        ]
    );
    assert_eq!(history[3].changed_pointers.as_deref(), Some(&["/title".to_owned()][..]));
    assert_eq!(history[2].changed_by, "ben");
}

#[tokio::test]
async fn a_conflict_tells_all_that_its_writer_needs() {
    let pool = with_items().await;
    let seen = create(&pool, "item", json!({"n": 1, "title": "one", "tags": ["a"]})).await;
    let patch = patching(&seen, json!({"title": "ben's", "tags": ["b"]}));
    let now = change_entity(&pool, &patch, Author::named("ben")).await.unwrap();
    let Err(WorkflowError::Conflict(conflict)) = update(&pool, &seen, json!({"n": 2})).await else {
        panic!()
    };
    assert_eq!((conflict.expected_version, conflict.current_version), (1, 2));
    assert_eq!(conflict.current_data, now.data);
    assert_eq!(conflict.changed_pointers.as_deref().unwrap(), ["/tags/0", "/title"]);
    assert_eq!(conflict.changes[0].changed_by, "ben");
    assert_eq!(conflict.changes[0].changed_at, now.updated_at);
    assert!(conflict.to_string().contains("changed by ben"), "{conflict}");
    for operation in [
        Operation::Delete(target(&seen)),
        Operation::Revert {
            target: target(&seen),
            to_version: 1,
        },
    ] {
        let refused = change_entity(&pool, &operation, Author::named("test")).await;
        assert!(matches!(refused, Err(WorkflowError::Conflict(_))));
    }
    assert_eq!(get_entity(&pool, seen.id, AsOf::Now).await.unwrap(), now);
}

#[tokio::test]
async fn a_deleted_entity_is_only_restored() {
    let pool = with_items().await;
    let made = create(&pool, "item", json!({"n": 1})).await;
    let refused = change_entity(&pool, &Operation::Restore(target(&made)), Author::named("test")).await;
    assert!(matches!(refused, Err(WorkflowError::NotDeleted { .. })));
    let deleted = change_entity(&pool, &Operation::Delete(target(&made)), Author::named("test"))
        .await
        .unwrap();
    let refused = update(&pool, &deleted, json!({"n": 2})).await;
    assert!(matches!(refused, Err(WorkflowError::Deleted { version: 2, .. })));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_on_every_path_and_leaves_nothing() {
    let pool = with_items().await;
    let made = create(&pool, "item", json!({"n": 1})).await;
    let wrong = json!({"n": "x", "tilte": 1});
    let replace = |change| Operation::Update {
        target: target(&made),
        change,
    };
    let refused = [
        try_create(&pool, "item", wrong.clone()).await,
        change_entity(&pool, &replace(Change::Replace(wrong.clone())), Author::named("test")).await,
        update(&pool, &made, wrong).await,
    ];
    for result in refused {
        let Err(error @ WorkflowError::InvalidDocument(_)) = result else {
            panic!("{result:?}")
        };
        let faults = &error.faults().unwrap().faults;
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/n", "/tilte"]);
        assert!(faults[1].message.contains("did you mean \"title\""));
    }
    assert_eq!(count(&pool, "entities").await, 1);
    assert_eq!(count(&pool, "entity_versions").await, 1);
    assert!(matches!(
        try_create(&pool, "items", json!({})).await,
        Err(WorkflowError::UnknownSchema { hint, .. }) if hint.contains("did you mean \"item\"")
    ));
    assert!(matches!(
        get_entity(&pool, Uuid::nil(), AsOf::Now).await,
        Err(WorkflowError::UnknownEntity { .. })
    ));
    assert!(matches!(
        get_entity(&pool, made.id, AsOf::Version(9)).await,
        Err(WorkflowError::UnknownVersion { newest: 1, .. })
    ));
}

#[tokio::test]
async fn checking_only_keeps_nothing() {
    let pool = with_items().await;
    let author = Author {
        dry_run: true,
        ..Author::named("test")
    };
    let operation = Operation::Create {
        schema: "item".to_owned(),
        data: json!({"n": 1}),
        id: None,
    };
    assert_eq!(change_entity(&pool, &operation, author).await.unwrap().version, 1);
    assert_eq!(count(&pool, "entities").await, 0);
}

#[tokio::test]
async fn a_thousand_retried_requests_have_a_thousand_effects() {
    let pool = with_items().await;
    let mut made = Vec::new();
    for n in 0..500 {
        let key = format!("create {n}");
        let author = Author {
            idempotency_key: Some(&key),
            ..Author::named("test")
        };
        let operation = Operation::Create {
            schema: "item".to_owned(),
            data: json!({"n": n}),
            id: None,
        };
        let (first, second) = tokio::join!(
            change_entity(&pool, &operation, author),
            change_entity(&pool, &operation, author)
        );
        assert_eq!(first.as_ref().unwrap(), second.as_ref().unwrap());
        made.push(first.unwrap());
    }
    for seen in &made {
        let key = format!("update {}", seen.id);
        let author = Author {
            idempotency_key: Some(&key),
            ..Author::named("test")
        };
        let operation = patching(seen, json!({"title": "changed"}));
        let first = change_entity(&pool, &operation, author).await.unwrap();
        // Without the key this would be a conflict.
        assert_eq!(change_entity(&pool, &operation, author).await.unwrap(), first);
    }
    assert_eq!(count(&pool, "entities").await, 500);
    assert_eq!(count(&pool, "entity_versions").await, 1_000);
    let author = Author {
        idempotency_key: Some("create 0"),
        ..Author::named("test")
    };
    let other = Operation::Create {
        schema: "item".to_owned(),
        data: json!({"n": 7}),
        id: None,
    };
    let refused = change_entity(&pool, &other, author).await;
    assert!(matches!(refused, Err(WorkflowError::KeyReused { .. })));
}

#[tokio::test]
async fn a_batch_names_what_is_wrong_with_each_operation_and_changes_nothing() {
    let pool = with_items().await;
    let made = create(&pool, "item", json!({"n": 1})).await;
    let operations = [
        json!({"op": "create", "schema": "item", "data": {"n": 2}}),
        json!({"op": "create", "schema": "item", "data": {"n": "x", "tags": [1]}}),
        json!({"op": "update", "id": made.id, "expected_version": 9, "patch": {"n": 3}}),
        json!({"op": "update", "id": made.id, "expected_version": 1, "patch": [{"op": "remove", "path": "/x"}]}),
        json!({"op": "delete", "id": Uuid::nil(), "expected_version": 1}),
        json!({"op": "destroy"}),
    ];
    let report = bulk_apply(&pool, &operations, Atomicity::AllOrNothing, Author::named("test"))
        .await
        .unwrap();
    assert_eq!((report.batch_id, report.succeeded, report.failed), (None, 1, 5));
    let pointers: Vec<Vec<&str>> = report
        .results
        .iter()
        .map(|result| result.faults.iter().map(|fault| fault.pointer.as_str()).collect())
        .collect();
    assert_eq!(
        pointers,
        [
            vec![],
            vec!["/1/data/n", "/1/data/tags/0"],
            vec!["/2/expected_version"],
            vec!["/3/patch/0"],
            vec!["/4/id"],
            vec!["/5/op"],
        ]
    );
    assert_eq!(count(&pool, "entities").await, 1);
    assert_eq!(count(&pool, "batches").await, 0);

    let report = bulk_apply(&pool, &operations, Atomicity::WhatWorks, Author::named("test"))
        .await
        .unwrap();
    assert!(report.batch_id.is_some());
    assert_eq!(count(&pool, "entities").await, 2);
}

#[tokio::test]
async fn a_batch_is_taken_back_entirely_or_not_at_all() {
    let pool = with_items().await;
    let mut before = Vec::new();
    for n in 0..30 {
        before.push(create(&pool, "item", json!({"n": n})).await);
    }
    // 15 changed, 15 deleted, 15 new: 45 entities, some of them twice.
    let mut operations: Vec<Value> = Vec::new();
    for (index, entity) in before.iter().enumerate() {
        operations.push(match index % 2 {
            0 => json!({"op": "update", "id": entity.id, "expected_version": 1, "patch": {"title": "changed"}}),
            _ => json!({"op": "delete", "id": entity.id, "expected_version": 1}),
        });
        operations.push(match index % 2 {
            0 => json!({"op": "update", "id": entity.id, "expected_version": 2, "patch": {"title": "again"}}),
            _ => json!({"op": "create", "schema": "item", "data": {"n": 100 + index}}),
        });
    }
    let report = bulk_apply(&pool, &operations, Atomicity::AllOrNothing, Author::named("test"))
        .await
        .unwrap();
    let batch = report.batch_id.unwrap();
    let undone = undo_batch(&pool, batch, "test").await.unwrap();
    assert_eq!(undone.entities, 45);
    for entity in &before {
        let now = get_entity(&pool, entity.id, AsOf::Now).await.unwrap();
        assert_eq!((&now.data, now.deleted_at), (&entity.data, None));
    }
    let alive: i64 = sqlx::query_scalar("select count(*) from workflow.entities where deleted_at is null")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(alive, 30);
    assert!(matches!(
        undo_batch(&pool, batch, "test").await,
        Err(WorkflowError::AlreadyUndone { .. })
    ));

    // Taking back what took it back applies it again.
    undo_batch(&pool, undone.batch_id, "test").await.unwrap();
    assert_eq!(
        get_entity(&pool, before[0].id, AsOf::Now).await.unwrap().data["title"],
        "again"
    );
}

#[tokio::test]
async fn a_batch_with_later_changes_stays() {
    let pool = with_items().await;
    let operations = [json!({"op": "create", "schema": "item", "data": {"n": 2}})];
    let report = bulk_apply(&pool, &operations, Atomicity::AllOrNothing, Author::named("test"))
        .await
        .unwrap();
    let made = get_entity(&pool, report.results[0].id.unwrap(), AsOf::Now)
        .await
        .unwrap();
    update(&pool, &made, json!({"n": 3})).await.unwrap();
    let refused = undo_batch(&pool, report.batch_id.unwrap(), "test").await;
    assert!(matches!(refused, Err(WorkflowError::ChangedSince { changed, .. }) if changed == [made.id]));
    assert!(matches!(
        undo_batch(&pool, Uuid::nil(), "test").await,
        Err(WorkflowError::UnknownBatch { .. })
    ));
}

#[tokio::test]
async fn a_batch_sent_twice_is_applied_once() {
    let pool = with_items().await;
    let operations = vec![json!({"op": "create", "schema": "item", "data": {"n": 2}}); 10];
    let author = Author {
        idempotency_key: Some("batch"),
        ..Author::named("test")
    };
    let first = bulk_apply(&pool, &operations, Atomicity::AllOrNothing, author)
        .await
        .unwrap();
    assert_eq!(
        bulk_apply(&pool, &operations, Atomicity::AllOrNothing, author)
            .await
            .unwrap(),
        first
    );
    assert_eq!(count(&pool, "entities").await, 10);
    let too_many = vec![json!({}); 1_001];
    let refused = bulk_apply(&pool, &too_many, Atomicity::AllOrNothing, author).await;
    assert!(matches!(refused, Err(WorkflowError::InvalidArgument(_))));
}

async fn count(pool: &PgPool, table: &str) -> i64 {
    let statement = format!("select count(*) from workflow.{table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .fetch_one(pool)
        .await
        .unwrap()
}
