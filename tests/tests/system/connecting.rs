//! `quarry doctor` and `quarry mcp install`: whether everything is there that a client needs, and how it gets connected.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use system_tests::{Finished, Installation, Tree};

use crate::{PROGRAM, installation};

fn check<'a>(report: &'a Value, what: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap().iter();
    let found = checks.into_iter().find(|check| check["what"] == what);
    found.unwrap_or_else(|| panic!("no check of {what}: {report}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_a_fresh_installation_healthy_and_says_what_comes_next() {
    let (quarry, _endpoint) = installation().await;
    let said = quarry.run(["doctor"]).await.succeeded();
    assert!(!said.stdout.contains("FAILED"), "{said}");
    assert!(
        said.stdout
            .contains("projects: none yet; `quarry index PATH` makes one"),
        "{said}"
    );

    let tree = Tree::new("shop");
    tree.write_modules(1);
    quarry.index(tree.root(), "shop").await;
    let said = quarry.run(["doctor"]).await.succeeded();
    for words in [
        "ok      Postgres and registry",
        "ok      embedding model",
        "projects: 1 open: shop",
        "MCP over standard input and output: answers in",
        "MCP over HTTP: answers in",
        "claude mcp add quarry",
    ] {
        assert!(said.stdout.contains(words), "{words}: {said}");
    }
    let report = quarry.run(["doctor", "--json"]).await.json();
    assert!(
        report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|check| check["ok"] == true),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_which_part_is_ill_and_what_helps() {
    let away = Installation::with_registry(PROGRAM, "postgres://nobody@127.0.0.1:1/registry").await;
    let said = away.run(["doctor"]).await;
    assert_eq!(said.status, Some(1), "{said}");
    assert!(
        said.stdout
            .contains("FAILED  Postgres and registry: open the registry: cannot connect"),
        "{said}"
    );
    assert!(
        said.stdout.contains("start the server that QUARRY_DATABASE_URL names"),
        "{said}"
    );
    assert!(
        said.stdout.contains("ok      MCP over HTTP"),
        "the server greets without it: {said}"
    );
    assert!(said.stderr.contains("1 of 3 checks failed"), "{said}");

    let (quarry, endpoint) = installation().await;
    let quarry = quarry.with("QUARRY_EMBEDDING_URL", "http://127.0.0.1:1");
    drop(endpoint);
    let said = quarry.run(["doctor", "--json"]).await;
    assert_eq!(said.status, Some(1), "{said}");
    let report: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(check(&report, "Postgres and registry")["ok"], true, "{report}");
    let model = check(&report, "embedding model");
    assert_eq!(model["ok"], false, "{report}");
    assert!(
        model["advice"]
            .as_str()
            .unwrap()
            .contains("answer from words meanwhile"),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_what_a_model_wants_before_its_texts_until_it_is_told() {
    let (quarry, _endpoint) = installation().await;
    let mut quarry = quarry.with("QUARRY_EMBEDDING_MODEL", "nomic-embed-text");
    let said = quarry.run(["doctor"]).await.succeeded();
    for words in [
        "QUARRY_EMBEDDING_QUERY_PREFIX='search_query: '",
        "QUARRY_EMBEDDING_DOCUMENT_PREFIX='search_document: '",
    ] {
        assert!(said.stdout.contains(words), "{words}: {said}");
    }
    quarry.set("QUARRY_EMBEDDING_QUERY_PREFIX", "search_query: ");
    let said = quarry.run(["doctor"]).await.succeeded();
    assert!(
        said.stdout
            .contains("it wants QUARRY_EMBEDDING_DOCUMENT_PREFIX='search_document: '"),
        "one of the two is not enough: {said}"
    );
    quarry.set("QUARRY_EMBEDDING_DOCUMENT_PREFIX", "search_document: ");
    let said = quarry.run(["doctor"]).await.succeeded();
    assert!(!said.stdout.contains("it wants"), "{said}");
}

/// A repository to stand in, and where Claude Code keeps the user's servers.
fn places(quarry: &Installation) -> (Tree, PathBuf, PathBuf) {
    let tree = Tree::new("shop");
    std::fs::create_dir(tree.path(".git")).unwrap();
    let project = tree.path(".mcp.json");
    (tree, project, quarry.home().join(".claude.json"))
}

fn document(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

async fn install(quarry: &Installation, tree: &Tree, flags: &[&str]) -> Finished {
    quarry.run_in(tree.root(), [&["mcp", "install"], flags].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn install_shows_what_it_writes_before_it_writes_it() {
    let (quarry, _endpoint) = installation().await;
    let (tree, file, _) = places(&quarry);
    let asked = install(&quarry, &tree, &[]).await;
    assert_eq!(asked.status, Some(1), "nobody is there to say yes: {asked}");
    assert!(
        asked.stdout.contains("\"mcpServers\"") && asked.stdout.contains("\"quarry\""),
        "{asked}"
    );
    assert!(asked.stderr.contains("add --yes to write it"), "{asked}");
    assert!(!file.exists());

    let printed = install(&quarry, &tree, &["--print"]).await.succeeded();
    let lines = "{\n  \"mcpServers\": {\n    \"quarry\": {\n      \"args\": [\n        \"mcp\"\n      ],\n";
    assert!(printed.stdout.starts_with(lines), "{printed}");
    let printed = printed.json();
    let entry = json!({ "type": "stdio", "command": "quarry", "args": ["mcp"] });
    assert_eq!(
        printed,
        json!({ "mcpServers": { "quarry": entry } }),
        "the whole document"
    );
    assert!(!file.exists());

    let written = install(&quarry, &tree, &["--yes"]).await.succeeded();
    let (shown, done) = (written.stdout.find("\"mcpServers\""), written.stdout.find("written"));
    assert!(shown.is_some() && shown < done, "{written}");
    assert_eq!(document(&file), printed);
    let again = install(&quarry, &tree, &["--yes"]).await.succeeded();
    assert!(again.stdout.contains("it is there already"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn install_for_the_user_keeps_the_other_servers() {
    let (quarry, _endpoint) = installation().await;
    let (tree, _, file) = places(&quarry);
    let before = json!({ "numStartups": 7, "mcpServers": { "other": { "command": "x" } } });
    std::fs::write(&file, before.to_string()).unwrap();
    let flags = ["--scope", "user", "--project", "shop"];
    let printed = install(&quarry, &tree, &[&flags[..], &["--print"]].concat())
        .await
        .json();
    assert_eq!(document(&file), before, "it was only shown");
    install(&quarry, &tree, &[&flags[..], &["--yes"]].concat())
        .await
        .succeeded();
    let after = document(&file);
    assert_eq!(after, printed);
    assert_eq!(
        (&after["numStartups"], &after["mcpServers"]["other"]["command"]),
        (&json!(7), &json!("x"))
    );
    let entry = &after["mcpServers"]["quarry"];
    assert!(Path::new(entry["command"].as_str().unwrap()).is_absolute(), "{entry}");
    let home = quarry.home().to_str().unwrap();
    assert_eq!(
        entry["args"],
        json!(["mcp", "--home", home, "--project", "shop"]),
        "{entry}"
    );
    assert!(!after.to_string().contains("postgres://"), "{after}");
}
