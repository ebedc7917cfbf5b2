//! What a search answers: the promised form, the right lines, what the filters leave, how fresh it is.

use serde_json::{Value, json};
use system_tests::{Installation, Tree};

use crate::installation;

const PARSER: &str = "\
//! Reads settings.

/// Turns one line into a pair.
pub fn parse_line(line: &str) -> Option<(&str, &str)> {
    line.split_once('=')
}

pub struct Settings {
    pub pairs: Vec<(String, String)>,
}

impl Settings {
    pub fn lookup(&self, wanted: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.as_str())
    }
}
";

fn tree(name: &str) -> Tree {
    let tree = Tree::new(name);
    tree.write("src/settings.rs", PARSER);
    tree.write(
        "src/retry.py",
        "def retry_with_backoff(call):\n    for pause in (1, 2, 4):\n        call()\n",
    );
    tree.write(
        "web/retry.ts",
        "export function retryWithBackoff(call: () => void) {\n  call();\n}\n",
    );
    tree.write("docs/retry.md", "# Retry\n\nHow to retry with backoff.\n");
    tree
}

async fn indexed(name: &str) -> (Installation, Tree) {
    let (quarry, _endpoint) = installation().await;
    let tree = tree(name);
    quarry.index(tree.root(), name).await;
    (quarry, tree)
}

fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn paths(answer: &Value) -> Vec<&str> {
    let results = answer["results"].as_array().unwrap();
    let mut paths: Vec<&str> = results.iter().map(|hit| hit["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_exactly_the_promised_keys() {
    let (quarry, _tree) = indexed("form").await;
    let answer = quarry.search("form", "parse one line", &[]).await;
    assert_eq!(
        keys(&answer),
        ["degraded", "freshness", "project", "query", "results", "took_ms"]
    );
    let freshness = [
        "age_s",
        "branch",
        "commit",
        "dirty",
        "partial",
        "pending_files",
        "skipped",
        "skipped_files",
        "state",
    ];
    assert_eq!(keys(&answer["freshness"]), freshness);
    let hit = [
        "changed_on_disk",
        "content",
        "end_line",
        "language",
        "path",
        "repository",
        "score",
        "start_line",
        "symbol",
    ];
    assert_eq!(keys(&answer["results"][0]), hit);
    assert_eq!(answer["query"], "parse one line");
    assert_eq!(answer["project"], "form");
    assert_eq!(answer["freshness"]["state"], "fresh");
    assert_eq!(answer["freshness"]["partial"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_a_hit_are_those_lines_of_the_file() {
    let (quarry, tree) = indexed("lines").await;
    for query in ["parse_line", "lookup of a wanted key", "retry with backoff"] {
        let answer = quarry.search("lines", query, &[]).await;
        let results = answer["results"].as_array().unwrap();
        assert!(!results.is_empty());
        for hit in results {
            let text = std::fs::read_to_string(tree.path(hit["path"].as_str().unwrap())).unwrap();
            let number = |key: &str| usize::try_from(hit[key].as_u64().unwrap()).unwrap();
            let (start, end) = (number("start_line"), number("end_line"));
            let lines: String = text
                .split_inclusive('\n')
                .skip(start - 1)
                .take(end - start + 1)
                .collect();
            assert_eq!(hit["content"], lines, "{hit}");
            assert_eq!(hit["repository"], tree.argument());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symbol_is_found_first() {
    let (quarry, _tree) = indexed("symbols").await;
    for query in ["retry_with_backoff", "retryWithBackoff", "parse_line"] {
        let answer = quarry.search("symbols", query, &["-k", "1"]).await;
        assert_eq!(answer["results"].as_array().unwrap().len(), 1);
        assert!(
            answer["results"][0]["content"].as_str().unwrap().contains(query),
            "{query}: {answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_leave_only_what_fits_them() {
    let (quarry, tree) = indexed("filters").await;
    let other = Tree::new("other");
    other.write("retry.go", "package other\n\nfunc RetryWithBackoff() {}\n");
    quarry.index(other.root(), "filters").await;
    let all = ["docs/retry.md", "retry.go", "src/retry.py", "web/retry.ts"];
    for (flags, expected) in [
        (vec!["--mode", "lexical"], all.as_slice()),
        (vec!["--mode", "lexical", "--path", "src/**"], &["src/retry.py"]),
        (
            vec!["--mode", "lexical", "--path", "*.{ts,md}"],
            &["docs/retry.md", "web/retry.ts"],
        ),
        (vec!["--language", "python"], &["src/retry.py"]),
        (vec!["--file-type", "ts"], &["web/retry.ts"]),
        (vec!["--repository", other.argument()], &["retry.go"]),
        (vec!["--repository", tree.argument(), "--file-type", "go"], &[]),
    ] {
        let answer = quarry.search("filters", "retry with backoff", &flags).await;
        assert_eq!(paths(&answer), expected, "{flags:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_without_flags_means_the_project_of_the_current_directory() {
    let (quarry, tree) = indexed("here").await;
    let other = Tree::new("there");
    other.write("a.py", "there = 1\n");
    quarry.index(other.root(), "there").await;
    std::fs::create_dir(tree.path(".git")).unwrap();
    let answer = quarry
        .run_in(&tree.path("src"), ["search", "parse_line", "--json"])
        .await
        .json();
    assert_eq!(answer["project"], "here");
    // Elsewhere there are two to choose from.
    quarry
        .run(["search", "parse_line"])
        .await
        .failed(1, &["--project", "here", "there"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn search_with_index_brings_the_index_up_to_date_and_does_no_more_than_that() {
    let (quarry, endpoint) = installation().await;
    let tree = tree("trial");
    let search = ["search", "parse_line", "--index", tree.argument(), "--json"];
    let first = quarry.run(search).await.succeeded();
    assert!(first.stderr.contains("4 indexed"), "{first}");
    assert_eq!(first.json()["results"][0]["path"], "src/settings.rs");
    let (rows, texts) = (quarry.dump("trial").await, endpoint.texts());

    let second = quarry.run(search).await.succeeded();
    assert!(!second.stderr.contains("indexed"), "{second}");
    assert_eq!(endpoint.texts(), texts + 1, "only the query is embedded");
    assert_eq!(quarry.dump("trial").await, rows);

    tree.write("src/added.rs", "pub fn parse_line_again() {}\n");
    let third = quarry
        .run(["search", "parse_line_again", "--index", tree.argument(), "--json"])
        .await
        .json();
    assert_eq!(third["results"][0]["path"], "src/added.rs");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_which_commit_it_is_from_and_what_was_left_out() {
    let (quarry, _endpoint) = installation().await;
    let tree = tree("dated");
    tree.write("picture.png", [0_u8, 1, 2]);
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
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "one"]);
    quarry.index(tree.root(), "dated").await;
    let answer = quarry.search("dated", "parse_line", &[]).await;
    assert_eq!(answer["freshness"]["commit"], git(&["rev-parse", "HEAD"]));
    let shown = quarry
        .run(["repository", "show", tree.argument(), "--project", "dated", "--json"])
        .await
        .json();
    assert_eq!(
        shown["skipped_files"],
        json!({"binary": 1, "vendored": 1}),
        "the picture, and .git as one"
    );
    assert_eq!(answer["freshness"]["skipped_files"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_project_answers_that_nothing_is_indexed() {
    let (quarry, _endpoint) = installation().await;
    quarry
        .run(["search", "anything"])
        .await
        .failed(1, &["no project yet", "quarry index"]);
    quarry.run(["project", "create", "bare"]).await.succeeded();
    let answer = quarry.search("bare", "anything", &[]).await;
    assert_eq!(answer["results"], json!([]));
    assert_eq!(answer["freshness"]["state"], "empty");
}
