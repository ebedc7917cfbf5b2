use quarry_workflow::{AsOf, Author, Change, Operation, Target, WorkflowError, change_entity, get_entity};
use serde_json::json;

use crate::project_database::{create, with_items};

/// The short form of 64 writers and 1 000 increments each from 4 processes: examples/workflow_load.rs has the long one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_increment_is_lost() {
    const WRITERS: i64 = 16;
    const INCREMENTS: i64 = 25;
    let pool = with_items().await;
    let counter = create(&pool, "item", json!({"n": 0})).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (pool, mut seen) = (pool.clone(), counter.clone());
            tokio::spawn(async move {
                let mut done = 0;
                while done < INCREMENTS {
                    let n = seen.data["n"].as_i64().unwrap() + 1;
                    let operation = Operation::Update {
                        target: Target {
                            id: seen.id,
                            expected_version: seen.version,
                            fence: None,
                        },
                        change: Change::from_patch(json!({"n": n})),
                    };
                    match change_entity(&pool, &operation, Author::named("test")).await {
                        Ok(now) => {
                            seen = now;
                            done += 1;
                        }
                        // All that is needed to go on is in the conflict.
                        Err(WorkflowError::Conflict(conflict)) => {
                            seen.version = conflict.current_version;
                            seen.data = conflict.current_data;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let end = get_entity(&pool, counter.id, AsOf::Now).await.unwrap();
    assert_eq!(end.data["n"], WRITERS * INCREMENTS);
    assert_eq!(i64::from(end.version), WRITERS * INCREMENTS + 1);
}
