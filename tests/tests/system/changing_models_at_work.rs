//! Models change under projects that are worked on: more than a page of chunks while files are saved, and of itself when a new
//! version of the program brings another built-in model.

use std::time::Duration;

use quarry_postgres::testing::test_database;
use serde_json::json;
use system_tests::{Installation, Tree, wait_until_async};

use crate::PROGRAM;
use crate::changing_models::{Changing, NEXT};

/// Chunks are embedded anew in pages of 1 024.
const FILES: usize = 1_500;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_while_pages_are_embedded_anew_gets_its_vector_too() {
    let mut changing = Changing::begin_with("pages", FILES).await;
    changing.endpoint.answer_after(Duration::from_millis(30));
    changing.endpoint.hold_model(Some(NEXT));
    let workers = [changing.quarry.start(["worker"]), changing.quarry.start(["worker"])];
    changing.change_to(NEXT, &[]).await;
    wait_until_async("the first page is on its way", async || changing.endpoint.held() > 0).await;
    let mut saves = 0;
    while changing.shown().await["model"] != NEXT {
        saves += 1;
        changing
            .tree
            .write("src/part_0/module_0.py", format!("saved_{saves} = {saves}\n"));
        changing
            .tree
            .write(&format!("src/new_{saves}.py"), format!("def new_{saves}(): pass\n"));
        changing.tree.remove(&format!("src/part_1/module_{}.py", 7 * saves + 1));
        changing.index().await;
        if saves == 3 {
            changing.endpoint.hold_model(None);
        }
    }
    let chunks = changing.chunks().await;
    assert!(chunks.len() > 1_024);
    let outdated: Vec<&String> = chunks
        .iter()
        .filter(|chunk| !chunk.ends_with(&format!("|{NEXT}|8")))
        .collect();
    assert!(outdated.is_empty(), "{outdated:?}");
    // They would give the other project the model that they know of.
    drop(workers);
    changing.quarry.set("QUARRY_EMBEDDING_MODEL", NEXT);
    changing.quarry.index(changing.tree.root(), "fresh").await;
    assert_eq!(changing.quarry.dump("pages").await, changing.quarry.dump("fresh").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_built_in_model_of_an_older_version_is_replaced_without_being_asked_for() {
    let database = test_database().await;
    let quarry = Installation::with_registry(PROGRAM, &database.url).await;
    let tree = Tree::new("older");
    tree.write_modules(5);
    quarry.index(tree.root(), "older").await;
    let shown = async || quarry.run(["project", "model", "older", "--json"]).await.json();
    let present = shown().await["model"].clone();
    let older = "quarry-code-256-v0";
    for statement in [
        format!("update codebase.embedding_model set model = '{older}'"),
        format!("update codebase.embeddings set model = '{older}'"),
        "update codebase.code_chunks set embedding = array_fill(1::real, array[256])::halfvec".to_owned(),
    ] {
        quarry.rows("older", &statement).await;
    }
    let pinned = format!("update projects set embedding_model = '{older}' where name = 'older'");
    quarry.registry_rows(&pinned).await;

    let _worker = quarry.start(["worker"]);
    tree.write("src/saved.py", "saved = 'by somebody who updated the program'\n");
    quarry.index(tree.root(), "older").await;
    wait_until_async("the project has the present model", async || {
        shown().await["model"] == present
    })
    .await;
    let found = quarry
        .search("older", "somebody updated", &["--mode", "semantic"])
        .await;
    assert_eq!(
        (&found["degraded"], &found["results"][0]["path"]),
        (&json!([]), &json!("src/saved.py"))
    );
    quarry.index(tree.root(), "fresh").await;
    assert_eq!(quarry.dump("older").await, quarry.dump("fresh").await);
}
