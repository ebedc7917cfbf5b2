//! What happens when the embedding endpoint is away, slow, wrong, or refuses a text.

use std::time::Duration;

use system_tests::{DIMENSIONS, FakeEndpoint, Installation, ReservedEndpoint, Tree};

use crate::{PROGRAM, installation};

fn small_tree(name: &str) -> Tree {
    let tree = Tree::new(name);
    tree.write_modules(6);
    tree
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_down_fails_the_index_and_once_it_is_back_the_next_one_succeeds() {
    let reserved = ReservedEndpoint::new();
    let url = reserved.url().to_owned();
    let quarry = Installation::with_endpoint_url(PROGRAM, &url)
        .await
        .with("QUARRY_QUEUE_MAX_ATTEMPTS", "1");
    let tree = small_tree("down");
    let index = ["index", tree.argument(), "--project", "down", "--wait", "--json"];
    quarry.run(index).await.failed(1, &["no answer from", &url]);
    let shown = quarry
        .run(["repository", "show", tree.argument(), "--project", "down", "--json"])
        .await
        .json();
    assert_eq!(shown["status"], "failed");
    assert!(
        shown["last_error"].as_str().unwrap().contains("no answer from"),
        "{shown}"
    );

    let _endpoint = reserved.start().await;
    quarry.run(index).await.succeeded();
    assert_eq!(quarry.rows("down", "select count(*) from codebase.files").await, ["6"]);
    assert_eq!(
        quarry
            .rows(
                "down",
                "select count(*) from codebase.code_chunks where embedding is null"
            )
            .await,
        ["0"]
    );
    let shown = quarry
        .run(["repository", "show", tree.argument(), "--project", "down", "--json"])
        .await
        .json();
    assert_eq!(
        (&shown["status"], &shown["last_error"]),
        (&"completed".into(), &serde_json::Value::Null)
    );
    assert!(
        quarry
            .run(["jobs", "list", "--json"])
            .await
            .json()
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_comes_back_between_two_attempts_is_waited_for() {
    let reserved = ReservedEndpoint::new();
    let quarry = Installation::with_endpoint_url(PROGRAM, reserved.url()).await;
    let tree = small_tree("back");
    let indexing = quarry.start(["index", tree.argument(), "--project", "back", "--wait"]);
    indexing.says("trying again: no answer from").await;
    let _endpoint = reserved.start().await;
    indexing.finish().await.succeeded();
    assert_eq!(quarry.rows("back", "select count(*) from codebase.files").await, ["6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_long_is_sent_again() {
    let (quarry, endpoint) = installation().await;
    // One attempt of the job, so that it is the request that was repeated.
    let quarry = quarry
        .with("QUARRY_QUEUE_MAX_ATTEMPTS", "1")
        .with("QUARRY_EMBEDDING_TIMEOUT_S", "1");
    let tree = small_tree("slow");
    endpoint.hold();
    let indexing = quarry.start(["index", tree.argument(), "--project", "slow", "--wait"]);
    system_tests::wait_until("a request waits", || endpoint.held() > 0).await;
    system_tests::wait_until("the request was given up and sent again", || endpoint.held() == 0).await;
    endpoint.release();
    indexing.finish().await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_other_dimensions_is_refused_with_both_numbers() {
    let (quarry, endpoint) = installation().await;
    let tree = small_tree("pinned");
    quarry.index(tree.root(), "pinned").await;
    let rows = quarry.dump("pinned").await;
    endpoint.answer_with_dimensions(8);
    tree.write("src/new.py", "def new():\n    return 'new'\n");
    let finished = quarry
        .run(["index", tree.argument(), "--project", "pinned", "--wait"])
        .await;
    finished.failed(1, &[&format!("{DIMENSIONS}"), "8", "pinned"]);
    let code = |rows: Vec<String>| -> Vec<String> { rows.into_iter().filter(|row| row.starts_with("chunk")).collect() };
    assert_eq!(code(quarry.dump("pinned").await), code(rows), "what was indexed stays");

    endpoint.answer_with_dimensions(DIMENSIONS);
    let report = quarry.index(tree.root(), "pinned").await;
    assert_eq!(report["files_indexed"], 1, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_no_embedding_is_named_as_such() {
    let (quarry, endpoint) = installation().await;
    let quarry = quarry.with("QUARRY_QUEUE_MAX_ATTEMPTS", "1");
    let tree = small_tree("garbage");
    endpoint.answer_garbage(true);
    let finished = quarry
        .run(["index", tree.argument(), "--project", "garbage", "--wait"])
        .await;
    finished.failed(1, &["no embedding", endpoint.url()]);
    endpoint.answer_garbage(false);
    quarry.index(tree.root(), "garbage").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_text_costs_one_vector_and_stays_findable_by_its_words() {
    let (quarry, endpoint) = installation().await;
    let tree = small_tree("refused");
    tree.write("src/odd.py", "def unembeddable():\n    return 'poisonous'\n");
    endpoint.refuse_texts_with("poisonous");
    let report = quarry.index(tree.root(), "refused").await;
    assert_eq!(report["refused"], 1, "{report}");
    assert_eq!(report["files_indexed"], 7, "{report}");
    let without = "select file_path, embedding_error is not null from codebase.code_chunks where embedding is null";
    assert_eq!(quarry.rows("refused", without).await, ["src/odd.py|t"]);
    let answer = quarry.search("refused", "unembeddable", &["--mode", "lexical"]).await;
    assert_eq!(answer["results"][0]["path"], "src/odd.py");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_endpoint_is_down_a_search_answers_by_words_and_says_so() {
    let endpoint = FakeEndpoint::start().await;
    let mut quarry = Installation::new(PROGRAM, &endpoint).await;
    let tree = small_tree("searched");
    quarry.index(tree.root(), "searched").await;
    let nobody = ReservedEndpoint::new();
    quarry.set("QUARRY_EMBEDDING_URL", nobody.url());
    quarry.set("QUARRY_EMBEDDING_MODEL", system_tests::MODEL);

    let searching = quarry.start(["search", "compute_3", "--project", "searched", "--json"]);
    let answer = searching.finish_within(Duration::from_secs(30)).await.json();
    assert_eq!(answer["results"][0]["path"], "src/part_3/module_3.py");
    let note = answer["degraded"][0].as_str().unwrap();
    assert!(
        note.contains("does not answer") && note.contains("words only"),
        "{note}"
    );
    let said = quarry
        .run(["search", "compute_3", "--project", "searched"])
        .await
        .succeeded();
    assert!(said.stderr.contains("words only"), "{said}");
}
