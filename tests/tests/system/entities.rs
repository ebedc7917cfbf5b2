//! Workflow entities on the command line: from a template to an export and back, with an editor in between.

use serde_json::{Value, json};
use system_tests::Tree;

use crate::installation;

#[tokio::test(flavor = "multi_thread")]
async fn entities_are_kept_edited_and_moved_to_another_project() {
    let (mut quarry, _endpoint) = installation().await;
    for project in ["first", "second"] {
        quarry.run(["project", "create", project]).await.succeeded();
    }
    let in_first = ["--project", "first", "--json"];
    quarry
        .run([&["schema", "init", "task"][..], &in_first].concat())
        .await
        .succeeded();
    let data = r#"{"title": "Read the ledger", "status": "pending"}"#;
    let made = quarry
        .run([&["entity", "create", "task", "--data", data][..], &in_first].concat())
        .await
        .json();
    let id = made["id"].as_str().unwrap();
    let wrong = r#"{"title": "x", "status": "done", "asignee": "ana"}"#;
    quarry
        .run([&["entity", "create", "task", "--data", wrong][..], &in_first].concat())
        .await
        .failed(
            1,
            &[
                "\n  at /asignee: ",
                "did you mean \"assignee\"",
                "\n  at /status: ",
                "\"pending\"",
            ],
        );

    // An editor that finishes the task, and one that writes what does not fit.
    let tree = Tree::new("editors");
    tree.write(
        "finish",
        "#!/bin/sh\nsed s/pending/completed/ \"$1\" > \"$1.new\" && mv \"$1.new\" \"$1\"\n",
    );
    tree.write(
        "break",
        "#!/bin/sh\nsed s/completed/finished/ \"$1\" > \"$1.new\" && mv \"$1.new\" \"$1\"\n",
    );
    quarry.set("EDITOR", &format!("sh {}/finish", tree.argument()));
    let edited = quarry
        .run([&["entity", "edit", id][..], &in_first].concat())
        .await
        .json();
    assert_eq!(
        (&edited["version"], &edited["data"]["status"]),
        (&2.into(), &"completed".into())
    );
    quarry.set("EDITOR", &format!("sh {}/break", tree.argument()));
    quarry
        .run([&["entity", "edit", id][..], &in_first].concat())
        .await
        .failed(1, &["must be one of", "what you wrote is in"]);

    let history = quarry
        .run([&["entity", "show", id, "--history"][..], &in_first].concat())
        .await
        .json();
    assert_eq!(history.as_array().unwrap().len(), 2);
    let export = tree.root().join("export.ndjson");
    let export = export.to_str().unwrap();
    let exported = quarry
        .run([&["entity", "export", "--output", export][..], &in_first].concat())
        .await
        .json();
    assert_eq!(exported, json!({"schemas": 1, "entities": 1, "links": 0}));
    let imported: Value = quarry
        .run(["entity", "import", export, "--project", "second", "--json"])
        .await
        .json();
    assert_eq!(imported["created"], 1);
    let there = quarry
        .run(["entity", "show", id, "--project", "second", "--json"])
        .await
        .json();
    assert_eq!(
        (&there["version"], &there["data"]),
        (&edited["version"], &edited["data"])
    );
    let listed = quarry
        .run(["entity", "list", "task", "--project", "second"])
        .await
        .succeeded();
    assert!(listed.stdout.contains("Read the ledger"), "{listed}");
    let claimed = quarry
        .run([
            "entity",
            "claim",
            "task",
            "--holder",
            "ana",
            "--project",
            "second",
            "--json",
        ])
        .await
        .json();
    assert_eq!(claimed, Value::Null, "it is done");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_when_the_table_of_entities_is_to_be_divided() {
    let (quarry, _endpoint) = installation().await;
    quarry.run(["project", "create", "many"]).await.succeeded();
    let status = async || quarry.run(["status", "--json"]).await.json()["projects"][0]["entities"].clone();
    assert_eq!(status().await, json!({"entities": 0, "partitions": 0}));
    // As the planner knows them; 250 000 rows would take a minute.
    let many = "update pg_class set reltuples = 250000 where oid = 'workflow.entities'::regclass returning 'many'";
    assert_eq!(quarry.rows("many", many).await[0], "many");
    assert_eq!(status().await["entities"], 250_000);
    let divide = "quarry entity partition --partitions 16";
    assert!(status().await["advice"].as_str().unwrap().contains(divide));
    let told = quarry.run(["status"]).await.succeeded();
    assert!(told.stdout.contains(divide), "{told}");

    quarry
        .run(["entity", "partition", "--partitions", "16", "--project", "many"])
        .await
        .succeeded();
    let divided = status().await;
    assert_eq!((&divided["partitions"], &divided["advice"]), (&json!(16), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_claimed_kept_and_finished_from_scripts() {
    let (quarry, _endpoint) = installation().await;
    quarry.run(["project", "create", "shop"]).await.succeeded();
    let run = async |arguments: &[&str]| quarry.run([arguments, &["--project", "shop", "--json"]].concat()).await;
    run(&["schema", "init", "task"]).await.succeeded();
    let plan = Tree::new("plan");
    let (first, second) = (
        "6f1b5dd2-0000-4000-8000-000000000001",
        "6f1b5dd2-0000-4000-8000-000000000002",
    );
    let task = |id: &str, title: &str| json!({"op": "create", "schema": "task", "id": id, "data": {"title": title, "status": "pending"}});
    let link = json!({"op": "link", "from": second, "kind": "blocks", "to": first});
    plan.write(
        "plan",
        [task(first, "Ship"), task(second, "Pack"), link]
            .map(|line| line.to_string())
            .join("\n"),
    );
    let planned = run(&["entity", "bulk", &format!("{}/plan", plan.argument())])
        .await
        .json();
    plan.write(
        "wrong",
        "\n\n{\"op\": \"create\", \"schema\": \"tusk\", \"data\": {}}\n",
    );
    let wrong = format!("{}/wrong", plan.argument());
    let wrong = quarry.run(["entity", "bulk", &wrong, "--project", "shop"]).await;
    assert_eq!(wrong.status, Some(1), "{wrong}");
    assert!(wrong.stdout.contains("line 3: there is no schema \"tusk\""), "{wrong}");
    let show = ["entity", "show", "6f1b5dd2"];
    run(&show).await.failed(2, &["an id is written whole"]);
    let list = ["entity", "list", "task", "--filter", "{status"];
    run(&list).await.failed(1, &["--filter: this is no JSON"]);
    let claimed = run(&["entity", "claim", "task", "--holder", "ana"]).await.json();
    assert_eq!(claimed["entity"]["id"], second, "the first one is blocked");
    let fence = claimed["fence"].to_string();
    let kept = run(&["entity", "release", second, &fence, "--renew-s", "3600"])
        .await
        .json();
    assert!(kept["expires_at"].as_str() > claimed["expires_at"].as_str(), "{kept}");
    let finish = [
        "entity",
        "edit",
        second,
        "--patch",
        r#"{"status": "completed"}"#,
        "--fence",
    ];
    run(&[&finish[..], &["1000000"]].concat())
        .await
        .failed(1, &["is over: ana holds it now"]);
    run(&[&finish[..], &[&fence]].concat()).await.succeeded();
    run(&["entity", "release", second, &fence]).await.succeeded();
    let next = run(&["entity", "claim", "task", "--holder", "ben"]).await.json();
    assert_eq!(next["entity"]["id"], first);
    run(&["entity", "undo", planned["batch_id"].as_str().unwrap()])
        .await
        .failed(1, &["changed since"]);
}
