//! A worker that lost its lease without knowing publishes nothing; and without the fence it would: the second half shows
//! that the first one tests something.

use system_tests::{Fence, FenceWatch, Tree, wait_until, wait_until_async};

use crate::installation;

/// What the index holds of the file in the end, after its first indexer was taken for dead, another worker indexed a newer
/// text, and the first one then came to publish the text it had read.
async fn after_a_late_publication(fence: Fence) -> (String, FenceWatch) {
    let (mut quarry, endpoint) = installation().await;
    let tree = Tree::new("zombie");
    tree.write("src/saved.py", "revision = 1\n");
    quarry.index(tree.root(), "zombie").await;
    FenceWatch::begin(&quarry, "zombie", fence).await;
    tree.write("src/saved.py", "revision = 2\n");
    quarry
        .run(["index", tree.argument(), "--project", "zombie"])
        .await
        .succeeded();
    endpoint.hold_texts_with("revision = 2");
    // Its own clock must not tell it: it asks whether it lives only every 100 seconds.
    quarry.set("QUARRY_WORKER_LEASE_S", "300");
    quarry.set("QUARRY_WORKER_HEARTBEAT_S", "100");
    quarry.set("QUARRY_LOG", "warn");
    let zombie = quarry.start(["worker"]);
    wait_until("the first worker has read the file", || endpoint.held() > 0).await;

    tree.write("src/saved.py", "revision = 3\n");
    quarry
        .run(["index", tree.argument(), "--project", "zombie"])
        .await
        .succeeded();
    let dead = "update workers set alive_until = clock_timestamp() - interval '1 second' returning 'dead'";
    assert_eq!(quarry.registry_rows(dead).await[0], "dead");
    let other = quarry.start(["worker"]);
    let stored = "select rtrim(content, chr(10)) from codebase.code_chunks where file_path = 'src/saved.py'";
    let holds = async |text: &str| quarry.rows("zombie", stored).await == [text];
    wait_until_async("the second worker has published the newer text", async || {
        holds("revision = 3").await
    })
    .await;

    endpoint.release();
    zombie.says("lost its lease").await;
    let content = quarry.rows("zombie", stored).await.concat();
    let watched = FenceWatch::so_far(&quarry, "zombie").await;
    other.terminate().await;
    other.finish().await.succeeded();
    zombie.kill().await;
    (content, watched)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zombie_cannot_publish() {
    let (content, watched) = after_a_late_publication(Fence::On).await;
    assert_eq!(content, "revision = 3");
    assert_eq!((watched.regressions, watched.overwrites), (0, 0), "{watched:?}");
    assert!(watched.refusals > 0, "{watched:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_fence_it_overwrites_what_is_newer() {
    let (content, watched) = after_a_late_publication(Fence::Off).await;
    assert_eq!(content, "revision = 2");
    assert_eq!((watched.regressions, watched.overwrites), (1, 1), "{watched:?}");
}
