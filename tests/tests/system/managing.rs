//! Projects, repositories, jobs and status: every command does what it says and its --json parses.

use serde_json::json;
use system_tests::Tree;

use crate::installation;

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_created_listed_shown_renamed_and_dropped() {
    let (quarry, _endpoint) = installation().await;
    let created = quarry
        .run(["project", "create", "first", "--description", "to try", "--json"])
        .await
        .json();
    assert_eq!(
        (&created["name"], &created["description"]),
        (&"first".into(), &"to try".into())
    );
    let database = created["database_name"].as_str().unwrap().to_owned();
    let tree = Tree::new("code");
    tree.write_modules(2);
    quarry.index(tree.root(), "first").await;

    quarry.run(["project", "rename", "first", "second"]).await.succeeded();
    let listed = quarry.run(["project", "list", "--json"]).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(
        (&listed[0]["name"], &listed[0]["database_name"]),
        (&"second".into(), &database.as_str().into())
    );
    let shown = quarry.run(["project", "show", "second", "--json"]).await.json();
    assert_eq!(shown["repositories"][0]["root"], tree.argument());
    assert_eq!(shown["repositories"][0]["total_files"], 2);
    assert_eq!(shown["embedding_model"], system_tests::MODEL);
    assert_eq!(shown["embedding_dimensions"], system_tests::DIMENSIONS);
    quarry
        .run(["project", "show", "first"])
        .await
        .failed(1, &["first", "second"]);
    for readable in [vec!["project", "list"], vec!["project", "show", "second"]] {
        let said = quarry.run(&readable).await.succeeded();
        assert!(
            said.stdout.contains("second") && said.stdout.contains(&database),
            "{said}"
        );
    }

    quarry.run(["project", "drop", "second", "--yes"]).await.succeeded();
    let left = format!("select count(*) from pg_database where datname = '{database}'");
    assert_eq!(quarry.registry_rows(&left).await, ["0"]);
    assert_eq!(quarry.run(["project", "list", "--json"]).await.json(), json!([]));
    assert_eq!(quarry.registry_rows("select count(*) from jobs").await, ["0"]);
    // The directory is free again for a project of its own name.
    let again = quarry.run(["index", tree.argument(), "--wait", "--json"]).await.json();
    assert_eq!(
        (&again["project"], &again["files_indexed"]),
        (&"code".into(), &2.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_repository_is_gone_and_can_come_back() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("gone");
    tree.write_modules(4);
    quarry.index(tree.root(), "gone").await;
    let before = quarry.dump("gone").await;
    let listed = quarry
        .run(["repository", "list", "--project", "gone", "--json"])
        .await
        .json();
    assert_eq!(
        (&listed[0]["root"], &listed[0]["status"]),
        (&tree.argument().into(), &"completed".into())
    );

    quarry
        .run(["repository", "remove", tree.argument(), "--project", "gone"])
        .await
        .succeeded();
    assert!(quarry.dump("gone").await.is_empty());
    let listed = quarry
        .run(["repository", "list", "--project", "gone", "--json"])
        .await
        .json();
    assert_eq!(listed, json!([]));
    assert!(tree.path("src").is_dir(), "the directory itself is not touched");

    quarry.index(tree.root(), "gone").await;
    assert_eq!(quarry.dump("gone").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_list_shows_what_waits() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("waiting");
    tree.write_modules(1);
    assert_eq!(quarry.run(["jobs", "list", "--json"]).await.json(), json!([]));
    quarry.run(["index", tree.argument()]).await.succeeded();
    let jobs = quarry
        .run(["jobs", "list", "--project", "waiting", "--json"])
        .await
        .json();
    assert_eq!(
        (&jobs[0]["kind"], &jobs[0]["state"]),
        (&"sync_repository".into(), &"ready".into()),
        "{jobs}"
    );
    let said = quarry.run(["jobs", "list"]).await.succeeded();
    assert!(
        said.stdout.contains("sync_repository") && said.stdout.contains("waiting"),
        "{said}"
    );
    let status = quarry.run(["status", "--json"]).await.json();
    assert_eq!(status["queue"]["ready"], 1, "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_how_fresh_every_repository_is() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("fresh");
    tree.write_modules(3);
    quarry.index(tree.root(), "fresh").await;
    let status = quarry.run(["status", "--json"]).await.json();
    assert_eq!(status["postgres"], "running");
    let repository = &status["projects"][0]["repositories"][0];
    assert_eq!(
        (&repository["files"], &repository["freshness"]["state"]),
        (&3.into(), &"fresh".into()),
        "{status}"
    );
    assert_eq!(status["queue"]["ready"], 0);
    quarry
        .run(["index", tree.argument(), "--project", "fresh"])
        .await
        .succeeded();
    let status = quarry.run(["status", "--project", "fresh", "--json"]).await.json();
    assert_eq!(
        status["projects"][0]["repositories"][0]["freshness"]["state"],
        "pending"
    );
    let said = quarry.run(["status"]).await.succeeded();
    assert!(
        said.stdout.contains("fresh") && said.stdout.contains("3 files"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_reaches_the_registry_and_projects_with_a_password_nobody_sees() {
    let (quarry, _endpoint) = installation().await;
    quarry.run(["project", "create", "asked"]).await.succeeded();
    assert_eq!(quarry.registry_rows("select name from projects").await, ["asked"]);
    let rows = quarry
        .rows("asked", "select count(*) from codebase.project_stamp")
        .await;
    assert_eq!(rows, ["1"]);
    let failed = quarry
        .run(["psql", "--project", "asked", "--", "-c", "select nonsense"])
        .await;
    assert_eq!(failed.status, Some(1), "{failed}");
    assert!(failed.stderr.contains("nonsense"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn init_prepares_a_server_and_may_be_repeated() {
    let (quarry, _endpoint) = installation().await;
    quarry.run(["init", "--json"]).await.json();
    quarry.run(["init", "--json"]).await.json();
    assert_eq!(quarry.run(["project", "list", "--json"]).await.json(), json!([]));
}
