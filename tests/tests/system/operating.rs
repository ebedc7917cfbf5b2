//! What an operator sees of the queue and can do about it: why a job failed, run it again, stop it, say who does what.

use serde_json::Value;
use system_tests::{FakeEndpoint, Installation, Tree, wait_until, wait_until_async};

use crate::{PROGRAM, installation};

/// A load whose lanes all stand parked: the endpoint answered nonsense.
async fn parked(name: &str) -> (Installation, FakeEndpoint, Tree) {
    let endpoint = FakeEndpoint::start().await;
    let quarry = Installation::new(PROGRAM, &endpoint)
        .await
        .with("QUARRY_QUEUE_MAX_ATTEMPTS", "1");
    let tree = Tree::new(name);
    tree.write_modules(20);
    quarry.index(tree.root(), name).await;
    for number in 0..20 {
        tree.write(&format!("src/more_{number}.py"), format!("more = {number}\n"));
    }
    endpoint.answer_garbage(true);
    let report = quarry
        .run(["index", tree.argument(), "--project", name, "--wait"])
        .await;
    assert_eq!(report.status, Some(1), "{report}");
    (quarry, endpoint, tree)
}

async fn jobs(quarry: &Installation, flags: &[&str]) -> Vec<Value> {
    let listed = quarry.run([&["jobs", "list", "--json"], flags].concat()).await.json();
    listed.as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_job_says_why_and_runs_again_when_it_is_told_to() {
    let (quarry, endpoint, tree) = parked("parked").await;
    let listed = jobs(&quarry, &["--state", "parked", "--project", "parked"]).await;
    assert!(!listed.is_empty());
    assert_eq!(jobs(&quarry, &["--state", "parked", "--limit", "1"]).await.len(), 1);
    assert!(jobs(&quarry, &["--state", "leased,removing"]).await.is_empty());
    let reason = listed[0]["last_error"].as_str().unwrap();
    let id = listed[0]["job_id"].to_string();

    let said = quarry.run(["jobs", "list"]).await.succeeded();
    assert!(
        said.stdout.contains("parked") && said.stdout.contains("index_files/"),
        "{said}"
    );
    let shown = quarry.run(["jobs", "show", &id, "--json"]).await.json();
    assert_eq!(
        (&shown["root"], &shown["job"]["last_error"]),
        (&tree.argument().into(), &reason.into())
    );
    let last = &shown["runs"][0];
    assert_eq!(
        (&last["outcome"], &last["error"]),
        (&"failed".into(), &reason.into()),
        "{shown}"
    );
    let said = quarry.run(["jobs", "show", &id]).await.succeeded();
    assert!(
        said.stdout.contains(reason) && said.stdout.contains(tree.argument()),
        "{said}"
    );

    endpoint.answer_garbage(false);
    let retried = quarry.run(["jobs", "retry", &id, "--json"]).await.json();
    assert_eq!(retried["retried"][0].to_string(), id);
    let retried = quarry.run(["jobs", "retry", "--all", "--json"]).await.json();
    assert_eq!(retried["retried"].as_array().unwrap().len(), listed.len() - 1);
    quarry.run(["worker", "--idle-exit-s", "1"]).await.succeeded();
    assert!(jobs(&quarry, &[]).await.is_empty());
    assert_eq!(
        quarry.rows("parked", "select count(*) from codebase.files").await,
        ["40"]
    );
    quarry.run(["jobs", "retry", &id]).await.failed(1, &["is idle"]);
    let said = quarry.run(["jobs", "retry", "--all"]).await.succeeded();
    assert!(said.stdout.contains("nothing is parked"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_withdrawn_by_its_ticket_and_a_lane_by_its_number() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("withdrawn");
    tree.write_modules(3);
    let queued = quarry.run(["index", tree.argument(), "--json"]).await.json();
    let ticket = queued["ticket"].as_str().unwrap();
    let shown = quarry.run(["jobs", "show", ticket, "--json"]).await.json();
    assert_eq!(
        (&shown["state"], &shown["open_lanes"][0]["state"]),
        (&"waiting".into(), &"ready".into())
    );
    let said = quarry.run(["jobs", "show", ticket]).await.succeeded();
    assert!(said.stdout.contains("sync_repository/0"), "{said}");
    let cancelled = quarry.run(["jobs", "cancel", ticket, "--json"]).await.json();
    assert_eq!(cancelled["state"], "cancelled");
    assert!(jobs(&quarry, &[]).await.is_empty());

    quarry.run(["index", tree.argument()]).await.succeeded();
    let id = jobs(&quarry, &[]).await[0]["job_id"].to_string();
    let said = quarry.run(["jobs", "cancel", &id]).await.succeeded();
    assert!(said.stdout.contains("idle"), "{said}");
    assert!(jobs(&quarry, &[]).await.is_empty());
    assert_eq!(jobs(&quarry, &["--all"]).await[0]["state"], "idle");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_is_stopped_by_cancelling_it() {
    let (quarry, endpoint) = installation().await;
    let tree = Tree::new("stopped");
    tree.write_modules(3);
    quarry.run(["index", tree.argument()]).await.succeeded();
    endpoint.hold();
    let worker = quarry.start(["worker", "--concurrency", "8"]);
    wait_until("it works", || endpoint.held() > 0).await;
    for job in jobs(&quarry, &["--state", "leased,ready"]).await {
        let id = job["job_id"].to_string();
        quarry.run(["jobs", "cancel", &id]).await.succeeded();
    }
    wait_until("its requests are given up", || endpoint.held() == 0).await;
    wait_until_async("nothing runs or waits", async || jobs(&quarry, &[]).await.is_empty()).await;
    endpoint.release();
    worker.terminate().await;
    worker.finish().await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_jobs_and_nonsense_are_refused_with_what_is_known() {
    let (quarry, _endpoint) = installation().await;
    quarry.run(["project", "create", "known"]).await.succeeded();
    let ticket = "00000000-0000-7000-8000-000000000000";
    quarry.run(["jobs", "show", "4711"]).await.failed(1, &["no job 4711"]);
    quarry.run(["jobs", "retry", "4711"]).await.failed(1, &["no job 4711"]);
    quarry.run(["jobs", "cancel", "4711"]).await.failed(1, &["no job 4711"]);
    quarry
        .run(["jobs", "cancel", ticket])
        .await
        .failed(1, &["no ticket", ticket]);
    quarry.run(["jobs", "show", "first"]).await.failed(2, &["first"]);
    quarry.run(["jobs", "retry"]).await.failed(2, &["IDS"]);
    quarry
        .run(["jobs", "list", "--state", "lost"])
        .await
        .failed(2, &["lost", "parked"]);
    quarry
        .run(["worker", "--projects", "known,unknown"])
        .await
        .failed(2, &["no project unknown", "known: known"]);
    quarry
        .run(["worker", "--kinds", "sync_repository,backups"])
        .await
        .failed(2, &["backups", "index_files"]);
    quarry.run(["worker", "--labels", "a,"]).await.failed(2, &["label"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_does_only_the_projects_and_kinds_it_is_told_to() {
    let (quarry, _endpoint) = installation().await;
    let (mine, other) = (Tree::new("mine"), Tree::new("other"));
    for tree in [&mine, &other] {
        tree.write_modules(3);
        quarry.run(["index", tree.argument()]).await.succeeded();
    }
    let exit = ["worker", "--idle-exit-s", "1", "--projects", "mine"];
    quarry
        .run([&exit[..], &["--kinds", "sync_repository"]].concat())
        .await
        .succeeded();
    let left = jobs(&quarry, &["--project", "mine"]).await;
    assert!(
        !left.is_empty() && left.iter().all(|job| job["kind"] == "index_files"),
        "{left:?}"
    );
    quarry.run(exit).await.succeeded();
    assert!(jobs(&quarry, &["--project", "mine"]).await.is_empty());
    assert_eq!(
        jobs(&quarry, &["--project", "other"]).await[0]["kind"],
        "sync_repository"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_indexed_under_a_label_any_machine_with_the_label_takes() {
    let (mut quarry, _endpoint) = installation().await;
    let tree = Tree::new("mounted");
    tree.write_modules(3);
    quarry.set("QUARRY_HOST", "desk");
    quarry
        .run(["index", tree.argument(), "--label", "nfs1"])
        .await
        .succeeded();
    quarry.run(["worker", "--idle-exit-s", "1"]).await.succeeded();
    assert_eq!(
        jobs(&quarry, &[]).await[0]["host"],
        "nfs1",
        "nobody who has not the label takes it"
    );
    quarry.set("QUARRY_HOST", "server");
    quarry
        .run(["worker", "--idle-exit-s", "1", "--labels", "nas,nfs1"])
        .await
        .succeeded();
    assert!(jobs(&quarry, &[]).await.is_empty());

    // A machine that carries the label for good knows the repository by its directory alone.
    quarry.set("QUARRY_WORKER_LABELS", "nas, nfs1");
    tree.write("src/more.py", "more = 1\n");
    let report = quarry.run(["index", tree.argument(), "--wait", "--json"]).await.json();
    assert_eq!(
        (&report["project"], &report["files_indexed"], &report["files_total"]),
        (&"mounted".into(), &1.into(), &4.into())
    );
    assert_eq!(
        quarry.rows("mounted", "select host from codebase.repositories").await,
        ["nfs1"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_no_worker_serves_is_served_by_the_command_itself() {
    let (quarry, _endpoint) = installation().await;
    quarry.run(["project", "create", "elsewhere"]).await.succeeded();
    let worker = quarry.start(["worker", "--projects", "elsewhere"]);
    wait_until_async("the worker is registered", async || {
        let status = quarry.run(["status", "--json"]).await.json();
        status["workers"].as_array().unwrap().len() == 1
    })
    .await;
    let tree = Tree::new("alone");
    tree.write_modules(3);
    assert_eq!(quarry.index(tree.root(), "alone").await["files_indexed"], 3);
    worker.terminate().await;
    worker.finish().await.succeeded();
}

/// Lanes that run at this moment.
async fn leased(quarry: &Installation) -> usize {
    jobs(quarry, &["--state", "leased"]).await.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_a_project_holds_over_all_workers_and_can_be_changed_while_they_run() {
    let (mut quarry, endpoint) = installation().await;
    quarry.set("QUARRY_WORKER_PROJECT_CONCURRENCY", "1");
    let tree = Tree::new("limited");
    tree.write_modules(100);
    quarry.run(["index", tree.argument()]).await.succeeded();
    endpoint.hold();
    let workers = [quarry.start(["worker"]), quarry.start(["worker"])];
    wait_until("a lane is loaded", || endpoint.held() > 0).await;
    assert_eq!(leased(&quarry).await, 1);
    for (limit, lanes) in [("2", 2), ("unlimited", 4)] {
        quarry
            .run(["project", "limit", "limited", "--concurrency", limit])
            .await
            .succeeded();
        wait_until_async("as many lanes run as may", async || leased(&quarry).await == lanes).await;
    }
    let shown = quarry.run(["project", "show", "limited"]).await.succeeded();
    assert!(shown.stdout.contains("as many jobs at a time as there are"), "{shown}");
    quarry
        .run(["project", "limit", "limited", "--concurrency", "0"])
        .await
        .failed(2, &["unlimited"]);
    endpoint.release();
    wait_until_async("all is done", async || jobs(&quarry, &[]).await.is_empty()).await;
    for worker in workers {
        worker.terminate().await;
        worker.finish().await.succeeded();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_together_keep_to_the_rate_of_an_endpoint() {
    const RATE: usize = 4;
    let (mut quarry, endpoint) = installation().await;
    quarry.set("QUARRY_EMBEDDING_REQUESTS_PER_SECOND", &RATE.to_string());
    let tree = Tree::new("paced");
    // Two pages in most of the eight lanes, and a request for each.
    tree.write_modules(800);
    quarry.run(["index", tree.argument()]).await.succeeded();
    let workers = [quarry.start(["worker"]), quarry.start(["worker"])];
    wait_until_async("all is indexed", async || jobs(&quarry, &[]).await.is_empty()).await;
    for worker in workers {
        worker.terminate().await;
        worker.finish().await.succeeded();
    }
    assert_eq!(
        quarry.rows("paced", "select count(*) from codebase.files").await,
        ["800"]
    );
    assert!(endpoint.requests() >= 12, "{} requests", endpoint.requests());
    // One may be saved up, and one may be late on its way.
    let most = endpoint.most_requests_in_a_second();
    assert!(most <= RATE + 2, "{most} requests within a second");
}
