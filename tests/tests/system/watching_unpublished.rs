//! What happens to a file while a run has read it and not yet published it: the tree goes on, and the run must not have the last
//! word. Comparisons by time are off.

use system_tests::{Tree, wait_until_async};

use crate::watching::Watched;

impl Watched {
    /// A file is being indexed: its vectors are asked for and do not come.
    async fn held_in(path: &str, name: &'static str) -> Watched {
        let tree = Tree::new(name);
        tree.write("kept.py", "kept = 1\n");
        let watched = Watched::begin(tree, name).await;
        watched.endpoint.hold();
        watched.tree.write(path, "unpublished = 1\n");
        wait_until_async("its vectors are asked for", async || watched.endpoint.held() == 1).await;
        watched
    }

    /// The comparison that the change asks for has passed, and only then the vectors come.
    async fn is_compared_and_then_published(&self) {
        wait_until_async("the tree is compared", async || self.syncs().await >= 2).await;
        self.endpoint.release();
        wait_until_async("nothing waits", async || self.is_settled().await).await;
        self.has(&["kept.py"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_comes_to_be_ignored_while_it_is_indexed_does_not_stay() {
    let watched = Watched::held_in("out/new.py", "unpublished_ignored").await;
    watched.tree.write(".gitignore", "/out/\n");
    watched.is_compared_and_then_published().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_directory_is_moved_away_while_it_is_indexed_does_not_stay() {
    let watched = Watched::held_in("out/new.py", "unpublished_moved").await;
    let outside = Tree::new("outside");
    std::fs::rename(watched.tree.path("out"), outside.path("out")).unwrap();
    watched.is_compared_and_then_published().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_comes_and_goes_within_one_look_at_the_events_does_not_stay() {
    let tree = Tree::new("unpublished_brief");
    tree.write("kept.py", "kept = 1\n");
    let watched = Watched::begin(tree, "unpublished_brief").await;
    let tree = &watched.tree;
    // A comparison that somebody else asks for finds it before the watcher reads a single event.
    watched.watcher.pause().await;
    tree.write("brief.py", "brief = 1\n");
    watched.quarry.index(tree.root(), watched.project).await;
    assert_eq!(watched.paths().await.len(), 2);
    tree.remove("brief.py");
    watched.watcher.resume().await;
    watched.has(&["kept.py"]).await;
}
