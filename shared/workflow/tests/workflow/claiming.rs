use quarry_workflow::{
    Author, Change, EntityQuery, Operation, Target, WorkflowError, change_entity, claim_next, explain_readiness,
    ready_work, release_claim, renew_claim,
};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::project_database::{create, link, numbers, register, until_waiting, with_items};

#[tokio::test]
async fn the_first_ready_one_that_the_query_wants_is_claimed() {
    let pool = with_items().await;
    for n in [3, 1, 2] {
        create(&pool, "item", json!({"n": n, "status": "open"})).await;
    }
    create(&pool, "item", json!({"n": 0, "status": "done"})).await;
    let query = EntityQuery {
        filter: Some(json!({"n": {"lt": 3}})),
        sort: vec!["-n".to_owned()],
        ..EntityQuery::all("item")
    };
    let claim = claim_next(&pool, &query, "ana", 60).await.unwrap().unwrap();
    assert_eq!(claim.entity.data["n"], 2);
    let why = explain_readiness(&pool, claim.entity.id).await.unwrap();
    assert_eq!(why.claimed_by.as_deref(), Some("ana"));
    assert_eq!(
        claim_next(&pool, &query, "ben", 60).await.unwrap().unwrap().entity.data["n"],
        1
    );
    assert_eq!(claim_next(&pool, &query, "eve", 60).await.unwrap(), None);
    release_claim(&pool, claim.entity.id, claim.fence).await.unwrap();
    assert_eq!(
        claim_next(&pool, &query, "eve", 60).await.unwrap().unwrap().entity.data["n"],
        2
    );
    let twice = release_claim(&pool, claim.entity.id, claim.fence).await;
    assert!(matches!(twice, Err(WorkflowError::ClaimLost { .. })));
    let forever = claim_next(&pool, &query, "eve", 1_000_000).await;
    assert!(matches!(forever, Err(WorkflowError::InvalidArgument(_))));
}

/// A holder that was killed writes late, a hundred times over.
#[tokio::test]
async fn a_late_write_of_a_lost_claim_is_refused() {
    let pool = with_items().await;
    for n in 0..100 {
        create(&pool, "item", json!({"n": n, "status": "open"})).await;
    }
    for _ in 0..100 {
        let lost = claim_next(&pool, &EntityQuery::all("item"), "killed", 60)
            .await
            .unwrap()
            .unwrap();
        // It had begun, which alone would keep others away.
        let begun = write(&pool, lost.entity.id, 1, lost.fence, "doing").await.unwrap();
        assert_eq!(claim_of(&pool, lost.entity.id).await, "killed");
        end_lease(&pool, lost.entity.id).await;
        let query = EntityQuery {
            filter: Some(json!({"$id": lost.entity.id})),
            ..EntityQuery::all("item")
        };
        let taken = claim_next(&pool, &query, "next", 60).await.unwrap().unwrap();
        assert_eq!(taken.entity.id, lost.entity.id);
        assert!(taken.fence > lost.fence);
        let late = write(&pool, lost.entity.id, begun, lost.fence, "done").await;
        assert!(
            matches!(late, Err(WorkflowError::ClaimLost { ref now, .. }) if now.contains("next")),
            "{late:?}"
        );
        assert!(matches!(
            renew_claim(&pool, lost.entity.id, lost.fence, 60).await,
            Err(WorkflowError::ClaimLost { .. })
        ));
        write(&pool, lost.entity.id, begun, taken.fence, "done").await.unwrap();
        release_claim(&pool, lost.entity.id, taken.fence).await.unwrap();
    }
    assert_eq!(
        claim_next(&pool, &EntityQuery::all("item"), "next", 60).await.unwrap(),
        None
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_blocked_while_it_is_being_claimed_leaves_the_next_one_to_the_claimant() {
    let pool = with_items().await;
    let blocker = create(&pool, "item", json!({"n": 1, "status": "open"})).await;
    let wanted = create(&pool, "item", json!({"n": 2, "status": "open"})).await;
    let next = create(&pool, "item", json!({"n": 3, "status": "open"})).await;
    let query = EntityQuery {
        filter: Some(json!({"n": {"gt": 1}})),
        sort: vec!["n".to_owned()],
        ..EntityQuery::all("item")
    };
    let lost = claim_next(&pool, &query, "ana", 60).await.unwrap().unwrap();
    assert_eq!(lost.entity.id, wanted.id);
    end_lease(&pool, wanted.id).await;
    let mut gate = pool.begin().await.unwrap();
    sqlx::query("select from workflow.entity_claims where entity_id = $1 for update")
        .bind(wanted.id)
        .execute(&mut *gate)
        .await
        .unwrap();
    let claiming = tokio::spawn({
        let pool = pool.clone();
        async move { claim_next(&pool, &query, "ben", 60).await }
    });
    until_waiting(&pool, 1).await;
    link(&pool, blocker.id, "blocks", wanted.id).await.unwrap();
    gate.rollback().await.unwrap();
    let claimed = claiming.await.unwrap().unwrap().unwrap();
    assert_eq!(claimed.entity.id, next.id);
}

#[tokio::test]
async fn a_renewed_lease_is_not_taken_over() {
    let pool = with_items().await;
    create(&pool, "item", json!({"n": 1})).await;
    let claim = claim_next(&pool, &EntityQuery::all("item"), "ana", 1)
        .await
        .unwrap()
        .unwrap();
    end_lease(&pool, claim.entity.id).await;
    // Nobody took it over: it can still be prolonged.
    assert!(renew_claim(&pool, claim.entity.id, claim.fence, 600).await.unwrap() > claim.expires_at);
    assert_eq!(
        claim_next(&pool, &EntityQuery::all("item"), "ben", 60).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_schema_says_in_its_own_words_what_is_to_be_done() {
    let pool = with_items().await;
    let definition = json!({
        "type": "object",
        "properties": {"n": {}, "stage": {"enum": ["egg", "larva", "moth"]}},
        "x-work": {"status": "stage", "ready": ["egg"], "done": ["moth"]},
    });
    register(&pool, "insect", definition).await;
    for (n, stage) in [(1, "egg"), (2, "larva"), (3, "moth")] {
        create(&pool, "insect", json!({"n": n, "stage": stage})).await;
    }
    let page = ready_work(&pool, &EntityQuery::all("insect")).await.unwrap();
    assert_eq!(numbers(&page), [1]);
}

async fn write(pool: &PgPool, id: Uuid, version: i32, fence: i64, status: &str) -> Result<i32, WorkflowError> {
    let operation = Operation::Update {
        target: Target {
            id,
            expected_version: version,
            fence: Some(fence),
        },
        change: Change::from_patch(json!({"status": status})),
    };
    let written = change_entity(pool, &operation, Author::named("test")).await?;
    Ok(written.version)
}

/// The clock is not ours: the lease is made to have ended.
async fn end_lease(pool: &PgPool, id: Uuid) {
    sqlx::query("update workflow.entity_claims set expires_at = now() - interval '1 second' where entity_id = $1")
        .bind(id)
        .execute(pool)
        .await
        .unwrap();
}

async fn claim_of(pool: &PgPool, id: Uuid) -> String {
    explain_readiness(pool, id).await.unwrap().claimed_by.unwrap()
}
