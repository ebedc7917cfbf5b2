//! The handshakes, and what every session pays for. None of it needs Postgres: the database named here does not exist.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::session::Setup;

fn without_postgres() -> Setup {
    Setup::new().database("postgres://nobody@127.0.0.1:1/registry")
}

/// What a request of 2026-07-28 carries instead of a handshake.
fn stateless(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    params
}

#[test]
fn initialize_answers_at_once_in_the_version_that_was_asked_for() {
    for version in ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] {
        let mut session = without_postgres().start();
        let client = json!({ "name": "test", "version": "1" });
        let started = Instant::now();
        let response = session.ask(
            "initialize",
            json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": client }),
        );
        assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
        let result = &response["result"];
        assert_eq!(result["protocolVersion"], version);
        assert_eq!(result["serverInfo"]["name"], "quarry");
        assert!(result["capabilities"]["tools"].is_object());
        assert!(result["instructions"].as_str().unwrap().len() < 1_500);
        session.close();
    }
}

#[test]
fn a_stateless_client_discovers_and_lists_without_a_handshake() {
    let mut session = without_postgres().start();
    let discovered = session.ask("server/discover", stateless(json!({})));
    let versions = discovered["result"]["supportedVersions"].as_array().unwrap();
    assert!(versions.contains(&json!("2026-07-28")), "{discovered}");
    let listed = session.ask("tools/list", stateless(json!({})));
    assert!(
        listed["result"]["ttlMs"].is_number() && listed["result"]["cacheScope"].is_string(),
        "{listed}"
    );
    let refused = session.ask(
        "tools/call",
        stateless(json!({ "name": "search_code", "arguments": { "qurey": "a" } })),
    );
    assert_eq!(refused["result"]["isError"], true, "{refused}");
    session.close();
}

#[test]
fn the_tools_are_few_and_their_list_is_small() {
    let mut session = without_postgres().greeted();
    let response = session.ask("tools/list", json!({}));
    let list = response["result"]["tools"].to_string();
    assert!(list.len() < 12_000, "{} bytes", list.len());
    assert!(!list.contains("\"format\"") && !list.contains("\"null\""), "{list}");
    let names = [
        "cancel_job",
        "create_project",
        "delete_project",
        "find_symbol",
        "get_code",
        "get_job",
        "index_repository",
        "list_jobs",
        "list_projects",
        "list_repositories",
        "remove_repository",
        "search_code",
        "similar_code",
        "update_project",
    ];
    assert_eq!(session.tools(), names);
    for tool in response["result"]["tools"].as_array().unwrap() {
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{tool}");
        assert_eq!(tool["annotations"]["openWorldHint"], false, "{tool}");
        assert!(tool["outputSchema"].is_object(), "{tool}");
    }
    session.close();
}

#[test]
fn arguments_that_a_tool_does_not_take_are_refused_by_name() {
    let mut session = without_postgres().greeted();
    for (tool, arguments, words) in [
        (
            "search_code",
            json!({ "query": "a", "qurey": "b" }),
            "takes no argument `qurey`; it takes cursor,",
        ),
        (
            "search_code",
            json!({ "query": "a", "limit": 1_000 }),
            "`limit` of search_code must be a whole number from 1 to 100",
        ),
        (
            "search_code",
            json!({ "query": "a", "cursor": "o10.00000000" }),
            "belongs to another question",
        ),
        ("similar_code", json!({ "ref": "a", "snippet": "b" }), "either ref"),
        ("list_jobs", json!({ "cursor": "x" }), "not one of list_jobs'"),
        (
            "remove_repository",
            json!({ "repository": "/src/shop", "confirm": "shop" }),
            "repeat `repository` in `confirm`",
        ),
        (
            "delete_project",
            json!({ "name": "shop", "confirm": "yes" }),
            "repeat its name in `confirm`",
        ),
        (
            "update_project",
            json!({ "name": "shop" }),
            "give new_name or description",
        ),
        (
            "search_code",
            json!({ "query": "a", "mode": "fuzzy" }),
            "one of hybrid, semantic, lexical, symbol",
        ),
        ("search_code", json!({}), "needs the argument `query`"),
        (
            "search_code",
            json!({ "query": "a", "cursor": "x" }),
            "leave it out to start again",
        ),
        (
            "get_job",
            json!({ "job_id": "x" }),
            "not an id that index_repository returned",
        ),
        (
            "get_job",
            json!({ "job_id": "x", "wait": 5 }),
            "takes no argument `wait`; it takes job_id, wait_s",
        ),
        ("list_projects", json!({ "all": true }), "takes no argument `all`"),
        ("create_project", json!({ "name": "My App" }), "a-z, 0-9 and _"),
        ("index_repository", json!({ "path": ".", "wait_s": 31 }), "from 0 to 30"),
    ] {
        let refused = session.refusal(tool, arguments);
        assert!(refused.contains(words), "{refused}");
    }
    session.close();
}

#[test]
fn a_read_only_session_and_one_for_a_project_offer_less() {
    let mut session = without_postgres().arguments(&["--read-only"]).greeted();
    let reading = [
        "find_symbol",
        "get_code",
        "get_job",
        "list_jobs",
        "list_projects",
        "list_repositories",
        "search_code",
        "similar_code",
    ];
    assert_eq!(session.tools(), reading);
    let response = session.ask(
        "tools/call",
        json!({ "name": "create_project", "arguments": { "name": "a" } }),
    );
    assert!(response["error"].is_object(), "{response}");
    session.close();

    let mut session = without_postgres()
        .arguments(&["--toolsets", "projects,index"])
        .greeted();
    let tools = session.tools();
    assert!(
        tools.contains(&"get_job".to_owned()) && !tools.contains(&"search_code".to_owned()),
        "{tools:?}"
    );
    session.close();

    let mut session = without_postgres().arguments(&["--project", "shop"]).greeted();
    assert!(!session.tools().contains(&"create_project".to_owned()));
    let refused = session.refusal("search_code", json!({ "query": "a", "project": "other" }));
    assert!(refused.contains("for project shop only"), "{refused}");
    session.close();
}

#[test]
fn a_client_that_says_nothing_ends_the_session() {
    without_postgres().start().close();
}
