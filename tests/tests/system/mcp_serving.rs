//! The servers that agents talk to, as users start them: `quarry up` over HTTP, what tokens open, and servers that outlast
//! a Postgres that goes away.

use quarry_postgres::testing::{StopMode, TestServer};
use serde_json::{Value, json};
use system_tests::{FakeEndpoint, Installation, McpOverHttp, Running, Tree, wait_until_async};

use crate::{PROGRAM, installation};

/// Where a process says that it serves.
async fn url_of(server: &Running) -> String {
    server.says("serving MCP at http://").await;
    let said = server.said();
    let (_, rest) = said.split_once("serving MCP at ").unwrap();
    let end = rest.find("/mcp").unwrap();
    format!("{}/mcp", &rest[..end])
}

fn tree(name: &str) -> Tree {
    let tree = Tree::new(name);
    tree.write(
        &format!("src/{name}.py"),
        format!("def compute_{name}(value):\n    return value\n"),
    );
    tree
}

fn query(words: &str) -> Value {
    json!({ "query": words })
}

fn in_project(words: &str, project: &str) -> Value {
    json!({ "query": words, "project": project })
}

#[tokio::test(flavor = "multi_thread")]
async fn up_serves_its_projects_over_http_and_each_token_what_it_is_for() {
    let (quarry, _endpoint) = installation().await;
    let (shop, bank) = (tree("shop"), tree("bank"));
    let up = quarry.start(["up", shop.argument(), bank.argument(), "--http", "127.0.0.1:0"]);
    up.says("Ctrl-C stops everything").await;
    let url = url_of(&up).await;

    let anybody = McpOverHttp::greeted(&url, None).await;
    let found = anybody
        .call("search_code", in_project("compute_shop", "shop"))
        .await
        .result();
    assert_eq!(found["hits"][0]["path"], "src/shop.py", "{found}");

    let create = ["token", "create", "reader", "--projects", "shop", "--json"];
    let made = quarry.run(create).await.json();
    let secret = made["token"].as_str().unwrap();
    let reader = McpOverHttp::greeted(&url, Some(secret)).await;
    let found = reader.call("search_code", query("compute_shop")).await.result();
    assert_eq!(
        found["hits"][0]["path"], "src/shop.py",
        "its only project need not be named: {found}"
    );
    let refused = reader
        .call("search_code", in_project("compute_bank", "bank"))
        .await
        .refusal();
    assert!(refused.contains("for the projects shop only"), "{refused}");
    let listed = reader.call("list_projects", json!({})).await.result();
    assert!(!listed.to_string().contains("bank"), "{listed}");

    quarry.run(["token", "revoke", "reader"]).await.succeeded();
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} });
    let revoked = McpOverHttp::new(&url, Some(secret));
    wait_until_async("the revoked token is refused", async || {
        revoked.post(&list).await.status == 401
    })
    .await;
    let answer = revoked.post(&list).await;
    assert!(answer.body.contains("unknown, expired or revoked"), "{answer:?}");

    up.interrupt().await;
    up.finish().await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_token_only_its_hash_is_kept() {
    let (quarry, _endpoint) = installation().await;
    let said = quarry
        .run(["token", "create", "writer", "--scope", "write"])
        .await
        .succeeded();
    let secret = said.stdout.trim();
    assert!(said.stderr.contains("shown once"), "{said}");
    let kept = quarry.registry_rows("select to_jsonb(tokens) from tokens").await;
    let random = secret.rsplit('_').next().unwrap();
    assert!(random.len() >= 32 && !kept[0].contains(random), "{kept:?}");
    let hash = quarry
        .registry_rows("select encode(secret_hash, 'hex') from tokens")
        .await;
    assert_eq!(hash, [blake3::hash(secret.as_bytes()).to_hex().to_string()]);
    let listed = quarry.run(["token", "list"]).await.succeeded();
    assert!(
        listed.stdout.contains("writer") && !listed.stdout.contains(random),
        "{listed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_say_that_postgres_is_away_and_answer_again_when_it_is_back() {
    let (endpoint, postgres) = (FakeEndpoint::start().await, TestServer::start_new().await);
    let database = postgres.create_database().await;
    let quarry = Installation::with_registry(PROGRAM, &database.url)
        .await
        .with("QUARRY_EMBEDDING_URL", endpoint.url());
    let tree = tree("shop");
    quarry.index(tree.root(), "shop").await;
    let mut session = quarry.mcp(tree.root(), &[]).await;
    let server = quarry.start(["mcp", "--http", "127.0.0.1:0", "--project", "shop"]);
    let client = McpOverHttp::greeted(&url_of(&server).await, None).await;
    let compute = || query("compute_shop");
    let is_found = |found: Value| found["hits"][0]["path"] == "src/shop.py";
    assert!(is_found(session.call("search_code", compute()).await.result()));
    assert!(is_found(client.call("search_code", compute()).await.result()));

    postgres.stop(StopMode::Fast).await.unwrap();
    for tool in ["search_code", "find_symbol", "index_repository", "list_projects"] {
        let arguments = match tool {
            "search_code" => compute(),
            "find_symbol" => json!({ "name": "compute_shop" }),
            "index_repository" => json!({ "path": tree.argument() }),
            _ => json!({}),
        };
        let told = [
            session.call(tool, arguments.clone()).await.refusal(),
            client.call(tool, arguments).await.refusal(),
        ];
        for refused in told {
            assert!(
                refused.contains("is Postgres running?") && refused.contains("quarry status"),
                "{tool}: {refused}"
            );
            assert!(
                !refused.contains("postgres://"),
                "no address with a password: {refused}"
            );
        }
    }

    postgres.start().await.unwrap();
    assert!(is_found(session.call("search_code", compute()).await.result()));
    assert!(is_found(client.call("search_code", compute()).await.result()));
    session.close().await;
    let log = server.said();
    assert!(!log.contains("rmcp"), "it does not tell of every request: {log}");
    server.terminate().await;
    server.finish().await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_all_tools_stays_short() {
    let (quarry, _endpoint) = installation().await;
    for (toolsets, most_bytes, most_telling) in [
        ("search,index,projects", 12_000, "search_code"),
        ("search,index,projects,entities", 20_000, "create_entity"),
    ] {
        let mut session = quarry.mcp(quarry.home(), &["--toolsets", toolsets]).await;
        let listed = session.ask("tools/list", json!({})).await["result"].to_string();
        assert!(listed.len() < most_bytes, "{toolsets}: {} bytes", listed.len());
        assert!(listed.contains(most_telling), "{toolsets}");
        session.close().await;
    }
}
