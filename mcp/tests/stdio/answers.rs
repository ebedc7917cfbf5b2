//! What the reading tools answer about a prepared project.

use std::fs;

use serde_json::json;

use crate::prepared::prepared;

#[tokio::test]
async fn a_search_leads_to_the_code() {
    let mut session = prepared().await.setup.greeted();
    let found = session.call("search_code", json!({ "query": "claim_job" }));
    let hit = &found["hits"][0];
    // Two neighbouring chunks, shown together.
    assert_eq!(
        (&found["project"], &hit["path"], &hit["lines"]),
        (&json!("shop"), &json!("src/claim.rs"), &json!("1-5"))
    );
    assert!(hit["snippet"].as_str().unwrap().contains("pub fn claim_job"), "{found}");
    assert_eq!(found["index"]["state"], "fresh");
    assert!(found["note"].as_str().unwrap().contains("words only"), "{found}");

    let code = session.call("get_code", json!({ "ref": hit["ref"] }));
    assert_eq!((&code["lines"], &code["total_lines"]), (&hit["lines"], &json!(5)));
    assert!(
        code["text"].as_str().unwrap().ends_with("ready_jobs().next()\n}\n"),
        "{code}"
    );
    assert_eq!(code["changed_since_index"], false);
    session.close();
}

#[tokio::test]
async fn lines_of_a_file_come_with_whether_it_changed() {
    let mut session = prepared().await.setup.greeted();
    let file = session.setup.path("shop/src/claim.rs");
    let around = json!({ "path": "src/claim.rs", "start_line": 3, "end_line": 3, "context_lines": 1 });
    assert_eq!(session.call("get_code", around)["lines"], "2-4");
    let lines = json!({ "path": "src/claim.rs", "start_line": 1, "end_line": 1 });
    let code = session.call("get_code", lines.clone());
    assert_eq!(
        (&code["text"], &code["changed_since_index"]),
        (&json!("//! Claims ready jobs.\n"), &json!(false))
    );

    fs::write(&file, "// edited\n").unwrap();
    let code = session.call("get_code", lines);
    assert_eq!(
        (&code["text"], &code["changed_since_index"]),
        (&json!("//! Claims ready jobs.\n"), &json!(true))
    );
    session.close();
}

#[tokio::test]
async fn a_hit_in_a_file_that_changed_says_so() {
    let mut session = prepared().await.setup.greeted();
    let hit = |found: &serde_json::Value| found["hits"][0].clone();
    let before = hit(&session.call("search_code", json!({ "query": "claim_job" })));
    assert_eq!(before.get("changed_on_disk"), None, "{before}");
    fs::write(session.setup.path("shop/src/claim.rs"), "// edited\n").unwrap();
    let after = hit(&session.call("search_code", json!({ "query": "claim_job" })));
    assert_eq!(
        (&after["path"], &after["changed_on_disk"]),
        (&json!("src/claim.rs"), &json!(true))
    );
    fs::remove_file(session.setup.path("shop/src/claim.rs")).unwrap();
    let gone = hit(&session.call("search_code", json!({ "query": "claim_job" })));
    assert_eq!(gone["changed_on_disk"], true);
    session.close();
}

#[tokio::test]
async fn hidden_characters_are_made_visible() {
    let mut session = prepared().await.setup.greeted();
    let found = session.call("search_code", json!({ "query": "price" }));
    assert_eq!(found["hits"][0]["snippet"], "let price = 1;\u{fffd}\u{fffd}\u{fffd}[2J");
    let code = session.call("get_code", json!({ "path": "src/price.rs" }));
    assert_eq!(code["text"], "let price = 1;\u{fffd}\u{fffd}\u{fffd}[2J\n");
    session.close();
}

#[tokio::test]
async fn hits_beyond_the_limit_come_with_the_cursor() {
    let mut session = prepared().await.setup.greeted();
    let first = session.call("search_code", json!({ "query": "claim price", "limit": 1 }));
    let cursor = &first["next_cursor"];
    let second = session.call(
        "search_code",
        json!({ "query": "claim price", "limit": 1, "cursor": cursor }),
    );
    assert_eq!(
        (
            first["hits"].as_array().unwrap().len(),
            second["hits"].as_array().unwrap().len()
        ),
        (1, 1)
    );
    assert_ne!(first["hits"][0]["path"], second["hits"][0]["path"]);
    assert!(second["next_cursor"].is_null(), "{second}");
    session.close();
}

#[tokio::test]
async fn what_is_not_there_is_refused_with_what_is() {
    let mut session = prepared().await.setup.greeted();
    let unknown = "00000000-0000-4000-8000-000000000000";
    let gone = "00000000000040008000000000000000:1-2";
    for (tool, arguments, words) in [
        (
            "search_code",
            json!({ "query": "a", "project": "shpo" }),
            "no project is named shpo; known: shop",
        ),
        (
            "search_code",
            json!({ "query": "a", "repository": "other" }),
            "no such repository in this project; it has /",
        ),
        ("get_code", json!({ "ref": gone }), "search again"),
        (
            "get_code",
            json!({ "ref": "src/claim.rs" }),
            "search again, or give path",
        ),
        ("get_code", json!({ "path": "claim.rs" }), "similar: src/claim.rs"),
        (
            "get_code",
            json!({ "path": "../../etc/passwd" }),
            "does not exist in this project",
        ),
        (
            "get_code",
            json!({ "path": "src/claim.rs", "start_line": 9 }),
            "ask for 1 to 5",
        ),
        ("get_code", json!({}), "either ref"),
        ("get_code", json!({ "ref": gone, "start_line": 1 }), "context_lines"),
        ("get_job", json!({ "job_id": unknown }), "call index_repository"),
        ("create_project", json!({ "name": "shop" }), "exists already"),
    ] {
        let refused = session.refusal(tool, arguments);
        assert!(refused.contains(words), "{refused}");
    }
    session.close();
}

#[tokio::test]
async fn projects_are_listed_and_made() {
    let mut session = prepared().await.setup.greeted();
    let made = session.call("create_project", json!({ "name": "second", "description": "another" }));
    assert!(
        made["database_name"].as_str().unwrap().starts_with("project_second_"),
        "{made}"
    );
    let listed = session.call("list_projects", json!({}));
    let repository = &listed["projects"][1]["repositories"][0];
    assert_eq!(listed["projects"][0]["description"], "another");
    assert_eq!(
        (&repository["files"], &repository["state"]),
        (&json!(2), &json!("fresh")),
        "{listed}"
    );
    let one = session.call("list_projects", json!({ "project": "shop" }));
    assert_eq!(one["projects"].as_array().unwrap().len(), 1);
    session.close();
}
