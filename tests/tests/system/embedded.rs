//! Quarry with nothing configured: a Postgres and a model of its own, started when needed and gone when told.

use serde_json::json;
use system_tests::{Installation, Tree, wait_until, wait_until_async};

use crate::PROGRAM;

/// Numbers of the processes that have this text in their command line.
fn processes_with(text: &str) -> Vec<String> {
    let output = std::process::Command::new("ps")
        .args(["-e", "-ww", "-o", "pid=,stat=,args="])
        .output()
        .unwrap();
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    listed
        .lines()
        .filter(|line| line.contains(text) && !line.contains("/bin/sh -c"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn up_indexes_says_how_to_connect_and_ctrl_c_stops_all_of_it() {
    let quarry = Installation::embedded(PROGRAM).await;
    let home = quarry.home().to_str().unwrap().to_owned();
    let tree = Tree::new("upped");
    tree.write_modules(3);
    tree.write(
        "src/parser.rs",
        "/// Reads one line of settings.\npub fn parse_line(line: &str) {}\n",
    );

    let up = quarry.start(["up", tree.argument()]);
    up.says("Ctrl-C stops everything").await;
    up.says("claude mcp add quarry -- ").await;
    up.says("--project upped").await;
    let answer = quarry
        .run(["search", "reads a line of settings", "--json"])
        .await
        .json();
    assert_eq!(answer["results"][0]["path"], "src/parser.rs");
    assert_eq!(answer["degraded"], json!([]));

    // While it runs, what is saved is found by itself.
    tree.write("src/later.rs", "pub fn appears_later() {}\n");
    wait_until_async("the saved file is found", async || {
        let answer = quarry.run(["search", "appears_later", "--json"]).await.json();
        answer["results"][0]["path"] == "src/later.rs"
    })
    .await;
    let report = quarry.run(["index", tree.argument(), "--wait", "--json"]).await.json();
    assert_eq!(
        (&report["project"], &report["files_unchanged"]),
        (&"upped".into(), &5.into())
    );
    assert!(!processes_with(&home).is_empty());

    up.interrupt().await;
    up.finish().await.succeeded();
    wait_until("nothing of it runs any more", || processes_with(&home).is_empty()).await;
    let said = quarry.run(["down"]).await.succeeded();
    assert_eq!(said.stdout.matches("was not running").count(), 2, "{said}");
    let status = quarry.run(["status", "--json"]).await.json();
    assert_eq!(status["postgres"], "stopped");
    assert!(processes_with(&home).is_empty(), "looking at the status starts nothing");

    // What was indexed is there again.
    let report = quarry.run(["index", tree.argument(), "--wait", "--json"]).await.json();
    assert_eq!(
        (&report["files_indexed"], &report["files_unchanged"]),
        (&0.into(), &5.into())
    );
    let said = quarry.run(["down"]).await.succeeded();
    assert!(said.stdout.contains("Postgres: stopped"), "{said}");
    wait_until("nothing of it runs any more", || processes_with(&home).is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_on_a_bare_home_indexes_and_answers_also_when_given_twice_at_once() {
    let quarry = Installation::embedded(PROGRAM).await;
    let tree = Tree::new("trial");
    tree.write(
        "src/retry.py",
        "def retry_with_backoff(call):\n    \"\"\"Calls again after growing pauses.\"\"\"\n    call()\n",
    );
    tree.write("src/other.py", "def area(width, height):\n    return width * height\n");
    let search = [
        "search",
        "try again after a pause",
        "--index",
        tree.argument(),
        "-k",
        "1",
        "--json",
    ];
    // Two at once: they start one Postgres and one embedding server between them.
    for search in [quarry.start(search), quarry.start(search)] {
        let answer = search.finish().await.json();
        assert_eq!(answer["results"][0]["path"], "src/retry.py");
        assert_eq!(answer["degraded"], json!([]));
    }
    let home = quarry.home().to_str().unwrap();
    let of_kind = |kind: &str| processes_with(home).iter().filter(|line| line.contains(kind)).count();
    assert_eq!(
        (of_kind(" embedder "), of_kind("bin/postgres ")),
        (1, 1),
        "{:#?}",
        processes_with(home)
    );
}
