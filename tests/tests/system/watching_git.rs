//! Git at work in a watched repository: what one command does to many files is one comparison of the tree, and the commit
//! that answers name is the one that is checked out. Comparisons by time are off.

use serde_json::json;
use system_tests::{Tree, wait_until_async};

use crate::branches::{commit, git, git_of, repository};
use crate::watching::Watched;

impl Watched {
    /// Waits until answers name the commit that is checked out.
    async fn names_the_commit(&self) {
        let head = git(self.tree.root(), &["rev-parse", "HEAD"]);
        wait_until_async("the commit is known", async || {
            git_of(&self.quarry, self.project, self.tree.root()).await[0] == head.as_str()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_switch_that_changes_many_files_is_one_comparison() {
    let tree = repository("switched");
    git(tree.root(), &["switch", "--quiet", "-c", "other"]);
    for number in 0..700 {
        tree.write(
            &format!("lib/part_{}/on_other_{number}.py", number % 9),
            format!("on_other = {number}\n"),
        );
    }
    commit(&tree, "many");
    git(tree.root(), &["switch", "--quiet", "main"]);
    let watched = Watched::begin(tree, "switched").await;
    assert_eq!(watched.paths().await.len(), 12);

    git(watched.tree.root(), &["switch", "--quiet", "other"]);
    wait_until_async("the files of the branch are indexed", async || {
        watched.paths().await.len() == 712
    })
    .await;
    watched.names_the_commit().await;
    assert_eq!(watched.syncs().await, 2, "one at the start and one for the switch");

    git(watched.tree.root(), &["switch", "--quiet", "main"]);
    wait_until_async("they are gone again", async || watched.paths().await.len() == 12).await;
    watched.names_the_commit().await;
    watched.equals_a_fresh_index().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_changes_no_file_is_known() {
    let watched = Watched::begin(repository("committed"), "committed").await;
    watched.names_the_commit().await;
    git(
        watched.tree.root(),
        &["commit", "--quiet", "--allow-empty", "--message", "nothing"],
    );
    watched.names_the_commit().await;
    git(watched.tree.root(), &["switch", "--quiet", "-c", "feature/with/parts"]);
    wait_until_async("the branch is known", async || {
        git_of(&watched.quarry, "committed", watched.tree.root()).await[1] == "feature/with/parts"
    })
    .await;
    // The branch's reference lies in other directories than the one before, and may be packed away.
    git(
        watched.tree.root(),
        &["commit", "--quiet", "--allow-empty", "--message", "more"],
    );
    watched.names_the_commit().await;
    git(watched.tree.root(), &["pack-refs", "--all"]);
    git(watched.tree.root(), &["reset", "--quiet", "--soft", "HEAD~1"]);
    watched.names_the_commit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linked_working_tree_is_followed_by_its_own_head() {
    let main = repository("of_two");
    let linked = Tree::new("linked");
    let path = linked.path("tree");
    git(
        main.root(),
        &["worktree", "add", "--quiet", "-b", "second", path.to_str().unwrap()],
    );
    let watched = Watched::begin(linked.below("tree"), "linked").await;
    watched.names_the_commit().await;
    commit(&watched.tree, "in the linked tree");
    watched.names_the_commit().await;
    // The other tree's commits are not this tree's.
    let syncs = watched.syncs().await;
    main.write("only_there.py", "x = 1\n");
    commit(&main, "in the main tree");
    watched.tree.write("after.py", "after = 1\n");
    watched.has_text("after.py", "after").await;
    assert_eq!(watched.syncs().await, syncs);
}

#[tokio::test(flavor = "multi_thread")]
async fn exclusions_outside_the_tree_count_as_they_change() {
    let above = repository("larger");
    above.write("part/a.py", "a = 1\n");
    above.write("part/b.py", "b = 1\n");
    above.write("part/c.py", "c = 1\n");
    let watched = Watched::begin(above.below("part"), "part").await;
    watched.has(&["a.py", "b.py", "c.py"]).await;
    above.write(".gitignore", "a.py\n");
    watched.has(&["b.py", "c.py"]).await;
    above.write(".git/info/exclude", "b.py\n");
    watched.has(&["c.py"]).await;
    above.remove(".gitignore");
    watched.has(&["a.py", "c.py"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebase_and_a_stash_end_with_the_tree_they_leave() {
    let tree = repository("rebased");
    git(tree.root(), &["switch", "--quiet", "-c", "topic"]);
    for number in 0..4 {
        tree.write(&format!("topic_{number}.py"), format!("topic = {number}\n"));
        commit(&tree, "topic");
    }
    git(tree.root(), &["switch", "--quiet", "main"]);
    tree.write("on_main.py", "on_main = 1\n");
    commit(&tree, "main goes on");
    git(tree.root(), &["switch", "--quiet", "topic"]);
    let watched = Watched::begin(tree, "rebased").await;
    git(watched.tree.root(), &["rebase", "--quiet", "main"]);
    watched.has_text("on_main.py", "on_main").await;
    watched.names_the_commit().await;
    watched.tree.write("topic_0.py", "topic = 'stashed'\n");
    watched.has_text("topic_0.py", "stashed").await;
    git(watched.tree.root(), &["stash", "--quiet"]);
    watched.has_text("topic_0.py", "topic = 0").await;
    watched.equals_a_fresh_index().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_becomes_a_repository_is_followed_and_a_lock_left_behind_holds_nothing_up() {
    let tree = Tree::new("becomes");
    tree.write("a.py", "a = 1\n");
    let watched = Watched::begin(tree, "becomes").await;
    git(watched.tree.root(), &["init", "--quiet", "--initial-branch=main"]);
    commit(&watched.tree, "first");
    watched.names_the_commit().await;
    commit(&watched.tree, "second");
    watched.names_the_commit().await;
    // As a git that was killed leaves it.
    watched.tree.write(".git/index.lock", "");
    watched.tree.write("b.py", "b = 1\n");
    watched.has(&["a.py", "b.py"]).await;
    assert_eq!(
        git_of(&watched.quarry, "becomes", watched.tree.root()).await[1],
        json!("main")
    );
}
