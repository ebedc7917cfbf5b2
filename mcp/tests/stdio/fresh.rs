//! Searches that ask for a fresh index: they wait for it within their bound, and answer in any case.

use std::time::Duration;

use quarry_queue::{ClaimFilter, FollowUp, Outcome, TIME_TO_LIVE, claim, register_worker, settle};
use serde_json::{Value, json};

use crate::prepared::prepared;
use crate::session::HOST;

fn fresh(wait_s: u32) -> Value {
    json!({ "query": "claim_job", "fresh": true, "wait_s": wait_s })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_waits_until_the_tree_was_compared() {
    let prepared = prepared().await;
    let queue = prepared.registry.pool().clone();
    let worker = register_worker(&queue, HOST, 1, "test", TIME_TO_LIVE * 10)
        .await
        .unwrap();
    let mut session = prepared.setup.greeted();
    let searching = tokio::task::spawn_blocking(move || {
        let found = session.call("search_code", fresh(30));
        session.close();
        found
    });
    let claimed = loop {
        let mut claims = claim(&queue, &worker, &ClaimFilter::everything(HOST), 1).await.unwrap();
        if let Some(claimed) = claims.pop() {
            break claimed;
        }
        assert!(!searching.is_finished(), "the search did not ask for a comparison");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(!searching.is_finished(), "the search did not wait");
    settle(
        &queue,
        &claimed,
        &[],
        Outcome::Succeeded,
        json!({}),
        FollowUp::default(),
    )
    .await
    .unwrap();
    let found = searching.await.unwrap();
    assert_eq!(found["hits"][0]["path"], "src/claim.rs");
    assert!(
        !found["note"].as_str().unwrap().contains("brought up to date"),
        "{found}"
    );
    assert_eq!(found["index"]["state"], "fresh");
}

#[tokio::test]
async fn a_search_that_waited_long_enough_answers_and_says_so() {
    let prepared = prepared().await;
    let queue = prepared.registry.pool().clone();
    // Alive, and busy with something else.
    register_worker(&queue, HOST, 1, "test", TIME_TO_LIVE * 10)
        .await
        .unwrap();
    let mut session = prepared.setup.greeted();
    let found = session.call("search_code", fresh(0));
    assert_eq!(found["hits"][0]["path"], "src/claim.rs");
    assert!(
        found["note"].as_str().unwrap().contains("when its time was over"),
        "{found}"
    );
    assert_eq!(found["index"]["state"], "pending");
    session.close();
}

#[tokio::test]
async fn a_worker_that_fails_is_not_waited_for() {
    let mut session = prepared().await.setup.greeted();
    let found = session.call("search_code", fresh(30));
    assert_eq!(found["hits"][0]["path"], "src/claim.rs");
    assert!(found["note"].as_str().unwrap().contains("no worker today"), "{found}");
    session.close();
}

#[tokio::test]
async fn a_read_only_session_changes_nothing_and_says_so() {
    let mut session = prepared().await.setup.arguments(&["--read-only"]).greeted();
    let found = session.call("search_code", fresh(30));
    assert!(found["note"].as_str().unwrap().contains("read-only"), "{found}");
    assert_eq!(found["index"]["state"], "fresh");
    session.close();
}

#[tokio::test]
async fn a_repository_outside_the_roots_is_not_read() {
    let prepared = prepared().await;
    let elsewhere = prepared.setup.path("elsewhere");
    let mut session = prepared
        .setup
        .arguments(&["--project", "shop", "--root", elsewhere.to_str().unwrap()])
        .greeted();
    let found = session.call("search_code", fresh(30));
    assert!(
        found["note"]
            .as_str()
            .unwrap()
            .contains("outside what this server may index"),
        "{found}"
    );
    assert_eq!(found["index"]["state"], "fresh");
    session.close();
}
