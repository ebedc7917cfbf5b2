//! What happens while Postgres or the embedding endpoint is away.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use quarry_postgres::testing::{StopMode, TestServer};
use serde_json::json;

use crate::prepared::prepared;
use crate::session::Setup;

/// The server's deadline and some room for a busy machine.
const ANSWERS_WITHIN: Duration = Duration::from_secs(25);

#[tokio::test]
async fn without_postgres_calls_say_so_and_a_restarted_one_is_found_again() {
    let postgres = TestServer::start_new().await;
    let mut session = Setup::new().database(&postgres.url_of("registry")).greeted();
    let tools = session.tools();
    assert!(
        session.call("list_projects", json!({}))["note"]
            .as_str()
            .unwrap()
            .contains("no projects yet")
    );

    postgres.stop(StopMode::Fast).await.unwrap();
    let started = Instant::now();
    for (tool, arguments) in [("list_projects", json!({})), ("search_code", json!({ "query": "a" }))] {
        let refused = session.refusal(tool, arguments);
        assert!(refused.contains("is Postgres running?"), "{refused}");
    }
    assert!(started.elapsed() < ANSWERS_WITHIN, "{:?}", started.elapsed());
    assert_eq!(session.tools(), tools, "the server stays up");

    postgres.start().await.unwrap();
    session.call("list_projects", json!({}));
    session.close();
}

#[tokio::test]
async fn an_endpoint_that_hangs_costs_a_search_only_its_vectors() {
    let prepared = prepared().await;
    prepared
        .registry
        .pin_embedding(&prepared.project, "some-model", 8)
        .await
        .unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut session = prepared.setup.variable("QUARRY_EMBEDDING_URL", &url).greeted();
    let started = Instant::now();
    let found = session.call("search_code", json!({ "query": "claim_job" }));
    assert!(started.elapsed() < ANSWERS_WITHIN, "{:?}", started.elapsed());
    assert_eq!(found["hits"][0]["path"], "src/claim.rs");
    let note = found["note"].as_str().unwrap();
    assert!(note.contains("words only"), "{note}");
    session.close();
}

#[tokio::test]
async fn a_built_in_model_that_does_not_start_costs_a_search_only_its_vectors() {
    let prepared = prepared().await;
    prepared
        .registry
        .pin_embedding(&prepared.project, "some-model", 8)
        .await
        .unwrap();
    let mut session = prepared.setup.greeted();
    let found = session.call("search_code", json!({ "query": "claim_job" }));
    assert_eq!(found["hits"][0]["path"], "src/claim.rs");
    assert!(found["note"].as_str().unwrap().contains("words only"), "{found}");
    session.close();
}
