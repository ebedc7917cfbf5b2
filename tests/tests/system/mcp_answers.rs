//! What agents are told of names and of code like other code: over MCP, about sources of several languages that the
//! program itself has indexed.

use serde_json::{Value, json};
use system_tests::{FakeEndpoint, Installation, McpSession, Tree};

use crate::installation;

const QUEUE: &str = "\
pub struct Queue;

impl Queue {
    /// Takes the oldest job that is ready.
    pub fn claim_job(&self, worker: u32) -> Option<u32> {
        self.ready().find(|job| job.worker == worker)
    }
}

pub fn run(queue: &Queue) {
    queue.claim_job(1);
    queue.claim_job(2);
}
";

const JOBS: &str = "\
def claim_job(worker):
    return READY.pop(worker)


def release_job(worker):
    READY.append(claim_job(worker))
";

const PRICES: &str = "\
class Prices {
    int settle(int amount) {
        return amount + fee(amount);
    }

    int settle(String amount) {
        return settle(Integer.parseInt(amount));
    }
}
";

/// A project of Rust, Python and Java; its endpoint has to live as long.
async fn indexed() -> (Installation, FakeEndpoint, Tree) {
    let (quarry, endpoint) = installation().await;
    let tree = Tree::new("jobs");
    tree.write("src/queue.rs", QUEUE);
    tree.write("tools/jobs.py", JOBS);
    tree.write("src/Prices.java", PRICES);
    quarry.index(tree.root(), "jobs").await;
    (quarry, endpoint, tree)
}

fn places(list: &Value, line: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let entries = list.as_array().unwrap().iter();
    entries
        .map(|entry| (text(&entry["path"]), text(&entry[line])))
        .collect()
}

fn owned(places: &[(&str, &str)]) -> Vec<(String, String)> {
    places
        .iter()
        .map(|(path, line)| ((*path).to_owned(), (*line).to_owned()))
        .collect()
}

async fn symbol(session: &mut McpSession, arguments: Value) -> Value {
    session.call("find_symbol", arguments).await.result()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_found_in_every_language_with_its_definitions_and_uses() {
    let (quarry, _endpoint, tree) = indexed().await;
    let mut session = quarry.mcp(tree.root(), &[]).await;
    let found = symbol(&mut session, json!({ "name": "claim_job" })).await;
    assert_eq!(
        places(&found["definitions"], "lines"),
        owned(&[("src/queue.rs", "4-7"), ("tools/jobs.py", "1-2")]),
        "{found}"
    );
    let uses = [("src/queue.rs", "11"), ("src/queue.rs", "12"), ("tools/jobs.py", "6")];
    assert_eq!(places(&found["uses"], "line"), owned(&uses), "{found}");
    assert_eq!(found["definitions"][0]["name"], "Queue::claim_job");
    assert_eq!(
        (&found["uses"][0]["in"], &found["uses"][2]["in"]),
        (&json!("run"), &json!("release_job"))
    );
    assert_eq!(
        (&found["project"], &found["index"]["state"]),
        (&json!("jobs"), &json!("fresh"))
    );
    assert_eq!(
        (found.get("note"), found.get("next_cursor")),
        (None, None),
        "an exact and whole answer needs neither"
    );

    let definition = json!({ "ref": found["definitions"][0]["ref"] });
    let code = session.call("get_code", definition).await.result();
    assert!(
        code["text"].as_str().unwrap().starts_with("    /// Takes the oldest"),
        "{code}"
    );

    let python = symbol(&mut session, json!({ "name": "claim_job", "language": "python" })).await;
    assert_eq!(
        places(&python["definitions"], "lines"),
        owned(&[("tools/jobs.py", "1-2")]),
        "{python}"
    );
    assert_eq!(places(&python["uses"], "line"), owned(&uses[2..]), "{python}");
    let of_a_type = symbol(&mut session, json!({ "name": "Queue", "kind": "type" })).await;
    assert_eq!(of_a_type["definitions"][0]["kind"], "struct", "{of_a_type}");
    session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overloads_are_told_apart_by_their_lines_and_heads() {
    let (quarry, _endpoint, tree) = indexed().await;
    let mut session = quarry.mcp(tree.root(), &[]).await;
    let found = symbol(&mut session, json!({ "name": "settle" })).await;
    assert_eq!(
        places(&found["definitions"], "lines"),
        owned(&[("src/Prices.java", "2-4"), ("src/Prices.java", "6-8")]),
        "{found}"
    );
    let heads = [0, 1].map(|number| &found["definitions"][number]["signature"]);
    assert_eq!(heads, ["int settle(int amount)", "int settle(String amount)"]);
    session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_nothing_has_leads_to_the_nearest_and_says_so() {
    let (quarry, _endpoint, tree) = indexed().await;
    let mut session = quarry.mcp(tree.root(), &[]).await;
    for (name, first, note) in [
        ("claim*", "tools/jobs.py", "these begin so"),
        ("claimJob", "src/queue.rs", "these differ in case or underscores"),
        ("relase_job", "tools/jobs.py", "these come close"),
    ] {
        let found = symbol(&mut session, json!({ "name": name })).await;
        assert_eq!(found["definitions"][0]["path"], first, "{name}: {found}");
        assert!(found["note"].as_str().unwrap().contains(note), "{name}: {found}");
    }
    let nothing = symbol(&mut session, json!({ "name": "refrigerator" })).await;
    assert_eq!((&nothing["definitions"], &nothing["uses"]), (&json!([]), &json!([])));
    assert!(nothing["note"].as_str().unwrap().contains("search_code"), "{nothing}");
    for (arguments, words) in [
        (json!({ "name": " " }), "give one like parse_line"),
        (json!({ "name": "a", "kind": "recipe" }), "recipe"),
        (json!({ "name": "a", "cursor": "o1.2" }), "not one of find_symbol's"),
        (json!({ "name": "a", "repository": "/other" }), "no such repository"),
    ] {
        let refused = session.call("find_symbol", arguments).await.refusal();
        assert!(refused.contains(words), "{refused}");
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_common_name_comes_in_pages_that_fit_and_together_are_everything() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("common");
    for number in 0..60 {
        let (path, arguments) = (format!("src/part_{number:02}.py"), "argument, ".repeat(9));
        tree.write(
            &path,
            format!("def start({arguments}last_{number}):\n    return last_{number}\n\n\nstart({number})\n"),
        );
    }
    quarry.index(tree.root(), "common").await;
    let mut session = quarry.mcp(tree.root(), &[]).await;
    let (mut definitions, mut uses, mut pages) = (Vec::new(), Vec::new(), 0);
    let mut arguments = json!({ "name": "start", "limit": 30 });
    loop {
        let page = symbol(&mut session, arguments.clone()).await;
        assert!(page.to_string().len() <= 4_500, "about 1 500 tokens: {page}");
        definitions.extend(places(&page["definitions"], "lines"));
        uses.extend(places(&page["uses"], "line"));
        pages += 1;
        let Some(cursor) = page.get("next_cursor") else { break };
        assert!(page["note"].as_str().unwrap().contains("of 60 definitions"), "{page}");
        arguments["cursor"] = cursor.clone();
    }
    assert!(pages > 2, "{pages} pages");
    for mut all in [definitions, uses] {
        assert_eq!(all.len(), 60);
        all.dedup();
        assert_eq!(all.len(), 60, "no entry comes twice");
    }
    arguments["name"] = json!("other");
    let refused = session.call("find_symbol", arguments).await.refusal();
    assert!(refused.contains("belongs to another question"), "{refused}");
    session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn code_like_a_hit_or_a_snippet_is_found_page_by_page() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("alike");
    for number in 0..9 {
        let text = format!(
            "def retry_request_{number}(connection, attempts):\n    while attempts > {number}:\n        \
             answer = connection.request(attempts)\n        if answer.status_ok():\n            return answer\n        \
             attempts = attempts - 1\n    raise ConnectionError(connection)\n"
        );
        tree.write(&format!("src/retry_{number}.py"), text);
    }
    tree.write("src/area.py", "def area(width, height):\n    return width * height\n");
    quarry.index(tree.root(), "alike").await;
    let mut session = quarry.mcp(tree.root(), &[]).await;

    let snippet = "while attempts > 0:\n    answer = connection.request(attempts)\n    if answer.status_ok():\n        return answer\n";
    let mut arguments = json!({ "snippet": snippet, "limit": 4 });
    let mut paths = Vec::new();
    loop {
        let page = session.call("similar_code", arguments.clone()).await.result();
        assert!(page.to_string().len() <= 4_500, "about 1 500 tokens: {page}");
        paths.extend(places(&page["hits"], "path").into_iter().map(|(path, _)| path));
        let Some(cursor) = page.get("next_cursor") else { break };
        arguments["cursor"] = cursor.clone();
    }
    paths.sort_unstable();
    let alike: Vec<String> = (0..9).map(|number| format!("src/retry_{number}.py")).collect();
    assert_eq!(paths, alike, "each once, and nothing that is not alike");
    arguments["snippet"] = json!("while True:\n    pass\n");
    let refused = session.call("similar_code", arguments).await.refusal();
    assert!(refused.contains("belongs to another question"), "{refused}");

    let found = session
        .call("search_code", json!({ "query": "retry_request_3" }))
        .await
        .result();
    assert_eq!(found["hits"][0]["path"], "src/retry_3.py", "{found}");
    let like = json!({ "ref": found["hits"][0]["ref"], "path_glob": "src/retry_[0-4].py" });
    let page = session.call("similar_code", like).await.result();
    let mut paths: Vec<String> = places(&page["hits"], "path")
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        ["src/retry_0.py", "src/retry_1.py", "src/retry_2.py", "src/retry_4.py"],
        "not itself"
    );

    for (arguments, words) in [
        (json!({}), "either ref"),
        (json!({ "ref": "src/retry_3.py" }), "search again"),
        (json!({ "ref": "00000000000040008000000000000000:1-2" }), "search again"),
        (json!({ "snippet": "  \n" }), "no code in what was given"),
    ] {
        let refused = session.call("similar_code", arguments).await.refusal();
        assert!(refused.contains(words), "{refused}");
    }
    session.close().await;
}
