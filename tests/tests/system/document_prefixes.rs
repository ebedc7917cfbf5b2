//! Documents sent with a prefix make another model of it: a project stays with the vectors it has until it is told to change,
//! and no vector of the one is ever taken for one of the other.

use serde_json::json;
use system_tests::MODEL;

use crate::changing_models::Changing;

const PREFIX: &str = "search_document: ";

/// The endpoint gives equal vectors to equal texts only, hence no symbol and no line end.
const SNIPPET: &str = "print('what is it')";

#[tokio::test(flavor = "multi_thread")]
async fn a_document_prefix_changes_a_project_when_it_is_told_to_and_not_before() {
    let mut changing = Changing::begin_with("prefixed", 12).await;
    changing.tree.write("src/told.py", SNIPPET);
    changing.index().await;
    changing.quarry.set("QUARRY_EMBEDDING_DOCUMENT_PREFIX", PREFIX);
    let prefixed = format!("{MODEL} + {PREFIX:?}");

    let shown = changing.shown().await;
    assert_eq!(
        (&shown["model"], &shown["configured_model"]),
        (&json!(MODEL), &json!(prefixed)),
        "{shown}"
    );
    changing.tree.write("src/saved.py", "print('saved since')");
    changing.index().await;
    for (query, path) in [(SNIPPET, "src/told.py"), ("print('saved since')", "src/saved.py")] {
        assert_eq!(changing.search(query).await["results"][0]["path"], path);
    }
    let before = changing.endpoint.asked();
    assert!(before.iter().all(|text| !text.contains(PREFIX)), "{before:?}");

    // The model that is shown is the one to stay with, whatever is configured.
    changing.change_to(&prefixed, &[]).await;
    assert_eq!(changing.shown().await["next_model"]["model"], prefixed);
    changing.change_to(MODEL, &[]).await;
    assert_eq!(changing.shown().await["next_model"], json!(null));
    let endless = format!("{MODEL} + {:?}", "x".repeat(3_000));
    let refused = changing.quarry.run(["project", "model", "prefixed", &endless]).await;
    assert!(refused.stderr.contains("at most 1500 bytes"), "{refused}");

    changing.change_to(&prefixed, &["--wait"]).await;
    assert_eq!(changing.shown().await["model"], prefixed);
    let chunks = changing.chunks().await;
    let of_new = format!("|{prefixed}|16");
    assert!(chunks.iter().all(|chunk| chunk.ends_with(&of_new)), "{chunks:?}");
    let distinct = "select count(distinct embedding_hash) from codebase.code_chunks";
    let distinct = changing.quarry.rows("prefixed", distinct).await;
    let asked = changing.endpoint.asked().split_off(before.len());
    assert_eq!(distinct, [asked.len().to_string()], "the old space gave nothing");
    assert!(asked.iter().all(|text| text.starts_with(PREFIX)), "{asked:?}");

    // With the words of documents before it, the query is the same text to this endpoint.
    changing.quarry.set("QUARRY_EMBEDDING_QUERY_PREFIX", PREFIX);
    assert_eq!(changing.search(SNIPPET).await["results"][0]["path"], "src/told.py");
    let asked = changing.endpoint.texts();
    changing.change_to(MODEL, &["--wait"]).await;
    assert_eq!(changing.shown().await["model"], MODEL);
    assert_eq!(changing.endpoint.texts(), asked, "the old vectors are still known");
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_sent_as_queries_and_snippets_and_entities_as_documents() {
    let mut changing = Changing::begin_with("purposes", 3).await;
    for (variable, prefix) in [("QUERY", "query: "), ("DOCUMENT", "passage: ")] {
        changing
            .quarry
            .set(&format!("QUARRY_EMBEDDING_{variable}_PREFIX"), prefix);
    }
    let told = format!("{MODEL} + {:?}", "passage: ");
    changing.change_to(&told, &["--wait"]).await;
    let last = || changing.endpoint.asked().pop().unwrap();
    changing.search("how is it computed").await;
    assert_eq!(last(), "query: how is it computed");
    changing.tree.write("snippet.py", SNIPPET);
    let like = ["similar", "-", "--project", "purposes", "--json"];
    let alike = changing
        .quarry
        .run_reading(&changing.tree.path("snippet.py"), like)
        .await
        .json();
    assert_eq!(alike["degraded"], json!([]), "{alike}");
    assert_eq!(last(), format!("passage: {SNIPPET}"));
    let mut session = changing
        .quarry
        .mcp(changing.tree.root(), &["--project", "purposes"])
        .await;
    let found = session
        .call("search_code", json!({"query": "where is it"}))
        .await
        .result();
    assert!(found["hits"].is_array(), "{found}");
    assert_eq!(last(), "query: where is it");
    let alike = session.call("similar_code", json!({"snippet": SNIPPET})).await.result();
    assert!(alike["hits"].is_array(), "{alike}");
    assert_eq!(last(), format!("passage: {SNIPPET}"));
    session.close().await;

    let run = async |arguments: &[&str]| {
        let arguments = [arguments, &["--project", "purposes"]].concat();
        changing.quarry.run(arguments).await.succeeded()
    };
    run(&["schema", "init", "task"]).await;
    let task = r#"{"title": "Ship it", "status": "pending"}"#;
    run(&["entity", "create", "task", "--data", task]).await;
    let before = changing.endpoint.texts();
    run(&["entity", "search", "what goes out"]).await;
    let asked = changing.endpoint.asked().split_off(before);
    assert_eq!(asked[0], "query: what goes out");
    assert!(asked.len() == 2 && asked[1].starts_with("passage: "), "{asked:?}");
}
