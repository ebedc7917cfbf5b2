//! What many do to the same entities at once: for the tests, and for examples/workflow_load.rs, which does it at length.

use quarry_workflow::{
    Author, Change, Entity, EntityQuery, Operation, Target, WorkflowError, change_entity, claim_next,
};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

/// Adds one to the entity's number so many times, against whoever else does.
pub(crate) async fn increment(pool: &PgPool, mut seen: Entity, times: i64) {
    let mut done = 0;
    while done < times {
        let n = seen.data["n"].as_i64().unwrap() + 1;
        let operation = Operation::Update {
            target: Target {
                id: seen.id,
                expected_version: seen.version,
                fence: None,
            },
            change: Change::from_patch(json!({"n": n})),
        };
        match change_entity(pool, &operation, Author::named("test")).await {
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
}

/// Claims items until nothing is left.
pub(crate) async fn claim_all(pool: &PgPool, holder: &str) -> Vec<Uuid> {
    let mut claimed = Vec::new();
    while let Some(claim) = claim_next(pool, &EntityQuery::all("item"), holder, 600).await.unwrap() {
        claimed.push(claim.entity.id);
    }
    claimed
}
