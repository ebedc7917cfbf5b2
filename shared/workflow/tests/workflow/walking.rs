use std::collections::HashSet;

use quarry_workflow::{Author, EntityQuery, Operation, Target, change_entity, query_entities};
use serde_json::json;

use crate::project_database::{create, store_items, with_items};

/// What is there from the first page to the last is seen exactly once, whatever comes and goes meanwhile: a hundred
/// walks, each in one of four orders.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_misses_nothing_and_repeats_nothing_while_others_write() {
    let pool = with_items().await;
    let staying: HashSet<_> = store_items(&pool, 120).await.into_iter().collect();
    let writer = tokio::spawn({
        let pool = pool.clone();
        async move {
            for n in 0.. {
                let made = create(&pool, "item", json!({"n": n % 130, "status": "open"})).await;
                let target = Target {
                    id: made.id,
                    expected_version: 1,
                    fence: None,
                };
                change_entity(&pool, &Operation::Delete(target), Author::named("test"))
                    .await
                    .unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    for run in 0..100 {
        let sort = [
            vec![],
            vec!["n".to_owned()],
            vec!["-n".to_owned()],
            vec!["status".to_owned(), "-n".to_owned()],
        ];
        let mut query = EntityQuery {
            sort: sort[run % 4].clone(),
            limit: 25,
            ..EntityQuery::all("item")
        };
        let mut seen = Vec::new();
        loop {
            let page = query_entities(&pool, &query).await.unwrap();
            seen.extend(page.entities.iter().map(|entity| entity.id));
            assert_eq!(page.has_more, page.next_cursor.is_some());
            match page.next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => break,
            }
        }
        let distinct: HashSet<_> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len(), "run {run}: something was seen twice");
        assert!(staying.is_subset(&distinct), "run {run}: something was missed");
    }
    writer.abort();
    assert!(writer.await.unwrap_err().is_cancelled());
}
