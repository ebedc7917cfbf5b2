//! What editors and tools really do when they save: write aside and rename, keep a backup, replace a file by a link or a
//! directory. Comparisons by time are off.

use std::os::unix::fs::symlink;

use system_tests::Tree;

use crate::watching::Watched;

/// A watched tree with one file, `file.py`.
async fn one_file(name: &'static str) -> Watched {
    let tree = Tree::new(name);
    tree.write("file.py", "version = 'first'\n");
    Watched::begin(tree, name).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_written_aside_and_renamed_over_the_old_one_is_one_save() {
    let watched = one_file("aside").await;
    let tree = &watched.tree;
    tree.write(".file.py.swp", "x");
    tree.write("file.py.tmp123", "version = 'second'\n");
    tree.rename("file.py.tmp123", "file.py");
    tree.remove(".file.py.swp");
    watched.has_text("file.py", "second").await;
    watched.has(&["file.py"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vim_with_a_backup_and_a_test_file_leaves_one_file() {
    let watched = one_file("vim").await;
    let tree = &watched.tree;
    tree.write("4913", "");
    tree.remove("4913");
    tree.rename("file.py", "file.py~");
    tree.write("file.py", "version = 'second'\n");
    tree.remove("file.py~");
    watched.has_text("file.py", "second").await;
    watched.has(&["file.py"]).await;
    // The backup may also stay; it is not the source.
    tree.rename("file.py", "file.py~");
    tree.write("file.py", "version = 'third'\n");
    watched.has_text("file.py", "third").await;
    watched.has(&["file.py"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_safe_write_of_jetbrains_leaves_one_file() {
    let watched = one_file("jetbrains").await;
    let tree = &watched.tree;
    tree.write("file.py___jb_tmp___", "version = 'second'\n");
    tree.rename("file.py", "file.py___jb_old___");
    tree.rename("file.py___jb_tmp___", "file.py");
    tree.remove("file.py___jb_old___");
    watched.has_text("file.py", "second").await;
    watched.has(&["file.py"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_may_become_a_directory_and_a_directory_a_file() {
    let watched = one_file("kinds").await;
    let tree = &watched.tree;
    tree.write("directory/inner.py", "inner = 1\n");
    watched.has(&["directory/inner.py", "file.py"]).await;
    tree.remove("file.py");
    tree.write("file.py/inner.py", "now = 'a directory'\n");
    std::fs::remove_dir_all(tree.path("directory")).unwrap();
    tree.write("directory", "now = 'a file'\n");
    watched.has(&["directory", "file.py/inner.py"]).await;
    tree.write("file.py/later.py", "later = 1\n");
    watched
        .has(&["directory", "file.py/inner.py", "file.py/later.py"])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_changes_in_case_only_is_another_name() {
    let watched = one_file("case").await;
    let tree = &watched.tree;
    tree.write("Part/inner.py", "inner = 1\n");
    watched.has(&["Part/inner.py", "file.py"]).await;
    tree.rename("file.py", "File.py");
    tree.rename("Part", "part");
    watched.has(&["File.py", "part/inner.py"]).await;
    tree.write("part/later.py", "later = 1\n");
    watched.has(&["File.py", "part/inner.py", "part/later.py"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_a_link_leaves_the_index_and_what_is_linked_is_not_entered() {
    let watched = one_file("links").await;
    let tree = &watched.tree;
    let outside = Tree::new("outside");
    outside.write("directory/secret.py", "outside = 1\n");
    tree.write("directory/inner.py", "inner = 1\n");
    tree.write("kept.py", "kept = 1\n");
    watched.has(&["directory/inner.py", "file.py", "kept.py"]).await;
    tree.remove("file.py");
    symlink(tree.path("kept.py"), tree.path("file.py")).unwrap();
    std::fs::rename(tree.path("directory"), outside.path("was_ours")).unwrap();
    symlink(outside.path("directory"), tree.path("directory")).unwrap();
    watched.has(&["kept.py"]).await;
    // A link back to the root leads nowhere either.
    symlink(tree.root(), tree.path("round")).unwrap();
    tree.remove("file.py");
    tree.write("file.py", "a = 'file again'\n");
    watched.has(&["file.py", "kept.py"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_differ_in_case_only_are_names_like_others() {
    let watched = one_file("case").await;
    watched.tree.rename("file.py", "File.py");
    watched.has(&["File.py"]).await;
    watched.tree.write("Src/a.py", "a = 1\n");
    watched.has(&["File.py", "Src/a.py"]).await;
    watched.tree.rename("Src", "src");
    watched.has(&["File.py", "src/a.py"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_grows_beyond_the_limit_leaves_the_index_and_returns() {
    let watched = one_file("grows").await;
    let tree = &watched.tree;
    tree.write("other.py", "other = 1\n");
    watched.has(&["file.py", "other.py"]).await;
    tree.write("file.py", "x = 1\n".repeat(300_000));
    watched.has(&["other.py"]).await;
    tree.write("file.py", "version = 'small'\n");
    watched.has(&["file.py", "other.py"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_directory_that_is_marked_late_leaves_the_index() {
    let watched = one_file("marked").await;
    let tree = &watched.tree;
    tree.write("env/settings.py", "settings = 1\n");
    watched.has(&["env/settings.py", "file.py"]).await;
    tree.write("env/pyvenv.cfg", "home = /usr/bin\n");
    watched.has(&["file.py"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_files_at_once_are_a_few_comparisons_and_end_in_the_index() {
    let watched = one_file("many").await;
    watched.tree.write_modules(3_000);
    let last = "src/part_3/module_2999.py";
    watched.has_text(last, "compute_2999").await;
    watched.equals_a_fresh_index().await;
    let syncs = watched.syncs().await;
    assert!(syncs <= 8, "{syncs} comparisons, the fresh project's included");
}
