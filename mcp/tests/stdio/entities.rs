//! Workflow entities as an agent uses them: a schema, a task with faults, a conflict, work that is blocked and claimed.

use quarry_postgres::testing::test_database;
use quarry_registry::{ProjectName, Registry, RegistryOptions};
use serde_json::{Value, json};

use crate::http_server::HttpServer;
use crate::session::{Session, Setup};

async fn session() -> Session {
    session_on(&project_shop().await).await
}

/// A registry with the project `shop`; its URL.
pub(crate) async fn project_shop() -> String {
    let url = test_database().await.url;
    let registry = Registry::open(&url, RegistryOptions::default()).await.unwrap();
    let name = ProjectName::parse("shop").unwrap();
    registry.create_project(&name, None, "test").await.unwrap();
    registry.close().await;
    url
}

pub(crate) async fn session_on(url: &str) -> Session {
    let setup = setup_on(url);
    tokio::task::spawn_blocking(|| setup.greeted()).await.unwrap()
}

fn setup_on(url: &str) -> Setup {
    // The endpoint that nobody serves: entities are found by their words.
    Setup::new()
        .database(url)
        .variable("QUARRY_EMBEDDING_URL", "http://127.0.0.1:1/v1")
        .arguments(&["--project", "shop", "--toolsets", "entities"])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_keeps_tasks_and_works_them_off() {
    let mut session = session().await;
    tokio::task::block_in_place(|| {
        let definition = json!({
            "type": "object",
            "required": ["title", "status"],
            "properties": {
                "title": {"type": "string"},
                "status": {"enum": ["open", "doing", "done"]},
                "where": {"type": "string", "format": "code-reference"},
            },
            "additionalProperties": false,
        });
        let registered = session.call(
            "register_schema",
            json!({ "name": "task", "definition": definition, "query_fields": ["status"] }),
        );
        assert_eq!(registered["schema"]["version"], 1);
        let described = session.call("describe_schema", json!({ "name": "task" }));
        assert_eq!(described["schema"]["example"]["status"], "open");

        let refused = session.refusal(
            "create_entity",
            json!({ "schema": "task", "data": { "titel": "x", "status": "opne" } }),
        );
        for words in [
            "/status",
            "\"doing\"",
            "/titel",
            "did you mean \"title\"",
            "title\" is missing",
        ] {
            assert!(refused.contains(words), "{words}: {refused}");
        }
        let mut create = |title: &str| {
            let data = json!({ "title": title, "status": "open", "where": "shop/src/cart.rs#L3" });
            let made = session.call(
                "create_entity",
                json!({ "schema": "task", "data": data, "idempotency_key": title }),
            );
            made["entity"]["id"].as_str().unwrap().to_owned()
        };
        let (first, second) = (create("Pay the invoice"), create("Ship the order"));
        assert_eq!(create("Pay the invoice"), first, "a retry creates nothing");

        session.call(
            "link_entities",
            json!({ "from": first, "kind": "blocks", "to": second }),
        );
        let circle = session.refusal(
            "link_entities",
            json!({ "from": second, "kind": "parent_of", "to": first }),
        );
        assert!(circle.contains("circle"), "{circle}");
        let ready = session.call("ready_work", json!({ "schema": "task" }));
        assert_eq!(ready["entities"].as_array().unwrap().len(), 1);
        let why = session.call("ready_work", json!({ "why": second }));
        assert_eq!(why["entities"][0]["blockers"][0]["title"], "Pay the invoice");

        let claim = session.call("claim_next", json!({ "schema": "task", "holder": "agent 1" }))["claim"].clone();
        assert_eq!(claim["entity"]["id"], first.as_str());
        let done = json!({
            "id": first, "expected_version": 1, "fence": claim["fence"], "patch": { "status": "done" },
        });
        assert_eq!(session.call("update_entity", done.clone())["entity"]["version"], 2);
        let conflict = session.refusal("update_entity", done);
        assert!(
            conflict.contains("\"current_version\":2") && conflict.contains("/status"),
            "{conflict}"
        );
        session.call("release", json!({ "id": first, "fence": claim["fence"] }));
        let next = session.call("claim_next", json!({ "schema": "task" }))["claim"].clone();
        assert_eq!(next["entity"]["id"], second.as_str());

        let about = json!({ "schema": "task", "filter": { "$code": "shop/src/cart.rs", "status": "open" } });
        assert_eq!(session.call("query_entities", about)["count"], 1);
        let found = session.call("search_entities", json!({ "query": "invoices" }));
        assert_eq!(found["entities"][0]["entity"]["id"], first.as_str());
        assert!(found["note"].as_str().unwrap().contains("words only"), "{found}");
        let history = session.call("entity_history", json!({ "id": first }));
        assert_eq!(history["versions"][0]["changed_by"], "test/1");
        session.close();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_applied_and_taken_back() {
    let mut session = session().await;
    tokio::task::block_in_place(|| {
        session.call(
            "register_schema",
            json!({ "name": "note", "definition": { "type": "object" } }),
        );
        let operations: Vec<Value> = (0..5)
            .map(|n| json!({ "op": "create", "schema": "note", "data": { "n": n } }))
            .collect();
        let applied = session.call("bulk_apply", json!({ "operations": operations }));
        assert_eq!((&applied["succeeded"], &applied["failed"]), (&5.into(), &0.into()));
        let (first, second) = (&applied["results"][0]["id"], &applied["results"][1]["id"]);
        let link = json!({ "op": "link", "from": first, "kind": "blocks", "to": second });
        let circle = json!({ "op": "link", "from": second, "kind": "blocks", "to": first });
        let refused = session.call("bulk_apply", json!({ "operations": [link, circle] }));
        assert_eq!(refused["results"][1]["faults"][0]["pointer"], "/1/to", "{refused}");
        let linked = session.call("bulk_apply", json!({ "operations": [link] }));
        let undone = session.call("undo_batch", json!({ "batch_id": linked["batch_id"] }));
        assert_eq!((&undone["entities"], &undone["links"]), (&0.into(), &1.into()));
        session.call("undo_batch", json!({ "batch_id": applied["batch_id"] }));
        let left = session.call("query_entities", json!({ "schema": "note" }));
        assert_eq!(left["count"], 0);
        let unknown = session.refusal("query_entities", json!({ "schema": "nots" }));
        assert!(unknown.contains("there is no schema"), "{unknown}");
        session.close();
    });
}

/// What the protocol's parser would round, drop or leave without an answer.
#[tokio::test(flavor = "multi_thread")]
async fn no_value_is_changed_on_its_way_here() {
    let url = project_shop().await;
    let mut session = session_on(&url).await;
    let server = HttpServer::start(setup_on(&url));
    tokio::task::block_in_place(|| {
        let http_session = server.initialize();
        session.call("register_schema", json!({ "name": "note", "definition": {} }));
        for (document, says) in [
            (
                r#"{"n":123456789012345678901234567890}"#,
                "argument `data` at /n: the integer has more than 64 bits",
            ),
            (
                r#"{"a":{"b":1,"b":2}}"#,
                "argument `data` at /a/b: the property is given twice",
            ),
            (r#"{"n":1e400}"#, "argument `data` at /n: number out of range"),
            (r#"{"t":"\ud800"}"#, "argument `data` at /t: "),
        ] {
            let params = format!(r#"{{"name":"create_entity","arguments":{{"schema":"note","data":{document}}}}}"#);
            let over_stdio = session.ask_as_written("tools/call", &params);
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
            let over_http = server
                .post_as_written(&[("mcp-session-id", &http_session)], &body)
                .message();
            for answer in [over_stdio, over_http] {
                assert_eq!(answer["result"]["isError"], true, "{answer}");
                let said = answer["result"]["content"][0]["text"].as_str().unwrap();
                assert!(said.starts_with(says), "{said}");
            }
        }
        let data = json!({ "n": u64::MAX, "x": 0.1, "a": { "a": 1 } });
        let made = session.call("create_entity", json!({ "schema": "note", "data": data }));
        assert_eq!(made["entity"]["data"], data);
        assert_eq!(session.call("query_entities", json!({ "schema": "note" }))["count"], 1);
        session.close();
    });
}
