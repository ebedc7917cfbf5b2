//! Branches, worktrees, moved directories: the index follows, and no text is embedded that was embedded before.

use std::path::Path;

use serde_json::{Value, json};
use system_tests::{Installation, Tree};

use crate::installation;

/// Runs git in a directory, without the configuration of whoever runs the tests; what it said.
pub(crate) fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = std::process::Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with some modules in its one commit, on the branch `main`.
pub(crate) fn repository(name: &str) -> Tree {
    let tree = Tree::new(name);
    tree.write_modules(12);
    git(tree.root(), &["init", "--quiet", "--initial-branch=main"]);
    commit(&tree, "one");
    tree
}

pub(crate) fn commit(tree: &Tree, message: &str) {
    git(tree.root(), &["add", "--all"]);
    git(
        tree.root(),
        &["commit", "--quiet", "--allow-empty", "--message", message],
    );
}

/// What Quarry says of the tree at `root`: commit, branch and whether it is dirty.
pub(crate) async fn git_of(quarry: &Installation, project: &str, root: &Path) -> Value {
    let shown = quarry
        .run([
            "repository",
            "show",
            root.to_str().unwrap(),
            "--project",
            project,
            "--json",
        ])
        .await
        .json();
    json!([shown["git_commit"], shown["git_branch"], shown["git_dirty"]])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_a_thousand_files_moves_without_a_word_to_the_endpoint() {
    let (quarry, endpoint) = installation().await;
    let tree = Tree::new("moving");
    for number in 0..1_000 {
        let text = format!("def moved_{number}(value):\n    return value + {number}\n");
        tree.write(&format!("before/part_{}/file_{number}.py", number % 10), text);
    }
    quarry.index(tree.root(), "moving").await;
    let texts = endpoint.texts();
    tree.rename("before", "after/deeper");
    let report = quarry.index(tree.root(), "moving").await;
    assert_eq!(
        (&report["files_indexed"], &report["files_removed"], &report["embedded"]),
        (&1_000.into(), &1_000.into(), &0.into()),
        "{report}"
    );
    assert_eq!(endpoint.texts(), texts);
    let paths = "select count(*), count(*) filter (where path like 'after/deeper/part_%') from codebase.files";
    assert_eq!(quarry.rows("moving", paths).await, ["1000|1000"]);
    // Found under its new path by the words of that path too.
    let found = quarry
        .search("moving", "moved_77 deeper", &["--mode", "lexical", "-k", "1"])
        .await;
    assert_eq!(found["results"][0]["path"], "after/deeper/part_7/file_77.py");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_cut_by_older_rules_are_cut_again_and_keep_what_stays_the_same() {
    let (quarry, endpoint) = installation().await;
    let tree = Tree::new("older_rules");
    tree.write_modules(20);
    quarry.index(tree.root(), "older_rules").await;
    let (rows, texts) = (quarry.dump("older_rules").await, endpoint.texts());
    let ids = "select id, number from codebase.code_chunks order by 1";
    let before = quarry.rows("older_rules", ids).await;
    let versions = "select distinct chunker_version from codebase.files";
    let current = quarry.rows("older_rules", versions).await;
    quarry
        .rows(
            "older_rules",
            "update codebase.files set chunker_version = chunker_version - 1",
        )
        .await;
    let report = quarry.index(tree.root(), "older_rules").await;
    assert_eq!(
        (&report["files_indexed"], &report["embedded"]),
        (&20.into(), &0.into()),
        "{report}"
    );
    assert_eq!(endpoint.texts(), texts);
    assert_eq!(quarry.rows("older_rules", ids).await, before);
    assert_eq!(quarry.rows("older_rules", versions).await, current);
    assert_eq!(quarry.dump("older_rules").await, rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_worktree_costs_no_embedding_and_says_its_own_branch() {
    let (quarry, endpoint) = installation().await;
    let tree = repository("trunk");
    quarry.index(tree.root(), "both").await;
    let texts = endpoint.texts();
    let beside = Tree::new("beside");
    let worktree = beside.path("feature");
    git(
        tree.root(),
        &[
            "worktree",
            "add",
            "--quiet",
            "-b",
            "feature",
            worktree.to_str().unwrap(),
        ],
    );
    let report = quarry.index(&worktree, "both").await;
    assert_eq!(
        (&report["files_indexed"], &report["embedded"]),
        (&12.into(), &0.into()),
        "{report}"
    );
    assert_eq!(endpoint.texts(), texts);

    let head = git(tree.root(), &["rev-parse", "HEAD"]);
    assert_eq!(git_of(&quarry, "both", tree.root()).await, json!([head, "main", false]));
    assert_eq!(
        git_of(&quarry, "both", &worktree).await,
        json!([head, "feature", false])
    );

    // The same code is one hit that names both; of one repository alone it is just that.
    let found = quarry.search("both", "compute_5", &["-k", "5"]).await;
    let first = &found["results"][0];
    assert_eq!(first["also_in"].as_array().unwrap().len(), 1, "{first}");
    let mut roots = [&first["repository"], &first["also_in"][0]["repository"]];
    roots.sort_by_key(|root| root.as_str().unwrap() != tree.argument());
    assert_eq!(roots, [&json!(tree.argument()), &json!(worktree.to_str().unwrap())]);
    assert_eq!(first["path"], first["also_in"][0]["path"]);
    let alone = quarry
        .search("both", "compute_5", &["--repository", worktree.to_str().unwrap()])
        .await;
    assert_eq!(alone["results"][0]["repository"], worktree.to_str().unwrap());
    assert!(alone["results"][0].get("also_in").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_is_left_and_found_again_without_embedding() {
    let (quarry, endpoint) = installation().await;
    let tree = repository("switching");
    quarry.index(tree.root(), "switching").await;
    let on_main = quarry.dump("switching").await;
    git(tree.root(), &["switch", "--quiet", "--create", "other"]);
    for number in 0..6 {
        let path = format!("src/part_{number}/module_{number}.py");
        tree.write(&path, format!("def other_{number}():\n    return '{number}'\n"));
    }
    tree.remove("src/part_0/module_7.py");
    commit(&tree, "two");
    quarry.index(tree.root(), "switching").await;
    let texts = endpoint.texts();
    let on_other = quarry.dump("switching").await;
    for (branch, expected) in [("main", &on_main), ("other", &on_other), ("main", &on_main)] {
        git(tree.root(), &["switch", "--quiet", branch]);
        quarry.index(tree.root(), "switching").await;
        assert_eq!(quarry.dump("switching").await, *expected, "{branch}");
        assert_eq!(git_of(&quarry, "switching", tree.root()).await[1], branch);
    }
    assert_eq!(endpoint.texts(), texts);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commit_is_that_of_the_tree_in_every_state_of_it() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("states");
    tree.write("a.py", "a = 1\n");
    quarry.index(tree.root(), "states").await;
    assert_eq!(git_of(&quarry, "states", tree.root()).await, json!([null, null, null]));

    git(tree.root(), &["init", "--quiet", "--initial-branch=main"]);
    quarry.index(tree.root(), "states").await;
    assert_eq!(
        git_of(&quarry, "states", tree.root()).await,
        json!([null, "main", false])
    );

    commit(&tree, "one");
    commit(&tree, "two, which changes no file");
    let second = git(tree.root(), &["rev-parse", "HEAD"]);
    quarry.index(tree.root(), "states").await;
    assert_eq!(
        git_of(&quarry, "states", tree.root()).await,
        json!([second, "main", false])
    );

    tree.write("untracked.py", "b = 2\n");
    quarry.index(tree.root(), "states").await;
    assert_eq!(
        git_of(&quarry, "states", tree.root()).await,
        json!([second, "main", false])
    );

    tree.write("a.py", "a = 3\n");
    quarry.index(tree.root(), "states").await;
    assert_eq!(
        git_of(&quarry, "states", tree.root()).await,
        json!([second, "main", true])
    );

    git(tree.root(), &["checkout", "--quiet", "--force", "--detach", "HEAD~1"]);
    let first = git(tree.root(), &["rev-parse", "HEAD"]);
    quarry.index(tree.root(), "states").await;
    assert_eq!(
        git_of(&quarry, "states", tree.root()).await,
        json!([first, null, false])
    );
}
