//! Several processes at one queue: nothing is lost and nothing is done twice, however they end.

use std::time::Duration;

use system_tests::{FakeEndpoint, Installation, Tree, wait_until, wait_until_async};

use crate::{PROGRAM, installation};

/// Small transactions and short leases, so that a load has a middle and a dead worker is soon noticed.
async fn brisk_installation() -> (Installation, FakeEndpoint) {
    let endpoint = FakeEndpoint::start().await;
    let quarry = Installation::new(PROGRAM, &endpoint)
        .await
        .with("QUARRY_INDEX_BATCH_CHUNKS", "1")
        .with("QUARRY_WORKER_LEASE_S", "2");
    (quarry.with("QUARRY_WORKER_HEARTBEAT_S", "1"), endpoint)
}

async fn enqueue(quarry: &Installation, tree: &Tree, project: &str) {
    quarry
        .run(["index", tree.argument(), "--project", project])
        .await
        .succeeded();
}

/// Files of a load that asks the endpoint several times: a request carries those of one page of 64.
const SEVERAL_PAGES: usize = 300;

/// Waits until nothing is left to do for anybody.
async fn wait_until_settled(quarry: &Installation) {
    wait_until_async("the queue is empty", async || {
        quarry
            .run(["jobs", "list", "--json"])
            .await
            .json()
            .as_array()
            .unwrap()
            .is_empty()
    })
    .await;
}

async fn wait_until_partly_published(quarry: &Installation, project: &str) {
    wait_until_async("some of it is published", async || {
        let found = quarry.rows(project, "select 1 from codebase.code_chunks limit 1").await;
        !found.is_empty()
    })
    .await;
}

/// The dump of `project` is what a project makes of the tree that one process indexes in one go.
async fn assert_equals_fresh_index(quarry: &Installation, tree: &Tree, project: &str) {
    quarry.index(tree.root(), "fresh").await;
    assert_eq!(quarry.dump(project).await, quarry.dump("fresh").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_worker_the_request_waits_and_says_how_to_start_one() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("later");
    tree.write_modules(3);
    let queued = quarry.run(["index", tree.argument()]).await.succeeded();
    assert!(queued.stdout.contains("queued"), "{queued}");
    assert!(queued.stderr.contains("quarry worker"), "{queued}");
    let jobs = quarry.run(["jobs", "list", "--json"]).await.json();
    assert_eq!(jobs.as_array().unwrap().len(), 1);
    let again = quarry.run(["index", tree.argument(), "--json"]).await.json();
    assert_eq!((&again["deduplicated"], &again["workers"]), (&true.into(), &0.into()));

    quarry.run(["worker", "--idle-exit-s", "1"]).await.succeeded();
    assert_eq!(quarry.rows("later", "select count(*) from codebase.files").await, ["3"]);
    assert!(
        quarry
            .run(["jobs", "list", "--json"])
            .await
            .json()
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_at_once_give_the_rows_that_one_gives() {
    let (quarry, endpoint) = brisk_installation().await;
    let tree = Tree::new("shared");
    tree.write_modules(120);
    let workers = [quarry.start(["worker"]), quarry.start(["worker"])];
    wait_until_async("both are registered", async || {
        let status = quarry.run(["status", "--json"]).await.json();
        status["workers"].as_array().unwrap().len() == 2
    })
    .await;
    let report = quarry.index(tree.root(), "shared").await;
    assert_eq!(
        (&report["files_total"], &report["files_indexed"]),
        (&120.into(), &120.into()),
        "{report}"
    );
    assert_eq!(report["embedded"], endpoint.texts(), "no text was embedded twice");
    for worker in workers {
        worker.terminate().await;
        worker.finish().await.succeeded();
    }
    assert_equals_fresh_index(&quarry, &tree, "shared").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_start_at_once_on_a_bare_server_all_succeed() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("rush");
    tree.write_modules(20);
    let search = ["search", "compute_3", "--index", tree.argument(), "--json"];
    let commands = [
        quarry.start(["index", tree.argument(), "--wait", "--json"]),
        quarry.start(search),
        quarry.start(["index", tree.argument(), "--wait", "--json"]),
        quarry.start(search),
    ];
    for command in commands {
        assert_eq!(command.finish().await.json()["project"], "rush");
    }
    assert_equals_fresh_index(&quarry, &tree, "rush").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_worker_had_begun_another_one_finishes() {
    let (quarry, endpoint) = brisk_installation().await;
    let tree = Tree::new("killed");
    tree.write_modules(SEVERAL_PAGES);
    enqueue(&quarry, &tree, "killed").await;
    endpoint.hold_after(1);
    let first = quarry.start(["worker", "--concurrency", "1"]);
    wait_until_partly_published(&quarry, "killed").await;
    wait_until("the worker is in the middle of it", || endpoint.held() > 0).await;
    first.kill().await;
    endpoint.release();

    let second = quarry.start(["worker"]);
    wait_until_settled(&quarry).await;
    second.terminate().await;
    second.finish().await.succeeded();
    assert_eq!(
        quarry.rows("killed", "select count(*) from codebase.files").await,
        [SEVERAL_PAGES.to_string()]
    );
    assert_equals_fresh_index(&quarry, &tree, "killed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_survives_workers_that_die_again_and_again() {
    let (quarry, endpoint) = brisk_installation().await;
    let tree = Tree::new("storm");
    tree.write_modules(SEVERAL_PAGES);
    enqueue(&quarry, &tree, "storm").await;
    for round in 0..3 {
        // One request goes through, the next one does not.
        endpoint.hold_after(endpoint.texts() + 1);
        let worker = quarry.start(["worker"]);
        wait_until("the worker is in the middle of it", || endpoint.held() > 0).await;
        worker.kill().await;
        wait_until("its requests are gone", || endpoint.held() == 0).await;
        tree.write(
            &format!("src/part_{round}/saved.py"),
            format!("saved_after = {round}\n"),
        );
        tree.write("src/always.py", format!("round = {round}\n"));
        enqueue(&quarry, &tree, "storm").await;
    }
    endpoint.release();
    let last = quarry.start(["worker"]);
    wait_until_settled(&quarry).await;
    last.terminate().await;
    last.finish().await.succeeded();
    assert_equals_fresh_index(&quarry, &tree, "storm").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_saved_while_it_is_indexed_ends_with_its_final_content() {
    let (quarry, endpoint) = installation().await;
    let tree = Tree::new("saved");
    tree.write_modules(3);
    tree.write("src/saved.py", "content = 'first'\n");
    endpoint.hold();
    let indexing = quarry.start(["index", tree.argument(), "--project", "saved", "--wait"]);
    wait_until("its first content is being embedded", || endpoint.held() > 0).await;
    tree.write("src/saved.py", "content = 'final'\n");
    enqueue(&quarry, &tree, "saved").await;
    endpoint.release();
    indexing.finish().await.succeeded();

    quarry.run(["worker", "--idle-exit-s", "1"]).await.succeeded();
    let stored = quarry
        .rows(
            "saved",
            "select content from codebase.code_chunks where file_path = 'src/saved.py'",
        )
        .await;
    assert_eq!(stored.concat(), "content = 'final'");
    assert_equals_fresh_index(&quarry, &tree, "saved").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_told_to_end_ends_soon_and_its_work_goes_on() {
    let (quarry, endpoint) = brisk_installation().await;
    let tree = Tree::new("ended");
    tree.write_modules(80);
    enqueue(&quarry, &tree, "ended").await;
    endpoint.hold();
    let worker = quarry.start(["worker"]);
    wait_until("it works", || endpoint.held() > 0).await;
    worker.terminate().await;
    // Five seconds of grace for what is under way, then it is handed back.
    worker.finish_within(Duration::from_secs(20)).await.succeeded();
    let leases = quarry
        .registry_rows("select count(*) from jobs where state = 'leased'")
        .await;
    assert_eq!(leases, ["0"], "nobody has to wait for a lease to run out");

    endpoint.release();
    quarry.run(["worker", "--idle-exit-s", "1"]).await.succeeded();
    assert_equals_fresh_index(&quarry, &tree, "ended").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_during_a_first_load_answers_and_says_that_it_is_partial() {
    let (quarry, endpoint) = brisk_installation().await;
    let tree = Tree::new("loading");
    tree.write_modules(SEVERAL_PAGES);
    enqueue(&quarry, &tree, "loading").await;
    endpoint.hold_after(1);
    let worker = quarry.start(["worker"]);
    wait_until_partly_published(&quarry, "loading").await;
    let answer = quarry.search("loading", "compute", &["--mode", "lexical"]).await;
    assert!(!answer["results"].as_array().unwrap().is_empty());
    assert_eq!(
        (&answer["freshness"]["state"], &answer["freshness"]["partial"]),
        (&"pending".into(), &true.into())
    );
    assert_ne!(answer["freshness"]["pending_files"], 0);

    endpoint.release();
    wait_until_settled(&quarry).await;
    let answer = quarry.search("loading", "compute", &["--mode", "lexical"]).await;
    assert_eq!(
        (&answer["freshness"]["state"], &answer["freshness"]["partial"]),
        (&"fresh".into(), &false.into())
    );
    worker.terminate().await;
    worker.finish().await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_index_stays_queued_and_says_so() {
    let (quarry, endpoint) = installation().await;
    let tree = Tree::new("interrupted");
    tree.write_modules(5);
    endpoint.hold();
    let indexing = quarry.start(["index", tree.argument(), "--project", "interrupted", "--wait"]);
    wait_until("it works", || endpoint.held() > 0).await;
    indexing.interrupt().await;
    let finished = indexing.finish_within(Duration::from_secs(20)).await;
    finished.failed(1, &["interrupted", "quarry worker"]);
    endpoint.release();
    quarry.run(["worker", "--idle-exit-s", "1"]).await.succeeded();
    assert_eq!(
        quarry.rows("interrupted", "select count(*) from codebase.files").await,
        ["5"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_ends_by_itself_when_told_to_and_leaves_no_trace() {
    let (quarry, _endpoint) = installation().await;
    quarry.run(["worker", "--idle-exit-s", "1"]).await.succeeded();
    let status = quarry.run(["status", "--json"]).await.json();
    assert_eq!(status["workers"].as_array().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_outlives_the_loss_of_all_its_connections() {
    let (quarry, _endpoint) = brisk_installation().await;
    let tree = Tree::new("cut");
    tree.write_modules(40);
    let worker = quarry.start(["worker"]);
    enqueue(&quarry, &tree, "cut").await;
    wait_until_settled(&quarry).await;
    let name = quarry.registry_rows("select current_database()").await.remove(0);
    let cut = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
         where datname = '{name}' and pid <> pg_backend_pid()"
    );
    assert_ne!(quarry.registry_rows(&cut).await, ["0"]);
    tree.write("src/after.py", "after = 'the cut'\n");
    enqueue(&quarry, &tree, "cut").await;
    wait_until_settled(&quarry).await;
    worker.terminate().await;
    worker.finish().await.succeeded();
    assert_equals_fresh_index(&quarry, &tree, "cut").await;
}
