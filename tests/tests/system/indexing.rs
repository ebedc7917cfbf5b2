//! The index equals the tree, whatever happened to the tree before, and only what changed is done again.

use system_tests::{Installation, Tree};

use crate::installation;

/// What a project that has never seen the tree before makes of it.
async fn fresh_dump(quarry: &Installation, tree: &Tree, project: &str) -> Vec<String> {
    quarry.index(tree.root(), project).await;
    quarry.dump(project).await
}

#[tokio::test(flavor = "multi_thread")]
async fn indexing_twice_is_indexing_once() {
    let (quarry, endpoint) = installation().await;
    let tree = Tree::new("twice");
    tree.write_modules(30);
    let first = quarry.index(tree.root(), "twice").await;
    let (rows, texts) = (quarry.dump("twice").await, endpoint.texts());
    let numbers = quarry
        .rows("twice", "select id, number from codebase.code_chunks order by 1")
        .await;
    assert!(texts > 0 && first["embedded"] == texts, "{first}");

    let second = quarry.index(tree.root(), "twice").await;
    assert_eq!(
        (&second["files_indexed"], &second["chunks"], &second["embedded"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert_eq!(second["files_unchanged"], 30);
    assert_eq!(second["files_total"], 30);
    assert_eq!(endpoint.texts(), texts, "nothing is embedded again");
    assert_eq!(quarry.dump("twice").await, rows);
    let same = quarry
        .rows("twice", "select id, number from codebase.code_chunks order by 1")
        .await;
    assert_eq!(same, numbers, "no row is written again");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_edits_the_index_equals_that_of_a_fresh_project() {
    let (quarry, endpoint) = installation().await;
    let tree = Tree::new("edits");
    tree.write_modules(20);
    tree.write("notes/old.md", "# Old\n\nwords\n");
    tree.write("becomes/a_directory", "a file for now\n");
    quarry.index(tree.root(), "edits").await;
    let texts = endpoint.texts();

    tree.write("src/part_0/module_0.py", "def compute_0(value):\n    return 'edited'\n");
    tree.write("src/part_9/added.rs", "pub fn added() -> u8 {\n    1\n}\n");
    tree.remove("src/part_1/module_1.py");
    tree.rename("src/part_2", "src/moved/deeper");
    tree.rename("notes/old.md", "notes/new name ünïcode.md");
    tree.write(".gitignore", "module_3.py\n");
    tree.write("src/part_4/module_4.py", "");
    tree.remove("becomes/a_directory");
    tree.write("becomes/a_directory/with_a_file.txt", "a directory now\n");
    let report = quarry.index(tree.root(), "edits").await;

    // Gone: one removed, three moved away with their directory, the renamed note, one ignored, one become a directory.
    assert_eq!(report["files_removed"], 7, "{report}");
    let asked = endpoint.texts() - texts;
    assert_eq!(report["embedded"], asked, "{report}");
    assert!(
        asked <= 6,
        "moved files keep their vectors, {asked} texts were embedded"
    );
    assert_eq!(quarry.dump("edits").await, fresh_dump(&quarry, &tree, "fresh").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_index_writes_every_file_again_and_changes_nothing() {
    let (quarry, endpoint) = installation().await;
    let tree = Tree::new("full");
    tree.write_modules(5);
    quarry.index(tree.root(), "full").await;
    let (rows, texts) = (quarry.dump("full").await, endpoint.texts());
    let report = quarry
        .run([
            "index",
            tree.argument(),
            "--project",
            "full",
            "--full",
            "--wait",
            "--json",
        ])
        .await
        .json();
    assert_eq!(report["files_indexed"], 5);
    assert_eq!(report["reused"], report["chunks"]);
    assert_eq!(endpoint.texts(), texts);
    assert_eq!(quarry.dump("full").await, rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_loses_all_its_files_is_an_error_and_leaves_no_rows() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("emptied");
    tree.write("only.py", "x = 1\n");
    quarry.index(tree.root(), "emptied").await;
    tree.remove("only.py");
    let finished = quarry
        .run(["index", tree.argument(), "--project", "emptied", "--wait"])
        .await;
    finished.failed(1, &["nothing to index"]);
    // The file's lane may still be due when the error is reported; the next run sees it through either way.
    quarry.run(["worker", "--idle-exit-s", "1"]).await.succeeded();
    assert!(
        quarry
            .rows("emptied", "select path from codebase.files")
            .await
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_repositories_share_a_project_and_keep_their_files_apart() {
    let (quarry, _endpoint) = installation().await;
    let (one, two) = (Tree::new("one"), Tree::new("two"));
    one.write("same/name.py", "def first():\n    return 1\n");
    two.write("same/name.py", "def second():\n    return 2\n");
    quarry.index(one.root(), "shared").await;
    let before = quarry.dump("shared").await;
    quarry.index(two.root(), "shared").await;
    assert_eq!(
        quarry.rows("shared", "select count(*) from codebase.files").await,
        ["2"]
    );

    quarry
        .run(["repository", "remove", two.argument(), "--project", "shared"])
        .await
        .succeeded();
    assert_eq!(quarry.dump("shared").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_directories_of_one_name_get_two_projects() {
    let (quarry, _endpoint) = installation().await;
    let (one, two) = (Tree::new("api"), Tree::new("api"));
    one.write("first.py", "def first():\n    return 1\n");
    two.write("second.py", "def second():\n    return 2\n");
    let first = quarry.run(["index", one.argument(), "--wait", "--json"]).await.json();
    let second = quarry.run(["index", two.argument(), "--wait", "--json"]).await.json();
    assert_eq!(first["project"], "api");
    assert_ne!(second["project"], "api");
    let again = quarry.run(["index", two.argument(), "--wait", "--json"]).await.json();
    assert_eq!(again["project"], second["project"]);
    let name = second["project"].as_str().unwrap();
    assert_eq!(
        quarry.rows("api", "select path from codebase.files").await,
        ["first.py"]
    );
    assert_eq!(
        quarry.rows(name, "select path from codebase.files").await,
        ["second.py"]
    );
}
