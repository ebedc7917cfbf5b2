//! What an answer says of its own freshness, and that a search can ask to be fresh.

use serde_json::{Value, json};
use system_tests::{Installation, Tree, wait_until};

use crate::installation;

fn tree() -> Tree {
    let tree = Tree::new("fresh");
    tree.write("src/parse.py", "def parse_line(line):\n    return line.split('=')\n");
    tree.write("src/print.py", "def print_line(line):\n    print(line)\n");
    tree.write("logo.png", [0, 1, 2]);
    tree.write(".env", "PASSWORD=1\n");
    tree
}

async fn search(quarry: &Installation, query: &str, flags: &[&str]) -> Value {
    quarry
        .search("fresh", query, &[&["--mode", "lexical"], flags].concat())
        .await
}

fn hit<'a>(answer: &'a Value, path: &str) -> &'a Value {
    let mut hits = answer["results"].as_array().unwrap().iter();
    hits.find(|hit| hit["path"] == path)
        .unwrap_or_else(|| panic!("no hit in {path}: {answer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_names_what_is_left_out_and_which_files_changed_since() {
    let (quarry, _endpoint) = installation().await;
    let tree = tree();
    quarry.index(tree.root(), "fresh").await;
    let answer = search(&quarry, "line", &[]).await;
    assert_eq!(answer["freshness"]["skipped"], json!({"binary": 1, "secret": 1}));
    assert_eq!(answer["freshness"]["skipped_files"], 2);
    assert_eq!(hit(&answer, "src/parse.py")["changed_on_disk"], false);

    tree.write("src/parse.py", "def parse_line(line):\n    return line.split(':')\n");
    let answer = search(&quarry, "line", &[]).await;
    assert_eq!(hit(&answer, "src/parse.py")["changed_on_disk"], true);
    assert_eq!(hit(&answer, "src/print.py")["changed_on_disk"], false);
    tree.remove("src/print.py");
    let answer = search(&quarry, "line", &[]).await;
    assert_eq!(hit(&answer, "src/print.py")["changed_on_disk"], true);
    let printed = quarry
        .run(["search", "parse_line", "--project", "fresh"])
        .await
        .succeeded();
    assert!(printed.stdout.contains("changed on disk since"), "{printed}");
    assert!(printed.stderr.contains("left out: 1 binary, 1 secret"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_says_of_each_repository_how_it_stands() {
    let (quarry, _endpoint) = installation().await;
    let tree = tree();
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command
            .arg("-C")
            .arg(tree.root())
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
        let output = command
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "--quiet", "--initial-branch", "topic"]);
    git(&["add", "src"]);
    git(&["commit", "--quiet", "--message", "one"]);
    tree.write("src/parse.py", "def parse_line(line):\n    return line.split(':')\n");
    quarry.index(tree.root(), "fresh").await;
    tree.write("src/added.py", "added = 1\n");
    quarry
        .run(["index", tree.argument(), "--project", "fresh"])
        .await
        .succeeded();
    let status = quarry.run(["status", "--json"]).await.json();
    let freshness = &status["projects"][0]["repositories"][0]["freshness"];
    assert_eq!(
        (&freshness["branch"], &freshness["dirty"]),
        (&json!("topic"), &json!(true))
    );
    assert_eq!(freshness["state"], "pending");
    let printed = quarry.run(["status"]).await.succeeded().stdout;
    let commit = &git(&["rev-parse", "HEAD"])[..12];
    for words in [
        format!("{}  pending: 2 files, 2 chunks", tree.argument()),
        format!("topic at {commit}, with changes"),
        "a comparison of the whole tree waits".to_owned(),
        "left out: 1 binary, 1 secret, 1 vendored".to_owned(),
    ] {
        assert!(printed.contains(&words), "{words}: {printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_another_machine_are_not_judged() {
    let (mut quarry, _endpoint) = installation().await;
    let tree = tree();
    quarry.set("QUARRY_HOST", "one");
    quarry.index(tree.root(), "fresh").await;
    quarry.set("QUARRY_HOST", "another");
    let answer = search(&quarry, "parse_line", &["--fresh"]).await;
    assert_eq!(hit(&answer, "src/parse.py")["changed_on_disk"], Value::Null);
    let notes = answer["degraded"].to_string();
    assert!(notes.contains("no worker is alive on one"), "{notes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_search_finds_what_was_saved_before_it() {
    let (quarry, _endpoint) = installation().await;
    let (tree, other) = (tree(), Tree::new("other"));
    other.write("a.py", "def first(): pass\n");
    quarry.index(tree.root(), "fresh").await;
    quarry.index(other.root(), "fresh").await;
    // Without a worker the command does the work itself, with one it waits for it.
    tree.write("src/added.py", "def saved_just_now(): pass\n");
    other.write("b.py", "def saved_just_now(): return 2\n");
    assert_eq!(search(&quarry, "saved_just_now", &[]).await["results"], json!([]));
    let answer = search(&quarry, "saved_just_now", &["--fresh"]).await;
    assert_eq!(answer["results"].as_array().unwrap().len(), 2, "{answer}");
    assert_eq!(answer["freshness"]["state"], "fresh");
    assert_eq!(answer["degraded"], json!([]));

    let worker = quarry.start(["worker"]);
    worker.says("worker started").await;
    tree.write("src/later.py", "def saved_even_later(): pass\n");
    let only = search(
        &quarry,
        "saved_even_later",
        &["--fresh", "--repository", tree.argument()],
    )
    .await;
    assert_eq!(only["results"][0]["path"], "src/later.py");
    worker.terminate().await;
    worker.finish().await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_search_that_takes_too_long_answers_and_says_so() {
    let (quarry, endpoint) = installation().await;
    let tree = tree();
    quarry.index(tree.root(), "fresh").await;
    tree.write("src/added.py", "def saved_just_now(): pass\n");
    endpoint.hold();
    let worker = quarry.start(["worker"]);
    worker.says("worker started").await;
    let answer = search(&quarry, "parse_line", &["--fresh", "--timeout-s", "1"]).await;
    assert_eq!(hit(&answer, "src/parse.py")["changed_on_disk"], false);
    let notes = answer["degraded"].to_string();
    assert!(
        notes.contains("gave up after 1 s") && notes.contains(tree.argument()),
        "{notes}"
    );
    assert_eq!(answer["freshness"]["state"], "pending");
    wait_until("the endpoint is asked", || endpoint.held() > 0).await;
    endpoint.release();
    worker.terminate().await;
    worker.finish().await.succeeded();
}
