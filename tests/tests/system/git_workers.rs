//! Workers on several machines share a repository by URL without a shared disk, however they end and whatever the server
//! does meanwhile.

use system_tests::{FakeEndpoint, GitServer, Installation, Manners, Upstream, wait_until, wait_until_async};

use crate::git_urls::{checkouts, index_url, installation, stored};

/// Small transactions and short leases, so that a load has a middle and a dead worker is soon noticed.
async fn brisk_installation() -> (Installation, FakeEndpoint) {
    let (quarry, endpoint) = installation().await;
    let quarry = quarry
        .with("QUARRY_INDEX_BATCH_CHUNKS", "1")
        .with("QUARRY_WORKER_LEASE_S", "2")
        .with("QUARRY_WORKER_HEARTBEAT_S", "1");
    (quarry, endpoint)
}

async fn wait_until_settled(quarry: &Installation) {
    wait_until_async("the queue is empty", async || {
        let jobs = quarry.run(["jobs", "list", "--json"]).await.json();
        jobs.as_array().unwrap().is_empty()
    })
    .await;
}

/// The index of `project` is what one machine makes of the URL in one go.
async fn assert_equals_fresh_index(quarry: &Installation, url: &str, project: &str) {
    quarry
        .run(["index", url, "--project", "fresh", "--wait"])
        .await
        .succeeded();
    assert_eq!(quarry.dump(project).await, quarry.dump("fresh").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_machines_share_a_repository_without_a_shared_disk() {
    let (quarry, endpoint) = brisk_installation().await;
    let other = quarry.another_machine();
    let upstream = Upstream::new("shared");
    upstream.tree().write_modules(120);
    let commit = upstream.commit("first");
    let server = GitServer::start(&upstream).await;
    quarry.run(["index", server.url()]).await.succeeded();
    // Each machine is held in the middle of one lane, so neither can do all of them.
    endpoint.hold();
    let workers = [
        quarry.start(["worker", "--concurrency", "1"]),
        other.start(["worker", "--concurrency", "1"]),
    ];
    wait_until("both work on it", || {
        checkouts(&quarry) == [commit.as_str()] && checkouts(&other) == [commit.as_str()] && endpoint.held() >= 2
    })
    .await;
    endpoint.release();
    wait_until_settled(&quarry).await;
    for worker in workers {
        worker.terminate().await;
        worker.finish().await.succeeded();
    }
    let hosts = quarry
        .registry_rows("select count(distinct host) from runs where kind = 'index_files' and outcome = 'succeeded'")
        .await;
    assert_eq!(hosts, ["2"]);
    assert_equals_fresh_index(&quarry, server.url(), "shared").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_cannot_clone_leaves_the_repository_to_those_that_can() {
    let (quarry, _endpoint) = brisk_installation().await;
    let upstream = Upstream::new("left");
    upstream.tree().write("a.py", "a = 1\n");
    upstream.commit("first");
    quarry.run(["index", &upstream.file_url()]).await.succeeded();
    let toolless = quarry.another_machine().with("PATH", "/nonexistent");
    toolless.run(["worker", "--idle-exit-s", "1"]).await.succeeded();
    let forbidden = quarry.another_machine().with("QUARRY_GIT_ALLOWED_HOSTS", "none");
    forbidden.run(["worker", "--idle-exit-s", "1"]).await.succeeded();
    assert_eq!(
        quarry.registry_rows("select count(*) from runs").await,
        ["0"],
        "nobody tried"
    );
    quarry.run(["worker", "--idle-exit-s", "1"]).await.succeeded();
    assert_eq!(stored(&quarry, "left", "a.py").await, "a = 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_whose_worker_was_killed_in_the_middle_is_not_taken_for_whole() {
    let (quarry, _endpoint) = brisk_installation().await;
    let upstream = Upstream::new("halved");
    upstream.tree().write_modules(60);
    let noise: Vec<u8> = (0_u32..20_000)
        .flat_map(|n| *blake3::hash(&n.to_le_bytes()).as_bytes())
        .collect();
    upstream.tree().write("noise.bin", noise);
    let commit = upstream.commit("first");
    let server = GitServer::start(&upstream).await;
    server.behave(Manners::SilentAfter(100_000));
    quarry.run(["index", server.url()]).await.succeeded();
    let worker = quarry.start(["worker"]);
    wait_until("the clone stops half-way", || server.silent_connections() == 1).await;
    worker.kill().await;
    assert_eq!(checkouts(&quarry), [""; 0]);

    // The first one's git still waits for the server.
    let second = quarry.start(["worker"]);
    wait_until("the clone stops half-way again", || server.silent_connections() == 2).await;
    server.behave(Manners::Good);
    wait_until_settled(&quarry).await;
    second.terminate().await;
    second.finish().await.succeeded();
    assert_eq!(checkouts(&quarry), [commit.as_str()]);
    assert_equals_fresh_index(&quarry, server.url(), "halved").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_a_force_push_took_away_is_given_up_for_the_new_one() {
    let (quarry, endpoint) = brisk_installation().await;
    let upstream = Upstream::new("forced");
    upstream.tree().write_modules(150);
    let lost = upstream.commit("lost");
    let server = GitServer::start(&upstream).await;
    quarry.run(["index", server.url()]).await.succeeded();
    endpoint.hold();
    let first = quarry.start(["worker", "--concurrency", "1"]);
    wait_until("its files are being indexed", || endpoint.held() > 0).await;
    first.kill().await;
    endpoint.release();
    upstream.tree().write("src/part_0/module_0.py", "rewritten = True\n");
    upstream.git(["add", "--all"]);
    upstream.git(["commit", "--quiet", "--amend", "--message", "rewritten"]);
    upstream.forget_unreachable();
    let found = upstream.git(["rev-parse", "HEAD"]);
    assert_ne!(lost, found);

    let other = quarry.another_machine();
    let second = other.start(["worker"]);
    wait_until_settled(&quarry).await;
    second.terminate().await;
    second.finish().await.succeeded();
    assert_eq!(checkouts(&other), [found.as_str()]);
    assert_eq!(
        stored(&quarry, "forced", "src/part_0/module_0.py").await,
        "rewritten = True"
    );
    assert_equals_fresh_index(&other, server.url(), "forced").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_comes_while_an_older_one_is_indexed_wins() {
    let (quarry, endpoint) = brisk_installation().await;
    let upstream = Upstream::new("overtaken");
    upstream.tree().write("a.py", "state = 'as it was'\n");
    upstream.commit("first");
    index_url(&quarry, &upstream.file_url()).await;

    upstream.tree().write("a.py", "state = 'changed'\n");
    upstream.commit("second");
    endpoint.hold();
    quarry.run(["index", &upstream.file_url()]).await.succeeded();
    let worker = quarry.start(["worker"]);
    wait_until("the second commit is being indexed", || endpoint.held() > 0).await;
    // The index still holds the first commit's text, so a comparison with the third one finds nothing to do.
    upstream.tree().write("a.py", "state = 'as it was'\n");
    let third = upstream.commit("third");
    quarry.run(["index", &upstream.file_url()]).await.succeeded();
    wait_until("the third commit is there", || checkouts(&quarry).contains(&third)).await;
    wait_until_async("it was compared", async || {
        let waiting = "select count(*) from jobs where kind = 'sync_repository' and state <> 'idle'";
        quarry.registry_rows(waiting).await == ["0"]
    })
    .await;
    endpoint.release();
    wait_until_settled(&quarry).await;
    worker.terminate().await;
    worker.finish().await.succeeded();
    assert_eq!(stored(&quarry, "overtaken", "a.py").await, "state = 'as it was'");
    assert_equals_fresh_index(&quarry, &upstream.file_url(), "overtaken").await;
}
