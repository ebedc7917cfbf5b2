//! `quarry why` names the one thing that explains why a path is, or is not, in the index.

use serde_json::{Value, json};
use system_tests::{Installation, Tree, wait_until};

use crate::installation;

fn tree() -> Tree {
    let tree = Tree::new("asked");
    tree.write("src/main.py", "def main():\n    return 1\n");
    tree.write("src/deep/other.py", "other = 1\n");
    tree.write(".gitignore", "# what is built\n*.log\n/build/\n");
    tree.write("run.log", "ignored\n");
    tree.write("build/out.py", "ignored = 1\n");
    tree.write("src/.quarryignore", "private.py\n");
    tree.write("src/private.py", "private = 1\n");
    tree.write("node_modules/left/index.js", "1\n");
    tree.write("logo.dat", [0, 1, 2]);
    tree.write("large.txt", "1\n".repeat(1_100_000));
    tree.write(".env", "PASSWORD=1\n");
    tree
}

async fn why(quarry: &Installation, tree: &Tree, path: &str) -> Value {
    quarry
        .run(["why", tree.path(path).to_str().unwrap(), "--json"])
        .await
        .json()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_is_told_with_its_rule() {
    let (quarry, _endpoint) = installation().await;
    let tree = tree();
    quarry.index(tree.root(), "asked").await;
    let rules = [
        ("run.log", "ignored", "run.log", Some((".gitignore", 2, "*.log"))),
        ("build/out.py", "ignored", "build", Some((".gitignore", 3, "/build/"))),
        (
            "src/private.py",
            "ignored",
            "src/private.py",
            Some(("src/.quarryignore", 1, "private.py")),
        ),
        ("node_modules/left/index.js", "vendored", "node_modules", None),
        ("node_modules", "vendored", "node_modules", None),
        ("logo.dat", "binary", "logo.dat", None),
        ("large.txt", "too_large", "large.txt", None),
        (".env", "secret", ".env", None),
        ("gone.log", "ignored", "gone.log", Some((".gitignore", 2, "*.log"))),
    ];
    for (path, reason, refused, rule) in rules {
        let answer = why(&quarry, &tree, path).await;
        assert_eq!(answer["path"], path);
        assert_eq!(
            answer["state"],
            if path == "gone.log" { "missing" } else { "skipped" },
            "{answer}"
        );
        assert_eq!(answer["left_out"]["reason"], reason, "{answer}");
        assert_eq!(answer["left_out"]["refused"], refused, "{answer}");
        let (file, line, pattern) = match rule {
            Some((file, line, pattern)) => (json!(file), json!(line), json!(pattern)),
            None => (Value::Null, Value::Null, Value::Null),
        };
        let left_out = &answer["left_out"];
        assert_eq!(
            [&left_out["file"], &left_out["line"], &left_out["pattern"]],
            [&file, &line, &pattern]
        );
        assert_eq!(answer["indexed"], Value::Null);
    }
    let large = why(&quarry, &tree, "large.txt").await;
    assert!(
        large["explanation"]
            .as_str()
            .unwrap()
            .contains("2200000 bytes, the limit is 1048576")
    );
    let printed = quarry.run_in(&tree.path("build"), ["why", "out.py"]).await.succeeded();
    for words in ["build/out.py in ", "(project asked)", ".gitignore:3: /build/"] {
        assert!(printed.stdout.contains(words), "{words}: {printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_indexed_and_what_changed_since_are_told_apart() {
    let (quarry, _endpoint) = installation().await;
    let tree = tree();
    tree.write("src/removed.py", "removed = 1\n");
    quarry.index(tree.root(), "asked").await;
    let indexed = why(&quarry, &tree, "src/main.py").await;
    assert_eq!(indexed["state"], "indexed");
    assert_eq!(indexed["indexed"]["chunks"], 1);
    assert!(indexed["indexed"]["at"].is_string());
    assert_eq!(indexed["remedy"], Value::Null);

    tree.write("src/main.py", "def main():\n    return 2\n");
    tree.write("src/added.py", "added = 1\n");
    tree.remove("src/removed.py");
    tree.write("src/deep/.gitignore", "other.py\n");
    for (path, state) in [
        ("src/main.py", "changed"),
        ("src/added.py", "not_indexed"),
        ("src/removed.py", "deleted"),
        ("src/deep/other.py", "skipped"),
        ("src/never.py", "missing"),
        ("no/such/directory/at.all", "missing"),
    ] {
        let answer = why(&quarry, &tree, path).await;
        assert_eq!(answer["state"], state, "{answer}");
    }
    let still = why(&quarry, &tree, "src/deep/other.py").await;
    assert!(still["explanation"].as_str().unwrap().contains("still in the index"));
    let remedy = why(&quarry, &tree, "src/main.py").await["remedy"].clone();
    quarry
        .run(remedy.as_str().unwrap().split(' ').skip(1))
        .await
        .succeeded();
    for path in ["src/main.py", "src/added.py"] {
        assert_eq!(why(&quarry, &tree, path).await["state"], "indexed");
    }
    assert_eq!(why(&quarry, &tree, "src/removed.py").await["state"], "missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_and_what_failed_is_told_with_its_lane() {
    let (mut quarry, endpoint) = installation().await;
    quarry.set("QUARRY_QUEUE_MAX_ATTEMPTS", "1");
    let tree = tree();
    quarry.index(tree.root(), "asked").await;
    tree.write("src/main.py", "def main():\n    return 3\n");
    endpoint.hold();
    quarry
        .run(["index", tree.argument(), "--project", "asked"])
        .await
        .succeeded();
    assert_eq!(why(&quarry, &tree, "src/main.py").await["pending_sync"], true);
    let worker = quarry.start(["worker"]);
    wait_until("the endpoint is asked", || endpoint.held() > 0).await;
    let pending = why(&quarry, &tree, "src/main.py").await;
    assert_eq!(pending["state"], "pending");
    assert_eq!(pending["waiting"]["state"], "leased");
    assert!(pending["explanation"].as_str().unwrap().contains("being indexed since"));
    assert_eq!(why(&quarry, &tree, "src").await["directory"]["waiting"], 1);

    endpoint.answer_garbage(true);
    endpoint.release();
    let path = tree.path("src/main.py");
    system_tests::wait_until_async("the job is parked", async || {
        let answer = quarry.run(["why", path.to_str().unwrap(), "--json"]).await.json();
        answer["state"] == "failed" && answer["waiting"]["last_error"].is_string()
    })
    .await;
    worker.terminate().await;
    worker.finish().await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_links_and_places_outside_are_explained() {
    let (quarry, _endpoint) = installation().await;
    let tree = tree();
    std::os::unix::fs::symlink("main.py", tree.path("src/link.py")).unwrap();
    std::os::unix::fs::symlink("src", tree.path("linked")).unwrap();
    quarry.index(tree.root(), "asked").await;

    let root = why(&quarry, &tree, ".").await;
    assert_eq!((&root["state"], &root["path"]), (&json!("directory"), &json!(".")));
    assert_eq!(root["directory"]["files"], 2);
    let skipped =
        json!({"binary": 1, "ignored": 3, "hidden": 2, "secret": 1, "symlink": 2, "too_large": 1, "vendored": 1});
    assert_eq!(root["directory"]["skipped"], skipped, "{root}");
    let deep = why(&quarry, &tree, "src/deep").await;
    assert_eq!(
        (&deep["directory"]["files"], &deep["directory"]["skipped"]),
        (&json!(1), &json!({}))
    );

    let link = why(&quarry, &tree, "src/link.py").await;
    assert_eq!(
        (&link["state"], &link["left_out"]["reason"]),
        (&json!("skipped"), &json!("symlink"))
    );
    assert!(link["explanation"].as_str().unwrap().contains("leads to main.py"));
    // Through a link above it, a file is the one that it is.
    let through = why(&quarry, &tree, "linked/main.py").await;
    assert_eq!(
        (&through["state"], &through["path"]),
        (&json!("indexed"), &json!("src/main.py"))
    );
    let elsewhere = Tree::new("elsewhere");
    std::os::unix::fs::symlink(tree.root(), elsewhere.path("shortcut")).unwrap();
    assert_eq!(why(&quarry, &elsewhere, "shortcut").await["state"], "directory");

    let outside = why(&quarry, &elsewhere, "a.py").await;
    assert_eq!(outside["state"], "repository_not_indexed");
    assert!(outside["explanation"].as_str().unwrap().contains("no repository"));
    std::fs::create_dir(elsewhere.path(".git")).unwrap();
    let not_indexed = why(&quarry, &elsewhere, "deep/a.py").await;
    assert_eq!(not_indexed["repository"], elsewhere.argument());
    assert_eq!(not_indexed["remedy"], format!("quarry index {}", elsewhere.argument()));
}
