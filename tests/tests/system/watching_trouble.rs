//! What goes wrong around a watcher: its root vanishes, the system reports nothing or too little, the database is away,
//! others watch the same files. Nothing that was saved is lost.

use std::time::Duration;

use system_tests::{FakeEndpoint, Installation, Tree, wait_until_async};

use crate::watching::Watched;
use crate::{PROGRAM, installation};

#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_goes_away_and_comes_back_is_watched_again() {
    let tree = Tree::new("returns");
    tree.write("src/a.py", "a = 1\n");
    let watched = Watched::begin(tree, "returns").await;
    let tree = &watched.tree;
    std::fs::remove_dir_all(tree.root()).unwrap();
    watched.watcher.says("the directory is gone").await;
    // What is indexed stays: the disk may only be absent.
    assert_eq!(watched.paths().await.len(), 1);
    tree.write("src/b.py", "b = 1\n");
    watched.has(&["src/b.py"]).await;
    tree.write("src/c.py", "c = 1\n");
    watched.has(&["src/b.py", "src/c.py"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_is_replaced_in_one_step_is_compared_and_watched() {
    let tree = Tree::new("replaced");
    tree.write("old.py", "old = 1\n");
    let watched = Watched::begin(tree, "replaced").await;
    let other = Tree::new("other");
    other.write("prepared/new.py", "new = 1\n");
    std::fs::rename(watched.tree.root(), other.path("was_ours")).unwrap();
    std::fs::rename(other.path("prepared"), watched.tree.root()).unwrap();
    watched.has(&["new.py"]).await;
    std::fs::write(other.path("was_ours/old.py"), "elsewhere = 1\n").unwrap();
    watched.tree.write("later.py", "later = 1\n");
    watched.has(&["later.py", "new.py"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_named_by_a_link_is_the_directory_it_leads_to() {
    let (quarry, _endpoint) = installation().await;
    let (tree, links) = (Tree::new("real"), Tree::new("links"));
    tree.write("a.py", "a = 1\n");
    std::os::unix::fs::symlink(tree.root(), links.path("link")).unwrap();
    let _worker = quarry.start(["worker"]);
    let watcher = quarry.start(["watch", links.path("link").to_str().unwrap(), "--project", "linked"]);
    watcher.says(tree.argument()).await;
    tree.write("b.py", "b = 1\n");
    wait_until_async("both files are indexed", async || {
        let rows = quarry.rows("linked", "select path from codebase.files order by path");
        rows.await == ["a.py", "b.py"]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_beyond_the_limit_are_compared_from_time_to_time_and_the_watcher_says_so() {
    let tree = Tree::new("limited");
    for number in 0..5 {
        tree.write(&format!("part_{number}/a.py"), format!("a = {number}\n"));
    }
    let settings = [("QUARRY_WATCH_MAX_DIRECTORIES", "2"), ("QUARRY_WATCH_POLL_S", "1")];
    let watched = Watched::begin_with(tree, "limited", &settings).await;
    watched.watcher.says("watch.max_directories").await;
    for number in 0..5 {
        let path = format!("part_{number}/a.py");
        watched.tree.write(&path, format!("changed = 'in part {number}'\n"));
        watched.has_text(&path, &format!("in part {number}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_no_event_reports_is_found_when_it_is_time() {
    let (tree, outside) = (Tree::new("unseen"), Tree::new("outside"));
    tree.write("shared.py", "version = 'first'\n");
    std::fs::hard_link(tree.path("shared.py"), outside.path("other_name.py")).unwrap();
    let watched = Watched::begin_with(tree, "unseen", &[("QUARRY_WATCH_RESCAN_S", "1")]).await;
    // Written under a name outside of the tree, of which the system says nothing here.
    outside.write("other_name.py", "version = 'second'\n");
    watched.has_text("shared.py", "second").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_the_system_drops_are_made_good_by_a_comparison() {
    let queued: usize = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events")
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let tree = Tree::new("overflow");
    tree.write("a.py", "a = 1\n");
    let watched = Watched::begin(tree, "overflow").await;
    watched.watcher.pause().await;
    // Each file that is written is several events, and identical ones in a row are one.
    for number in 0..queued {
        watched.tree.write(["noise.log", "noise.txt"][number % 2], "");
    }
    watched.tree.write("new/directory/last.py", "last = 1\n");
    watched.tree.remove("noise.txt");
    watched.tree.remove("noise.log");
    watched.watcher.resume().await;
    watched.watcher.says("the system lost events").await;
    watched.has(&["a.py", "new/directory/last.py"]).await;
    watched.tree.write("new/directory/after.py", "after = 1\n");
    watched
        .has(&["a.py", "new/directory/after.py", "new/directory/last.py"])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_while_the_database_is_away_is_indexed_when_it_is_back() {
    let endpoint = FakeEndpoint::start().await;
    let quarry = Installation::embedded(PROGRAM)
        .await
        .with("QUARRY_EMBEDDING_URL", endpoint.url())
        .with("QUARRY_WATCH_RESCAN_S", "0");
    let tree = Tree::new("away");
    tree.write("a.py", "a = 1\n");
    let worker = quarry.start(["worker"]);
    let watcher = quarry.start(["watch", tree.argument(), "--project", "away"]);
    let found = async |statement: &str| !quarry.rows("away", statement).await.is_empty();
    wait_until_async("the first comparison is done", async || {
        quarry.run(["project", "show", "away"]).await.status == Some(0)
            && found("select 1 from codebase.files where path = 'a.py'").await
    })
    .await;
    quarry.run(["down"]).await.succeeded();
    tree.write("saved_meanwhile.py", "saved = 1\n");
    tree.remove("a.py");
    watcher.says("the queue cannot be told").await;
    quarry.run(["project", "list"]).await.succeeded();
    wait_until_async("what was saved meanwhile is indexed", async || {
        quarry.rows("away", "select path from codebase.files").await == ["saved_meanwhile.py"]
    })
    .await;
    watcher.says("the queue answers again").await;
    tree.write("saved_afterwards.py", "saved = 2\n");
    wait_until_async("the watcher goes on", async || {
        found("select 1 from codebase.files where path = 'saved_afterwards.py'").await
    })
    .await;
    for process in [watcher, worker] {
        process.terminate().await;
        process.finish_within(Duration::from_secs(30)).await.succeeded();
    }
    quarry.run(["down"]).await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn several_repositories_and_a_second_watcher_disturb_nobody() {
    let (quarry, _endpoint) = installation().await;
    let quarry = quarry.with("QUARRY_WATCH_RESCAN_S", "0");
    let (one, two) = (Tree::new("one"), Tree::new("two"));
    one.write("a.py", "a = 1\n");
    two.write("b.py", "b = 1\n");
    let _worker = quarry.start(["worker"]);
    let both = quarry.start(["watch", one.argument(), two.argument()]);
    both.says(&format!("watching {} in project one", one.argument())).await;
    both.says(&format!("watching {} in project two", two.argument())).await;
    let again = quarry.start(["watch", one.argument()]);
    again.says("watching").await;
    one.write("saved.py", "saved = 'in one'\n");
    two.write("saved.py", "saved = 'in two'\n");
    for (project, files) in [("one", ["a.py", "saved.py"]), ("two", ["b.py", "saved.py"])] {
        wait_until_async("both projects have their own", async || {
            let rows = quarry.rows(project, "select path from codebase.files order by path");
            rows.await == files
        })
        .await;
    }
    // One that is removed ends alone.
    quarry
        .run(["repository", "remove", two.argument(), "--project", "two"])
        .await
        .succeeded();
    two.write("more.py", "more = 1\n");
    both.says(&format!("no longer watching {}", two.argument())).await;
    one.write("still.py", "still = 1\n");
    wait_until_async("the other one is still watched", async || {
        let rows = quarry.rows("one", "select path from codebase.files where path = 'still.py'");
        !rows.await.is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_says_what_is_wrong_with_a_path_and_that_nobody_works() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("alone");
    tree.write("a.py", "a = 1\n");
    let missing = tree.path("missing");
    let finished = quarry.run(["watch", tree.argument(), missing.to_str().unwrap()]).await;
    finished.failed(1, &["missing"]);
    let file = tree.path("a.py");
    quarry
        .run(["watch", file.to_str().unwrap()])
        .await
        .failed(1, &["is a file"]);
    let watcher = quarry.start(["watch", tree.argument()]);
    watcher.says("no worker is running").await;
    let worker = quarry.start(["worker"]);
    watcher.says("a worker is running").await;
    worker.terminate().await;
    watcher.terminate().await;
    watcher.finish().await.succeeded();
}
