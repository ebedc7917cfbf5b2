//! Over HTTP: both eras from one server, a server that is killed between two calls, who may do what, and what is refused.

use std::io::Read as _;
use std::net::TcpStream;
use std::time::Duration;

use quarry_registry::{NewToken, Project, Registry, TokenScope};
use serde_json::{Value, json};

use crate::http_server::HttpServer;
use crate::prepared::prepared;
use crate::session::{Setup, wait_until};

/// Longer than a server trusts a token without asking.
const NOTICED_WITHIN: Duration = Duration::from_secs(20);

fn without_postgres() -> Setup {
    Setup::new().database("postgres://nobody@127.0.0.1:1/registry")
}

fn request(id: u32, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

#[test]
fn both_eras_are_served_at_one_address() {
    let server = HttpServer::start(without_postgres());
    let session = server.initialize();
    let listed = server.post(&[("mcp-session-id", &session)], &request(1, "tools/list", &json!({})));
    let old = listed.message()["result"]["tools"].clone();
    let discovered = server.ask(&[], "server/discover", json!({}), &json!({}));
    assert!(
        discovered["result"]["supportedVersions"]
            .as_array()
            .unwrap()
            .contains(&json!("2026-07-28")),
        "{discovered}"
    );
    let new = server.ask(&[], "tools/list", json!({}), &json!({}));
    assert_eq!(new["result"]["tools"], old);
    assert!(new["result"]["ttlMs"].is_number(), "{new}");
    assert_eq!(server.send("GET", "/health", &[], "").status, 200);
    assert_eq!(server.send("GET", "/other", &[], "").status, 404);
}

#[tokio::test]
async fn a_server_that_is_killed_between_two_calls_is_not_missed() {
    let prepared = prepared().await;
    let server = HttpServer::start(prepared.setup.quarry("sleep 60\n"));
    let session = server.initialize();
    let headers = [("mcp-session-id", session.as_str())];
    let call = |server: &HttpServer, tool: &str, arguments: Value| {
        let params = json!({ "name": tool, "arguments": arguments });
        let response = server.post(&headers, &request(7, "tools/call", &params));
        response.message()["result"]["structuredContent"].clone()
    };
    let found = call(&server, "search_code", json!({ "query": "claim_job", "limit": 1 }));
    let job = call(
        &server,
        "index_repository",
        json!({ "path": server.setup.repository() }),
    );

    let server = server.kill_and_restart();
    let reference = &found["hits"][0]["ref"];
    let text = call(&server, "get_code", json!({ "ref": reference }));
    assert!(text["text"].as_str().unwrap().contains("claim_job"), "{text}");
    let page = json!({ "query": "claim_job", "limit": 1, "cursor": found["next_cursor"] });
    assert!(call(&server, "search_code", page)["hits"].is_array());
    let same = call(&server, "get_job", json!({ "job_id": job["job_id"] }));
    assert_eq!(same["job_id"], job["job_id"]);
    let listed = call(&server, "list_jobs", json!({}));
    assert_eq!(listed["jobs"][0]["requested_by"], "old_client/2", "{listed}");
}

async fn token(registry: &Registry, name: &str, scope: TokenScope, projects: Option<&[Project]>) -> String {
    let new = NewToken {
        name,
        scope,
        projects,
        expires_at: None,
        created_by: "test",
    };
    registry.create_token(&new).await.unwrap().1
}

fn text_of(result: &Value) -> String {
    result["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_token_may_do_what_its_scope_and_projects_say() {
    let prepared = prepared().await;
    let registry = &prepared.registry;
    let other = quarry_registry::ProjectName::parse("other").unwrap();
    let other = registry.create_project(&other, None, "test").await.unwrap();
    let reader = token(registry, "reader", TokenScope::Read, None).await;
    let limited = token(
        registry,
        "limited",
        TokenScope::Write,
        Some(std::slice::from_ref(&other)),
    )
    .await;
    let server = HttpServer::start(prepared.setup.arguments(&["--require-token"]));

    let reader = format!("Bearer {reader}");
    let reader = [("authorization", reader.as_str())];
    let tools = server.ask(&reader, "tools/list", json!({}), &json!({}))["result"]["tools"].clone();
    let tools = tools.as_array().unwrap();
    let offered: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert!(
        offered.contains(&"search_code") && !offered.contains(&"index_repository"),
        "{offered:?}"
    );
    let found = server.call(
        &reader,
        "search_code",
        json!({ "query": "claim_job", "project": "shop" }),
    );
    assert_eq!(found["structuredContent"]["hits"][0]["path"], "src/claim.rs");
    let refused = server.call(&reader, "index_repository", json!({ "path": "." }));
    assert!(
        text_of(&refused).contains("needs a token with the scope write"),
        "{refused}"
    );

    let limited = format!("Bearer {limited}");
    let limited = [("authorization", limited.as_str())];
    let refused = server.call(&limited, "search_code", json!({ "query": "a", "project": "shop" }));
    assert!(text_of(&refused).contains("for the projects other only"), "{refused}");
    let listed = server.call(&limited, "list_projects", json!({}));
    assert_eq!(listed["structuredContent"]["projects"].as_array().unwrap().len(), 1);
    let refused = server.call(
        &limited,
        "delete_project",
        json!({ "name": "other", "confirm": "other" }),
    );
    assert!(text_of(&refused).contains("scope admin"), "{refused}");

    let writes = registry.tool_writes(10).await.unwrap();
    let noted: Vec<_> = writes
        .iter()
        .map(|write| (write.token.as_deref(), write.tool.as_str(), write.outcome.as_str()))
        .collect();
    assert_eq!(
        noted,
        [
            (Some("limited"), "delete_project", "refused"),
            (Some("reader"), "index_repository", "refused")
        ]
    );

    registry.revoke_token("reader").await.unwrap();
    let again = request(1, "tools/list", &json!({}));
    let refused = wait_until(NOTICED_WITHIN, || {
        let response = server.post(&reader, &again);
        (response.status == 401).then_some(response)
    });
    assert!(refused.body.contains("unknown, expired or revoked"), "{}", refused.body);
}

#[tokio::test]
async fn a_missing_or_wrong_token_is_told_what_to_do() {
    let prepared = prepared().await;
    let server = HttpServer::start(prepared.setup.arguments(&["--require-token"]));
    let message = request(1, "tools/list", &json!({}));
    let missing = server.post(&[], &message);
    assert_eq!(missing.status, 401);
    let challenge = missing.header("www-authenticate").unwrap();
    let metadata = format!("http://{}/.well-known/oauth-protected-resource/mcp", server.address);
    assert!(
        challenge.contains(&metadata) && !challenge.contains("error="),
        "{challenge}"
    );
    let described = server.send("GET", "/.well-known/oauth-protected-resource/mcp", &[], "");
    assert_eq!(
        described.message()["resource"],
        format!("http://{}/mcp", server.address)
    );

    for wrong in [
        "Bearer quarry_0_0",
        "Basic YTpi",
        "Bearer quarry_00000000000000000000000000000000_00",
    ] {
        let response = server.post(&[("authorization", wrong)], &message);
        assert_eq!(response.status, 401);
        assert!(
            response.header("www-authenticate").unwrap().contains("invalid_token"),
            "{}",
            response.body
        );
    }
    let many = (0..40).map(|_| server.post(&[("authorization", "Bearer quarry_0_0")], &message).status);
    assert!(many.into_iter().any(|status| status == 429), "wrong tokens are counted");
}

#[test]
fn a_token_of_the_servers_own_comes_from_a_file() {
    let setup = without_postgres();
    let file = setup.path("token");
    std::fs::write(&file, "a-token-of-24-characters\n").unwrap();
    let server = HttpServer::start(setup.arguments(&["--token-file", file.to_str().unwrap()]));
    let message = request(1, "tools/list", &json!({}));
    assert_eq!(server.post(&[], &message).status, 401);
    let own = [("authorization", "bearer a-token-of-24-characters")];
    assert_eq!(server.post(&own, &message).status, 200);
    // Whether another token is known only Postgres could say.
    let other = [("authorization", "Bearer quarry_00000000000000000000000000000000_00")];
    let unknown = server.post(&other, &message);
    assert_eq!(unknown.status, 503);
    assert!(unknown.body.contains("is Postgres running?"), "{}", unknown.body);
}

#[test]
fn pages_of_other_origins_other_names_and_long_bodies_are_refused() {
    let server = HttpServer::start(without_postgres().arguments(&["--allow-origin", "https://app.example:443"]));
    let message = request(1, "tools/list", &json!({}));
    assert_eq!(server.post(&[("origin", "https://evil.example")], &message).status, 403);
    assert_eq!(server.post(&[("origin", "null")], &message).status, 403);
    assert_eq!(server.post(&[("origin", "https://app.example")], &message).status, 200);
    assert_eq!(server.post(&[("host", "evil.example")], &message).status, 403);
    let long = "x".repeat((1 << 20) + 1);
    assert_eq!(server.post(&[], &json!({ "long": long })).status, 413);
    assert_eq!(server.post(&[("mcp-session-id", "made-up")], &message).status, 404);
}

/// What comes until these words have come.
fn read_until(stream: &mut TcpStream, words: &str) -> String {
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while !text.contains(words) {
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "the stream ended without {words}: {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    text
}

#[tokio::test]
async fn a_client_that_waits_is_told_about_progress_and_can_give_up() {
    let prepared = prepared().await;
    // A worker that never gets to it.
    let server = HttpServer::start(prepared.setup.quarry("sleep 60\n"));
    let session = server.initialize();
    let headers = [
        ("mcp-session-id", session.as_str()),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ];
    let params = json!({
        "name": "index_repository",
        "arguments": { "path": server.setup.repository(), "wait_s": 30 },
        "_meta": { "progressToken": "p" },
    });
    let mut waiting = server.open(
        "POST",
        "/mcp",
        &headers,
        &request(42, "tools/call", &params).to_string(),
    );
    let told = read_until(&mut waiting, "notifications/progress");
    assert!(told.contains(r#""progressToken":"p""#), "{told}");
    let running = wait_until(NOTICED_WITHIN, || {
        let jobs = server.call(&[], "list_jobs", json!({ "state": "waiting" }));
        jobs["structuredContent"]["jobs"][0]["job_id"]
            .as_str()
            .map(str::to_owned)
    });
    let given_up = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 42 } });
    assert_eq!(server.post(&headers[..1], &given_up).status, 202);
    read_until(&mut waiting, "cancelled");
    wait_until(NOTICED_WITHIN, || {
        let job = server.call(&[], "get_job", json!({ "job_id": running }));
        (job["structuredContent"]["state"] == "cancelled").then_some(())
    });
}

#[tokio::test]
async fn a_client_that_takes_tasks_gets_the_job_as_one() {
    let prepared = prepared().await;
    let server = HttpServer::start(prepared.setup.quarry("sleep 60\n"));
    let tasks = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    let arguments = json!({ "path": server.setup.repository() });
    let params = json!({ "name": "index_repository", "arguments": arguments });
    let begun = server.ask(&[], "tools/call", params, &tasks);
    assert_eq!(begun["result"]["resultType"], "task", "{begun}");
    let id = begun["result"]["taskId"].as_str().unwrap().to_owned();
    let job = server.call(&[], "get_job", json!({ "job_id": id }));
    assert_eq!(
        job["structuredContent"]["state"], "waiting",
        "the task is the job: {job}"
    );

    let server = server.kill_and_restart();
    let task = server.ask(&[], "tasks/get", json!({ "taskId": id }), &tasks);
    assert_eq!(task["result"]["status"], "working", "{task}");
    server.ask(&[], "tasks/cancel", json!({ "taskId": id }), &tasks);
    let task = server.ask(&[], "tasks/get", json!({ "taskId": id }), &tasks);
    assert_eq!(task["result"]["status"], "cancelled", "{task}");
}
