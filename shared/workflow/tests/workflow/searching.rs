use quarry_workflow::{
    EntitySearch, TextVector, WorkflowError, entities_to_embed, search_entities, store_entity_embeddings,
};
use serde_json::json;
use sqlx::PgPool;

use crate::project_database::{create, update, with_items};

#[tokio::test]
async fn entities_are_found_by_their_words_the_rare_ones_first() {
    let pool = with_items().await;
    for n in 0..30 {
        create(
            &pool,
            "item",
            json!({"n": n, "title": "invoice for the common customer"}),
        )
        .await;
    }
    create(
        &pool,
        "item",
        json!({"n": 100, "title": "retryPolicy of the invoice reader"}),
    )
    .await;
    assert_eq!(found(&pool, "invoices retry policy", None).await[0], 100);
    assert_eq!(
        found(&pool, "nothing of that kind xyzzy", None).await,
        Vec::<i64>::new()
    );
    let empty = search_entities(
        &pool,
        &EntitySearch {
            query: " ",
            limit: 5,
            ..EntitySearch::default()
        },
    )
    .await;
    assert!(matches!(empty, Err(WorkflowError::InvalidArgument(_))));
}

#[tokio::test]
async fn meaning_finds_what_words_do_not_and_says_what_it_does_not_know() {
    let pool = with_items().await;
    let bill = create(&pool, "item", json!({"n": 1, "title": "bill of the plumber"})).await;
    create(&pool, "item", json!({"n": 2, "title": "weather of tomorrow"})).await;
    let vector = |text: &str| {
        if text.contains("bill") {
            vec![1.0, 0.1]
        } else {
            vec![0.0, 1.0]
        }
    };
    let texts = entities_to_embed(&pool, "model", 100).await.unwrap();
    assert_eq!(texts.len(), 2);
    let vectors: Vec<_> = texts
        .iter()
        .map(|text| (text, TextVector::Known(vector(&text.text))))
        .collect();
    store_entity_embeddings(&pool, "model", &vectors).await.unwrap();
    assert!(entities_to_embed(&pool, "model", 100).await.unwrap().is_empty());
    assert_eq!(found(&pool, "invoice", Some(&[1.0, 0.0])).await[0], 1);

    // A changed document has an old vector until it is embedded again; so has every document for another model.
    update(&pool, &bill, json!({"title": "bill of the painter"}))
        .await
        .unwrap();
    create(&pool, "item", json!({"n": 3, "title": "new"})).await;
    let search = EntitySearch {
        query: "invoice",
        vector: Some(("model", &[1.0, 0.0])),
        schema: None,
        limit: 5,
    };
    assert_eq!(search_entities(&pool, &search).await.unwrap().without_vector, 2);
    assert_eq!(entities_to_embed(&pool, "other", 100).await.unwrap().len(), 3);
    let refused = entities_to_embed(&pool, "model", 1).await.unwrap();
    store_entity_embeddings(
        &pool,
        "model",
        &[(&refused[0], TextVector::Refused("too long".to_owned()))],
    )
    .await
    .unwrap();
    assert_eq!(entities_to_embed(&pool, "model", 100).await.unwrap().len(), 1);
}

async fn found(pool: &PgPool, query: &str, vector: Option<&[f32]>) -> Vec<i64> {
    let vector = vector.map(|vector| ("model", vector));
    let search = EntitySearch {
        query,
        vector,
        schema: Some("item"),
        limit: 10,
    };
    let found = search_entities(pool, &search).await.unwrap();
    found
        .hits
        .iter()
        .map(|hit| hit.entity.data["n"].as_i64().unwrap())
        .collect()
}
