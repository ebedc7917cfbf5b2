//! Resources, their completion, and prompts.

use serde_json::{Value, json};

use crate::prepared::prepared;

#[tokio::test]
async fn projects_code_and_their_parts_are_found_by_address() {
    let mut session = prepared().await.setup.greeted();
    let templates = session.ask("resources/templates/list", json!({}));
    assert_eq!(templates["result"]["resourceTemplates"].as_array().unwrap().len(), 4);
    let listed = session.ask("resources/list", json!({}));
    assert_eq!(listed["result"]["resources"][0]["uri"], "project://shop", "{listed}");

    let mut text = |uri: &str| {
        let read = session.ask("resources/read", json!({ "uri": uri }));
        read["result"]["contents"][0]["text"]
            .as_str()
            .map(str::to_owned)
            .ok_or(read)
    };
    let project: Value = serde_json::from_str(&text("project://shop").unwrap()).unwrap();
    assert_eq!(project["repositories"][0]["files"], 2, "{project}");
    assert!(
        text("code://shop/shop/src/claim.rs")
            .unwrap()
            .starts_with("//! Claims ready jobs.")
    );
    assert_eq!(
        text("code://shop/shop/src/claim.rs#L4").unwrap(),
        "    ready_jobs().next()\n"
    );
    for unknown in [
        "code://shop/shop/src/no.rs",
        "project://bank",
        "job://x",
        "file:///etc/passwd",
    ] {
        let refused = text(unknown).unwrap_err();
        assert_eq!(refused["error"]["code"], -32002, "{refused}");
    }
    session.close();
}

#[tokio::test]
async fn what_is_begun_can_be_completed() {
    let mut session = prepared().await.setup.greeted();
    let mut complete = |uri: &str, name: &str, value: &str, given: Value| {
        let params = json!({
            "ref": { "type": "ref/resource", "uri": uri },
            "argument": { "name": name, "value": value },
            "context": { "arguments": given },
        });
        session.ask("completion/complete", params)["result"]["completion"]["values"].clone()
    };
    let code = "code://{project}/{repository}/{+path}";
    assert_eq!(complete("project://{name}", "name", "s", json!({})), json!(["shop"]));
    assert_eq!(complete("project://{name}", "name", "x", json!({})), json!([]));
    let project = json!({ "project": "shop" });
    assert_eq!(complete(code, "repository", "", project), json!(["shop"]));
    let repository = json!({ "project": "shop", "repository": "shop" });
    assert_eq!(complete(code, "path", "src/c", repository), json!(["src/claim.rs"]));
    session.close();
}

#[tokio::test]
async fn prompts_say_which_tools_to_call() {
    let mut session = prepared().await.setup.greeted();
    let listed = session.ask("prompts/list", json!({}));
    assert_eq!(listed["result"]["prompts"].as_array().unwrap().len(), 3);
    let arguments = json!({ "symbol": "claim_job" });
    let prompt = session.ask(
        "prompts/get",
        json!({ "name": "explain_symbol", "arguments": arguments }),
    );
    let text = prompt["result"]["messages"][0]["content"]["text"].as_str().unwrap();
    assert!(text.contains("`claim_job`") && text.contains("get_code"), "{text}");
    let refused = session.ask("prompts/get", json!({ "name": "explain_symbol" }));
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    session.close();
}
