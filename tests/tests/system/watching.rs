//! What is saved in a watched repository is in the index by itself: single files, whole directories, ignore files, and what
//! editors really do when they save. Comparisons by time are off, so only events can have told.

use std::collections::BTreeSet;

use system_tests::{FakeEndpoint, Installation, Running, Tree, wait_until_async};

use crate::installation;

/// A repository that is watched and indexed, with nothing to rely on but events.
pub(crate) struct Watched {
    pub(crate) quarry: Installation,
    pub(crate) endpoint: FakeEndpoint,
    pub(crate) tree: Tree,
    pub(crate) project: &'static str,
    pub(crate) watcher: Running,
    _worker: Running,
}

impl Watched {
    /// Watches `tree`, and returns when what is in it is indexed.
    pub(crate) async fn begin(tree: Tree, project: &'static str) -> Watched {
        Watched::begin_with(tree, project, &[]).await
    }

    /// As [`Watched::begin`], with settings for the watcher.
    pub(crate) async fn begin_with(tree: Tree, project: &'static str, settings: &[(&str, &str)]) -> Watched {
        let (mut quarry, endpoint) = installation().await;
        quarry.set("QUARRY_WATCH_RESCAN_S", "0");
        for (name, value) in settings {
            quarry.set(name, value);
        }
        let worker = quarry.start(["worker"]);
        let watcher = quarry.start(["watch", tree.argument(), "--project", project]);
        watcher.says("watching").await;
        let watched = Watched {
            quarry,
            endpoint,
            tree,
            project,
            watcher,
            _worker: worker,
        };
        wait_until_async("the first comparison is done", async || {
            watched.syncs().await >= 1 && watched.is_settled().await
        })
        .await;
        watched
    }

    pub(crate) async fn paths(&self) -> BTreeSet<String> {
        let rows = self.quarry.rows(self.project, "select path from codebase.files").await;
        rows.into_iter().collect()
    }

    /// Waits until exactly these files are indexed.
    pub(crate) async fn has(&self, paths: &[&str]) {
        let wanted: BTreeSet<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        wait_until_async(&format!("exactly {paths:?} are indexed"), async || {
            self.paths().await == wanted
        })
        .await;
    }

    /// Waits until the index holds `text` in `path`.
    pub(crate) async fn has_text(&self, path: &str, text: &str) {
        let statement = format!(
            "select 1 from codebase.code_chunks where file_path = '{path}' and position('{text}' in content) > 0"
        );
        wait_until_async(&format!("{text:?} is found in {path}"), async || {
            !self.quarry.rows(self.project, &statement).await.is_empty()
        })
        .await;
    }

    /// How many comparisons of the whole tree have been made.
    pub(crate) async fn syncs(&self) -> usize {
        let statement = "select count(*) from runs where kind = 'sync_repository' and outcome = 'succeeded'";
        self.quarry.registry_rows(statement).await[0].parse().unwrap()
    }

    /// Whether nothing waits or runs.
    pub(crate) async fn is_settled(&self) -> bool {
        let statement = "select count(*) from jobs where state in ('ready', 'leased')";
        self.quarry.registry_rows(statement).await == ["0"]
    }

    /// Waits until the index equals that of a project that sees the tree for the first time.
    pub(crate) async fn equals_a_fresh_index(&self) {
        wait_until_async("nothing waits", async || self.is_settled().await).await;
        self.quarry.index(self.tree.root(), "fresh").await;
        assert_eq!(self.quarry.dump(self.project).await, self.quarry.dump("fresh").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_created_and_removed_is_in_the_index() {
    let tree = Tree::new("saves");
    tree.write_modules(5);
    let watched = Watched::begin(tree, "saves").await;
    let tree = &watched.tree;
    tree.write("src/part_0/module_0.py", "edited = 'by hand'\n");
    watched.has_text("src/part_0/module_0.py", "by hand").await;
    tree.write("src/part_0/created.py", "created = 1\n");
    watched.has_text("src/part_0/created.py", "created").await;
    tree.remove("src/part_1/module_1.py");
    tree.rename("src/part_2/module_2.py", "src/part_3/renamed.py");
    watched
        .has(&[
            "src/part_0/created.py",
            "src/part_0/module_0.py",
            "src/part_3/module_3.py",
            "src/part_3/renamed.py",
            "src/part_4/module_4.py",
        ])
        .await;
    assert_eq!(watched.syncs().await, 1, "events told it all");
    watched.equals_a_fresh_index().await;
    watched.watcher.terminate().await;
    watched.watcher.finish().await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_appears_is_watched_and_what_it_already_holds_is_found() {
    let tree = Tree::new("appears");
    tree.write("kept.py", "kept = 1\n");
    let watched = Watched::begin(tree, "appears").await;
    // Made elsewhere and moved in, so that its files are there before anybody can watch it.
    let outside = Tree::new("outside");
    outside.write("moved/deep/er/first.py", "first = 1\n");
    std::fs::rename(outside.path("moved"), watched.tree.path("moved")).unwrap();
    watched.has(&["kept.py", "moved/deep/er/first.py"]).await;
    watched.tree.write("moved/deep/er/second.py", "second = 2\n");
    watched.tree.write("made/at/once/third.py", "third = 3\n");
    let all = [
        "kept.py",
        "made/at/once/third.py",
        "moved/deep/er/first.py",
        "moved/deep/er/second.py",
    ];
    watched.has(&all).await;
    assert_eq!(watched.syncs().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_renamed_moved_out_or_removed_takes_its_files_along() {
    let tree = Tree::new("moves");
    for directory in ["renamed", "moved_out", "removed"] {
        tree.write(&format!("{directory}/below/file.py"), format!("{directory} = 1\n"));
    }
    let watched = Watched::begin(tree, "moves").await;
    let (tree, outside) = (&watched.tree, Tree::new("outside"));
    let texts = watched.endpoint.texts();
    tree.rename("renamed", "new_name");
    watched
        .has(&[
            "moved_out/below/file.py",
            "new_name/below/file.py",
            "removed/below/file.py",
        ])
        .await;
    assert_eq!(
        watched.endpoint.texts(),
        texts,
        "a file that moves is not embedded again"
    );
    std::fs::rename(tree.path("moved_out"), outside.path("gone")).unwrap();
    std::fs::remove_dir_all(tree.path("removed")).unwrap();
    watched.has(&["new_name/below/file.py"]).await;
    tree.write("new_name/below/file.py", "still = 'watched'\n");
    watched.has_text("new_name/below/file.py", "watched").await;
    // Nothing that happens where it went is ours.
    std::fs::write(outside.path("gone/below/other.py"), "other = 1\n").unwrap();
    tree.write("last.py", "last = 1\n");
    watched.has(&["last.py", "new_name/below/file.py"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ignored_directories_are_not_watched_and_their_changes_cause_no_work() {
    let tree = Tree::new("ignored");
    tree.write(".gitignore", "/build/\n");
    tree.write("src/a.py", "a = 1\n");
    tree.write("build/deep/out.py", "out = 1\n");
    tree.write("node_modules/left/index.js", "left = 1\n");
    let watched = Watched::begin_with(tree, "ignored", &[("QUARRY_WATCH_MAX_DIRECTORIES", "2")]).await;
    // The root and src: the limit is not reached.
    watched.watcher.says("2 directories").await;
    let tree = &watched.tree;
    tree.write("build/deep/more.py", "more = 1\n");
    tree.write("node_modules/right/index.js", "right = 1\n");
    tree.write("src/b.py", "b = 1\n");
    watched.has(&["src/a.py", "src/b.py"]).await;
    let marked = watched
        .quarry
        .registry_rows("select count(*) from runs where kind = 'index_files' and counts ->> 'files_indexed' = '0'")
        .await;
    assert_eq!((watched.syncs().await, marked), (1, vec!["0".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_ignore_file_brings_files_in_and_leaves_others_out() {
    let tree = Tree::new("rules");
    tree.write(".gitignore", "/generated/\n");
    tree.write("generated/out.py", "out = 1\n");
    tree.write("src/a.py", "a = 1\n");
    tree.write("src/b.py", "b = 1\n");
    let watched = Watched::begin(tree, "rules").await;
    let tree = &watched.tree;
    watched.has(&["src/a.py", "src/b.py"]).await;
    tree.write(".gitignore", "b.py\n");
    watched.has(&["generated/out.py", "src/a.py"]).await;
    tree.write("generated/next.py", "next = 1\n");
    watched
        .has(&["generated/next.py", "generated/out.py", "src/a.py"])
        .await;
    tree.write("src/.quarryignore", "a.py\n");
    watched.has(&["generated/next.py", "generated/out.py"]).await;
    tree.remove(".gitignore");
    watched
        .has(&["generated/next.py", "generated/out.py", "src/b.py"])
        .await;
}
