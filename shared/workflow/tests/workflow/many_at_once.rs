//! The short forms of what examples/workflow_load.rs does at length.

use std::collections::HashSet;

use quarry_workflow::{AsOf, get_entity};
use serde_json::json;

use crate::contention::{claim_all, increment};
use crate::project_database::{create, store_items, with_items};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_increment_is_lost() {
    const WRITERS: i64 = 16;
    const INCREMENTS: i64 = 25;
    let pool = with_items().await;
    let counter = create(&pool, "item", json!({"n": 0})).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (pool, counter) = (pool.clone(), counter.clone());
            tokio::spawn(async move { increment(&pool, counter, INCREMENTS).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let end = get_entity(&pool, counter.id, AsOf::Now).await.unwrap();
    assert_eq!(end.data["n"], WRITERS * INCREMENTS);
    assert_eq!(i64::from(end.version), WRITERS * INCREMENTS + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_item_is_claimed_twice() {
    let pool = with_items().await;
    let all = store_items(&pool, 200).await.len();
    let workers: Vec<_> = (0..20)
        .map(|worker| {
            let pool = pool.clone();
            tokio::spawn(async move { claim_all(&pool, &format!("worker {worker}")).await })
        })
        .collect();
    let mut claimed = Vec::new();
    for worker in workers {
        claimed.extend(worker.await.unwrap());
    }
    assert_eq!(claimed.len(), all);
    assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), all);
}
