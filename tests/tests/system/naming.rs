//! What the index knows of names: definitions and uses, outlines, and code like some other, from a real index.

use serde_json::{Value, json};
use system_tests::{Installation, Tree};

use crate::installation;

const RETRY: &str = "import time\n\n\nclass Backoff:\n    \"\"\"Waits longer each time.\"\"\"\n\n    def next_pause(self, attempt):\n        # next_pause grows\n        return 2 ** attempt\n\n\ndef call_again(call, backoff):\n    for attempt in range(5):\n        call()\n        time.sleep(backoff.next_pause(attempt))\n";

const COPY: &str = "def call_once_more(call, backoff):\n    for attempt in range(5):\n        call()\n        time.sleep(backoff.next_pause(attempt))\n";

async fn indexed(name: &str) -> (Installation, Tree) {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new(name);
    tree.write("app/retry.py", RETRY);
    tree.write("lib/again.py", COPY);
    tree.write(
        "web/pause.ts",
        "export function nextPause(attempt: number) {\n  return attempt;\n}\n",
    );
    tree.write("docs/guide.md", "# Guide\n\nWords.\n\n## Retry\n\nMore words.\n");
    quarry.index(tree.root(), name).await;
    (quarry, tree)
}

fn places(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|found| format!("{}:{}", found["path"].as_str().unwrap(), found["line"]))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_found_where_it_is_defined_and_used() {
    let (quarry, _tree) = indexed("names").await;
    let ask = async |name: &str, flags: &[&str]| -> Value {
        let arguments = [&["symbol", name, "--project", "names", "--json"], flags].concat();
        quarry.run(arguments).await.json()
    };
    let answer = ask("next_pause", &[]).await;
    assert_eq!(answer["matched"], "exact");
    assert_eq!(places(&answer["definitions"]), ["app/retry.py:7"]);
    assert_eq!(places(&answer["uses"]), ["app/retry.py:15", "lib/again.py:4"]);
    let definition = &answer["definitions"][0];
    assert_eq!(definition["name"], "Backoff.next_pause");
    assert_eq!(definition["kind"], "method");
    assert_eq!(definition["signature"], "def next_pause(self, attempt):");
    assert_eq!(answer["uses"][0]["enclosing"], "call_again");
    assert_eq!(answer["uses"][0]["role"], "call");
    assert_eq!(answer["freshness"]["state"], "fresh");

    assert_eq!(
        places(&ask("Backoff.next_pause", &[]).await["definitions"]),
        ["app/retry.py:7"]
    );
    assert_eq!(
        ask("nextPaues", &["--language", "typescript"]).await["matched"],
        "close"
    );
    assert_eq!(ask("call_*", &[]).await["definitions_total"], 2);
    assert_eq!(ask("Backoff", &["--kind", "function"]).await["definitions"], json!([]));
    assert_eq!(
        places(&ask("next_pause", &["--path", "lib/**"]).await["uses"]),
        ["lib/again.py:4"]
    );

    let shown = quarry
        .run(["symbol", "nextPaues", "--project", "names"])
        .await
        .succeeded();
    assert!(
        shown.stdout.contains("web/pause.ts:1-3  function nextPause"),
        "{}",
        shown.stdout
    );
    assert!(shown.stderr.contains("names close to it"), "{}", shown.stderr);
    quarry
        .run(["symbol", "a", "--project", "names", "--kind", "klass"])
        .await
        .failed(2, &["klass", "class"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_follow_the_file() {
    let (quarry, tree) = indexed("follow").await;
    tree.write(
        "app/retry.py",
        format!("# A line more.\n{}", RETRY.replace("next_pause", "pause_after")),
    );
    tree.remove("web/pause.ts");
    quarry.index(tree.root(), "follow").await;
    let arguments = |name| ["symbol", name, "--project", "follow", "--json"];
    let renamed = quarry.run(arguments("pause_after")).await.json();
    assert_eq!(places(&renamed["definitions"]), ["app/retry.py:8"]);
    assert_eq!(places(&renamed["uses"]), ["app/retry.py:16"]);
    let old = quarry.run(arguments("next_pause")).await.json();
    assert_eq!(
        (&old["definitions"], places(&old["uses"])),
        (&json!([]), vec!["lib/again.py:4".to_owned()])
    );
    let again = quarry
        .run(["index", tree.argument(), "--project", "fresh", "--wait", "--json"])
        .await
        .json();
    assert_eq!(again["files_indexed"], 3);
    assert_eq!(quarry.dump("follow").await, quarry.dump("fresh").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outline_and_code_like_some_lines_are_a_path_away() {
    let (quarry, tree) = indexed("like").await;
    let path = tree.path("app/retry.py");
    let outline = quarry.run(["outline", path.to_str().unwrap(), "--json"]).await.json();
    let names: Vec<&str> = outline["definitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["qualified"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Backoff", "Backoff.next_pause", "call_again"]);
    let guide = tree.path("docs/guide.md");
    let shown = quarry.run(["outline", guide.to_str().unwrap()]).await.succeeded();
    assert!(shown.stdout.contains("5-7    ## Retry"), "{}", shown.stdout);
    let missing = tree.path("app/none.py");
    quarry
        .run(["outline", missing.to_str().unwrap()])
        .await
        .failed(1, &["app/none.py"]);

    let lines = format!("{}:12-15", path.display());
    let like = quarry.run(["similar", &lines, "--json"]).await.json();
    assert_eq!(like["results"][0]["path"], "lib/again.py");
    let wrong = format!("{}:15-12", path.display());
    quarry.run(["similar", &wrong]).await.failed(2, &["range of lines"]);
}
