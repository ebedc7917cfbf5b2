//! Where settings come from, which one counts, and what a cloned repository may not set.

use system_tests::Tree;

use crate::installation;

#[tokio::test(flavor = "multi_thread")]
async fn each_setting_is_shown_with_its_source_and_flags_come_first() {
    let (quarry, _endpoint) = installation().await;
    let entries = quarry
        .run(["config", "show", "--json", "--log", "quarry_queue=debug"])
        .await
        .json();
    let entry = |name: &str| {
        entries
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["key"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(entry("log.filter")["value"], "quarry_queue=debug");
    assert_eq!(entry("home")["value"], quarry.home().to_str().unwrap());
    let url = entry("database.url")["value"].as_str().unwrap().to_owned();
    assert!(url.contains(":***@"), "the password is not shown: {url}");
    let said = quarry.run(["config", "show"]).await.succeeded();
    assert_eq!(said.stderr, "", "no variable that is set for these tests is unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_refuses_to_start_and_is_named_with_file_and_line() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("misspelt");
    tree.write("a.py", "x = 1\n");
    tree.write("quarry.toml", "# settings\n[index]\nmax_file_byte = 4096\n");
    let place = format!("{}:3", tree.path("quarry.toml").display());
    let finished = quarry.run(["index", tree.argument(), "--wait"]).await;
    finished.failed(1, &[&place, "max_file_byte", "index.max_file_bytes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_cannot_send_its_reader_to_another_endpoint_or_database() {
    let (quarry, endpoint) = installation().await;
    for (table, key) in [
        ("embedding", "url"),
        ("database", "url"),
        ("embedding", "api_key"),
        ("worker", "lease_s"),
    ] {
        let tree = Tree::new("hostile");
        tree.write("a.py", "x = 1\n");
        tree.write("quarry.toml", format!("[{table}]\n{key} = \"http://127.0.0.1:1\"\n"));
        let finished = quarry.run(["index", tree.argument(), "--wait"]).await;
        finished.failed(1, &[&format!("{table}.{key}"), "quarry.toml:2"]);
    }
    assert_eq!(endpoint.texts(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_may_name_its_project_and_its_limits() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("named");
    tree.write("small.py", "x = 1\n");
    tree.write("large.txt", "words and words\n".repeat(200));
    tree.write("quarry.toml", "project = \"chosen\"\n[index]\nmax_file_bytes = 2048\n");
    let report = quarry.run(["index", tree.argument(), "--wait", "--json"]).await.json();
    assert_eq!(
        (&report["project"], &report["files_skipped"]["too_large"]),
        (&"chosen".into(), &1.into()),
        "{report}"
    );
}
