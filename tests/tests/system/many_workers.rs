//! Many workers at one repository, and workers that are restarted while they load: nothing is done twice, nothing is lost,
//! and nobody waits for a lease to run out.

use std::collections::HashSet;
use std::time::Duration;

use system_tests::{FakeEndpoint, Installation, Running, Tree, wait_until, wait_until_async};

use crate::PROGRAM;

const FILES: usize = 1_000;

/// Every worker has one job and one request to the endpoint at a time: what is shared is shared between processes.
async fn installation() -> (Installation, FakeEndpoint) {
    let endpoint = FakeEndpoint::start().await;
    let quarry = Installation::new(PROGRAM, &endpoint)
        .await
        .with("QUARRY_EMBEDDING_CONCURRENCY", "1")
        .with("QUARRY_WORKER_CONCURRENCY", "1");
    (quarry, endpoint)
}

async fn wait_until_settled(quarry: &Installation) {
    wait_until_async("the queue is empty", async || {
        let jobs = quarry.run(["jobs", "list", "--json"]).await.json();
        jobs.as_array().unwrap().is_empty()
    })
    .await;
}

async fn end(workers: Vec<Running>) {
    for worker in workers {
        worker.terminate().await;
        worker.finish().await.succeeded();
    }
}

/// Every file was counted by one run and every text asked for once.
async fn assert_done_once(quarry: &Installation, endpoint: &FakeEndpoint, files: usize) {
    let counted = quarry
        .registry_rows("select sum((counts->>'files_indexed')::integer) from runs where kind = 'index_files'")
        .await;
    assert_eq!(counted, [files.to_string()]);
    let asked = endpoint.asked();
    let distinct: HashSet<&String> = asked.iter().collect();
    assert_eq!(asked.len(), distinct.len(), "a text was embedded twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn four_workers_share_one_repository_and_none_does_what_another_did() {
    let (quarry, endpoint) = installation().await;
    let tree = Tree::new("shared");
    tree.write_modules(FILES);
    endpoint.hold();
    let workers = (0..4).map(|_| quarry.start(["worker"])).collect();
    quarry.run(["index", tree.argument()]).await.succeeded();
    wait_until("each of the four waits for the endpoint", || endpoint.held() == 4).await;
    endpoint.release();
    wait_until_settled(&quarry).await;
    end(workers).await;
    assert_done_once(&quarry, &endpoint, FILES).await;
    quarry.index(tree.root(), "fresh").await;
    assert_eq!(quarry.dump("shared").await, quarry.dump("fresh").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_loses_nothing_repeats_nothing_and_serves_every_save() {
    let (quarry, endpoint) = installation().await;
    let (load, other) = (Tree::new("load"), Tree::new("other"));
    other.write("saved.py", "saved = 'before'\n");
    quarry.index(other.root(), "other").await;
    let mut workers: Vec<Running> = (0..4).map(|_| quarry.start(["worker"])).collect();
    for round in 0..4 {
        endpoint.hold();
        for number in 0..FILES / 4 {
            let name = format!("wave_{round}_{number}");
            load.write(&format!("src/{name}.py"), format!("{name} = {number}\n"));
        }
        quarry.run(["index", load.argument()]).await.succeeded();
        wait_until("each of the four is in the middle of a lane", || endpoint.held() == 4).await;
        let leaving = workers.remove(0);
        leaving.terminate().await;
        leaving.says("stopping when the work in hand is done").await;
        workers.push(quarry.start(["worker"]));
        other.write("saved.py", format!("saved = 'in round {round}'\n"));
        let saving = quarry.start(["index", other.argument(), "--project", "other", "--wait", "--json"]);
        endpoint.release();
        // What was under way is waited for, and what came of it is kept.
        leaving.finish().await.succeeded();
        assert_eq!(saving.finish().await.json()["files_indexed"], 1);
    }
    wait_until_settled(&quarry).await;
    end(workers).await;
    let ill = "select count(*) from runs where outcome not in ('succeeded', 'handed_back') or attempt > 1";
    assert_eq!(
        quarry.registry_rows(ill).await,
        ["0"],
        "no lease ran out and no attempt was spent"
    );
    // The load, the first save and four more.
    assert_done_once(&quarry, &endpoint, FILES + 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_worker_at_once_and_another_takes_its_work_over() {
    let (mut quarry, endpoint) = installation().await;
    quarry.set("QUARRY_WORKER_LEASE_S", "2");
    quarry.set("QUARRY_WORKER_HEARTBEAT_S", "1");
    quarry.set("QUARRY_WORKER_GRACE_S", "300");
    let tree = Tree::new("hasty");
    tree.write_modules(20);
    quarry.run(["index", tree.argument()]).await.succeeded();
    endpoint.hold();
    let worker = quarry.start(["worker"]);
    wait_until("it works", || endpoint.held() > 0).await;
    worker.terminate().await;
    worker.says("a second signal stops at once").await;
    worker.terminate().await;
    let ended = worker.finish_within(Duration::from_secs(60)).await;
    assert_eq!(ended.status, Some(128 + 15), "{ended}");
    endpoint.release();
    let second = quarry.start(["worker"]);
    wait_until_settled(&quarry).await;
    end(vec![second]).await;
    assert_eq!(
        quarry.rows("hasty", "select count(*) from codebase.files").await,
        ["20"]
    );
}
