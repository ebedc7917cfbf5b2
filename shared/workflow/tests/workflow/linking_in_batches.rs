use quarry_workflow::{Atomicity, Author, BulkReport, WorkflowError, bulk_apply, get_entity, links_of, undo_batch};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::project_database::{create, link, unlink, until_waiting, with_items};

async fn items<const N: usize>(pool: &PgPool) -> [Uuid; N] {
    let mut ids = [Uuid::nil(); N];
    for id in &mut ids {
        *id = create(pool, "item", json!({"n": 1})).await.id;
    }
    ids
}

async fn apply(pool: &PgPool, operations: &[Value]) -> BulkReport {
    bulk_apply(pool, operations, Atomicity::AllOrNothing, Author::named("test"))
        .await
        .unwrap()
}

/// What is linked to the entities, since when, and whose links these are.
async fn standing(pool: &PgPool, ids: &[Uuid]) -> Value {
    let code = "select coalesce(jsonb_agg(to_jsonb(code) order by reference), '[]')
         from workflow.entity_code as code
         where entity_id = $1";
    let mut all = Vec::new();
    for id in ids {
        let code: Value = sqlx::query_scalar(code).bind(id).fetch_one(pool).await.unwrap();
        all.push(json!({"links": links_of(pool, *id).await.unwrap(), "code": code}));
    }
    all.into()
}

#[tokio::test]
async fn links_of_a_batch_are_made_and_taken_back_with_it() {
    let pool = with_items().await;
    let [a, b, c] = items(&pool).await;
    link(&pool, a, "blocks", b).await.unwrap();
    link(&pool, a, "about", "shop/src/cart.rs").await.unwrap();
    let before = standing(&pool, &[a, b, c]).await;
    let new = Uuid::now_v7();
    let report = apply(
        &pool,
        &[
            json!({"op": "create", "schema": "item", "data": {"n": 2}, "id": new}),
            json!({"op": "link", "from": new, "kind": "blocks", "to": c}),
            json!({"op": "unlink", "from": a, "kind": "blocks", "to": b}),
            json!({"op": "link", "from": b, "kind": "blocks", "to": a}),
            json!({"op": "link", "from": b, "kind": "blocks", "to": a}),
            json!({"op": "unlink", "from": a, "kind": "about", "to": "shop/src/cart.rs"}),
            json!({"op": "link", "from": c, "kind": "about", "to": "shop/src/cart.rs#L3"}),
            json!({"op": "update", "id": c, "expected_version": 1, "patch": {"n": 3}}),
        ],
    )
    .await;
    assert_eq!((report.succeeded, report.failed), (8, 0), "{report:?}");
    let changed: Vec<Option<bool>> = report.results.iter().map(|result| result.changed).collect();
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(changed, [None, yes, yes, yes, no, yes, yes, None]);
    let after = standing(&pool, &[a, b, c]).await;
    assert_eq!(after[0]["links"][0]["from_id"], json!(b));
    assert_eq!(
        (&after[0]["code"], after[2]["code"][0]["reference"].as_str()),
        (&json!([]), Some("shop/src/cart.rs#L3"))
    );

    // The link that was there before is back with its author and its time.
    let undone = undo_batch(&pool, report.batch_id.unwrap(), "ben").await.unwrap();
    assert_eq!((undone.entities, undone.links), (2, 5));
    assert_eq!(standing(&pool, &[a, b, c]).await, before);
    let again = undo_batch(&pool, undone.batch_id, "ben").await.unwrap();
    assert_eq!((again.entities, again.links), (2, 5));
    assert_eq!(standing(&pool, &[a, b, c]).await, after);
}

#[tokio::test]
async fn what_is_wrong_with_a_link_of_a_batch_is_said_in_its_place_and_nothing_is_linked() {
    let pool = with_items().await;
    let [a, b] = items(&pool).await;
    let report = apply(
        &pool,
        &[
            json!({"op": "link", "from": a, "kind": "blocks", "to": b}),
            json!({"op": "link", "from": b, "kind": "parent_of", "to": a}),
            json!({"op": "link", "from": Uuid::nil(), "kind": "blocks", "to": a}),
            json!({"op": "link", "from": a, "kind": "blocks", "to": Uuid::nil()}),
            json!({"op": "link", "from": a, "kind": "blocks", "to": "shop/src/cart.rs"}),
            json!({"op": "link", "from": a, "kind": "blokcs", "to": b}),
            json!({"op": "unlnik", "from": a, "kind": "blocks", "to": b}),
            json!({"op": "link", "from": a, "kind": "relates_to", "to": b, "expected_version": 1}),
        ],
    )
    .await;
    assert_eq!((report.batch_id, report.succeeded, report.failed), (None, 1, 7));
    let pointers: Vec<&str> = report
        .results
        .iter()
        .flat_map(|result| result.faults.iter().map(|fault| fault.pointer.as_str()))
        .collect();
    assert_eq!(
        pointers,
        [
            "/1/to",
            "/2/from",
            "/3/to",
            "/4/to",
            "/5/kind",
            "/6/op",
            "/7/expected_version"
        ]
    );
    assert!(report.results[1].error.as_deref().unwrap().contains("circle"));
    assert_eq!(links_of(&pool, a).await.unwrap(), []);
}

#[tokio::test]
async fn taking_a_batch_back_leaves_links_that_others_made_since() {
    let pool = with_items().await;
    let [a, b, c, d] = items(&pool).await;
    link(&pool, c, "blocks", d).await.unwrap();
    let report = apply(
        &pool,
        &[
            json!({"op": "link", "from": a, "kind": "blocks", "to": b}),
            json!({"op": "unlink", "from": c, "kind": "blocks", "to": d}),
            json!({"op": "link", "from": a, "kind": "about", "to": "shop/src/cart.rs"}),
        ],
    )
    .await;
    let batch = report.batch_id.unwrap();
    // What comes back would close a circle now: then nothing comes back.
    link(&pool, d, "blocks", c).await.unwrap();
    let refused = undo_batch(&pool, batch, "test").await;
    assert!(matches!(refused, Err(WorkflowError::Circle { .. })), "{refused:?}");
    assert_eq!(links_of(&pool, a).await.unwrap().len(), 1);
    unlink(&pool, d, "blocks", c).await.unwrap();

    for (kind, to) in [("blocks", b.to_string()), ("about", "shop/src/cart.rs".to_owned())] {
        unlink(&pool, a, kind, &to).await.unwrap();
        link(&pool, a, kind, &to).await.unwrap();
    }
    link(&pool, c, "blocks", d).await.unwrap();
    let others = standing(&pool, &[a, b, c, d]).await;
    let undone = undo_batch(&pool, batch, "test").await.unwrap();
    assert_eq!((undone.entities, undone.links), (0, 0));
    assert_eq!(standing(&pool, &[a, b, c, d]).await, others);
}

/// Each locks an entity that the other one links to.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_that_link_each_others_entities_do_not_wait_for_each_other_in_a_circle() {
    const ROUNDS: i32 = 40;
    let pool = with_items().await;
    let [a, b] = items(&pool).await;
    let write = async |own: Uuid, other: Uuid, kind: &str| {
        for n in 0..ROUNDS {
            let version = get_entity(&pool, own, quarry_workflow::AsOf::Now)
                .await
                .unwrap()
                .version;
            let op = if n % 2 == 0 { "link" } else { "unlink" };
            let report = apply(
                &pool,
                &[
                    json!({"op": "update", "id": own, "expected_version": version, "patch": {"n": n + 2}}),
                    json!({"op": op, "from": own, "kind": kind, "to": other}),
                ],
            )
            .await;
            assert_eq!(report.failed, 0, "{report:?}");
        }
    };
    let alone = async {
        for _ in 0..ROUNDS {
            link(&pool, a, "parent_of", b).await.unwrap();
            unlink(&pool, a, "parent_of", b).await.unwrap();
        }
    };
    tokio::join!(write(a, b, "blocks"), write(b, a, "relates_to"), alone);
}

/// Both come to stand before the same entity, whoever takes back first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_and_one_that_is_taken_back_do_not_wait_for_each_other_in_a_circle() {
    let pool = with_items().await;
    let [a, b, c] = items(&pool).await;
    link(&pool, a, "blocks", b).await.unwrap();
    let report = apply(
        &pool,
        &[
            json!({"op": "update", "id": a, "expected_version": 1, "patch": {"n": 2}}),
            json!({"op": "unlink", "from": a, "kind": "blocks", "to": b}),
        ],
    )
    .await;
    let mut gate = pool.begin().await.unwrap();
    sqlx::query("select from workflow.entities where id = $1 for update")
        .bind(a)
        .execute(&mut *gate)
        .await
        .unwrap();
    let undoing = tokio::spawn({
        let pool = pool.clone();
        async move { undo_batch(&pool, report.batch_id.unwrap(), "ben").await }
    });
    until_waiting(&pool, 1).await;
    let linking = tokio::spawn({
        let pool = pool.clone();
        async move { apply(&pool, &[json!({"op": "link", "from": c, "kind": "blocks", "to": a})]).await }
    });
    until_waiting(&pool, 2).await;
    gate.rollback().await.unwrap();
    let undone = undoing.await.unwrap().unwrap();
    assert_eq!((undone.entities, undone.links), (1, 1));
    assert_eq!(linking.await.unwrap().succeeded, 1);
}
