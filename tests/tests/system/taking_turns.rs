//! A long load lets others in: told by the order in which the endpoint is asked, never by the clock.

use system_tests::{FakeEndpoint, Installation, Tree, wait_until, wait_until_async};

use crate::PROGRAM;

/// Files of one lane, twenty pages of it: without giving way its run would go on to their end.
const LOAD_FILES: usize = 1_280;

/// One request at a time, so that the endpoint sees the order in which the worker works; a worker that says why.
async fn installation() -> (Installation, FakeEndpoint) {
    let endpoint = FakeEndpoint::start().await;
    let quarry = Installation::new(PROGRAM, &endpoint)
        .await
        .with("QUARRY_EMBEDDING_CONCURRENCY", "1")
        .with("QUARRY_LOG", "error,quarry_worker=debug");
    (quarry, endpoint)
}

fn write_one_lane(tree: &Tree) {
    let in_lane = (0..)
        .map(|number| (number, format!("src/load_{number}.py")))
        .filter(|(_, path)| quarry_queue::shard_of(path) == 1);
    for (number, path) in in_lane.take(LOAD_FILES) {
        tree.write(
            &path,
            format!("def load_{number}(value):\n    return value + {number}\n"),
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_in_another_project_is_served_in_the_middle_of_a_load_by_the_only_slot() {
    let (quarry, endpoint) = installation().await;
    let (load, other) = (Tree::new("load"), Tree::new("other"));
    write_one_lane(&load);
    other.write("src/saved.py", "saved = 'before'\n");
    quarry.index(other.root(), "other").await;

    let worker = quarry.start(["worker", "--concurrency", "1"]);
    wait_until_async("the worker is registered", async || {
        let status = quarry.run(["status", "--json"]).await.json();
        status["workers"].as_array().unwrap().len() == 1
    })
    .await;
    endpoint.hold_after(endpoint.texts() + 1);
    let loading = quarry.start(["index", load.argument(), "--project", "load", "--wait", "--json"]);
    wait_until("the load is in the middle of its lane", || endpoint.held() > 0).await;
    other.write("src/saved.py", "saved = 'meanwhile'\n");
    let saving = quarry.start(["index", other.argument(), "--project", "other", "--wait", "--json"]);
    worker.says("others wait").await;
    endpoint.release();

    let saved = saving.finish().await.json();
    let loaded = loading.finish().await.json();
    assert_eq!(
        (&saved["files_indexed"], &saved["embedded"]),
        (&1.into(), &1.into()),
        "{saved}"
    );
    let asked = endpoint.asked();
    let position = asked.iter().position(|text| text.contains("meanwhile")).unwrap();
    let behind = asked.len() - position;
    assert!(
        behind > LOAD_FILES / 4,
        "served with only {behind} texts of the load left"
    );

    // What was handed back and taken up again adds up, and nothing was done twice.
    assert_eq!(
        (
            &loaded["files_total"],
            &loaded["files_indexed"],
            &loaded["files_unchanged"]
        ),
        (&LOAD_FILES.into(), &LOAD_FILES.into(), &0.into()),
        "{loaded}"
    );
    assert_eq!(
        usize::try_from(loaded["embedded"].as_u64().unwrap()).unwrap() + 2,
        asked.len(),
        "{loaded}"
    );
    let handed_back = quarry
        .registry_rows("select count(*) > 0, max(attempt) from runs where outcome = 'handed_back'")
        .await;
    assert_eq!(handed_back, ["t|1"], "giving way is not an attempt");
    worker.terminate().await;
    worker.finish().await.succeeded();
    quarry.index(load.root(), "fresh").await;
    assert_eq!(quarry.dump("load").await, quarry.dump("fresh").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_comparison_finds_goes_first_like_a_save_when_it_is_little() {
    let (quarry, _endpoint) = installation().await;
    for (name, files, priority) in [("little", 3, 1), ("much", 150, 5)] {
        let tree = Tree::new(name);
        tree.write_modules(files);
        quarry.run(["index", tree.argument()]).await.succeeded();
        quarry
            .run(["worker", "--idle-exit-s", "1", "--kinds", "sync_repository"])
            .await
            .succeeded();
        let lanes = quarry.run(["jobs", "list", "--project", name, "--json"]).await.json();
        let lanes = lanes.as_array().unwrap();
        assert!(
            !lanes.is_empty() && lanes.iter().all(|lane| lane["priority"] == priority),
            "{lanes:?}"
        );
    }
}
