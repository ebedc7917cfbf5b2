//! What looks as it did is not read again; and nothing that changes a file escapes, whatever times it leaves behind.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use system_tests::{Installation, Tree, wait_until};

use crate::installation;

/// Until a file has not changed for so long, its stamp is not believed.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// Waits until the stamp of a file that was just written can be believed.
async fn settled(tree: &Tree, path: &str) {
    let status = fs::metadata(tree.path(path)).unwrap();
    let changed = UNIX_EPOCH
        + Duration::new(
            status.ctime().try_into().unwrap(),
            status.ctime_nsec().try_into().unwrap(),
        );
    wait_until(&format!("{path} is {SETTLED_AFTER:?} old"), || {
        SystemTime::now()
            .duration_since(changed)
            .is_ok_and(|age| age > SETTLED_AFTER)
    })
    .await;
}

/// An indexed tree whose stamps are all known and believed.
async fn settled_tree(name: &str) -> (Installation, Tree) {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new(name);
    tree.write_modules(20);
    tree.write("refused.note", [0_u8, 1, 2]);
    tree.write("last.py", "last = True\n");
    settled(&tree, "last.py").await;
    quarry.index(tree.root(), name).await;
    // The lanes read and stamp what is indexed, the comparison what is refused: both have been done.
    (quarry, tree)
}

async fn content(quarry: &Installation, project: &str, path: &str) -> Vec<String> {
    let statement = format!(
        "select rtrim(content, E'\\n') from codebase.code_chunks where file_path = '{path}' order by start_line"
    );
    quarry.rows(project, &statement).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_without_changes_reads_no_file_and_a_full_one_reads_all() {
    let (quarry, tree) = settled_tree("unread").await;
    let report = quarry.index(tree.root(), "unread").await;
    assert_eq!(report["files_read"], 0, "{report}");
    assert_eq!(
        (&report["files_unchanged"], &report["files_total"]),
        (&21.into(), &21.into())
    );
    assert_eq!(report["files_skipped"]["binary"], 1);

    let full = [
        "index",
        tree.argument(),
        "--project",
        "unread",
        "--full",
        "--wait",
        "--json",
    ];
    let report = quarry.run(full).await.json();
    assert_eq!(report["files_read"], 22, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_indexed_right_after_it_was_written_is_read_once_more() {
    let (quarry, tree) = settled_tree("racy").await;
    tree.write("young.py", "young = 1\n");
    tree.write("young.note", [0_u8, 1, 2]);
    quarry.index(tree.root(), "racy").await;
    settled(&tree, "young.note").await;
    let report = quarry.index(tree.root(), "racy").await;
    assert_eq!(
        (&report["files_read"], &report["files_indexed"]),
        (&2.into(), &0.into()),
        "{report}"
    );
    let report = quarry.index(tree.root(), "racy").await;
    assert_eq!(report["files_read"], 0, "now its stamp is known: {report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_are_set_back_hide_no_change() {
    let (quarry, tree) = settled_tree("set_back").await;
    let path = tree.path("last.py");
    let before = fs::metadata(&path).unwrap();
    // The same length and the same modification time, in place and as another file under the name.
    fs::write(&path, "last = None\n").unwrap();
    let times = FileTimes::new().set_modified(before.modified().unwrap());
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_times(times)
        .unwrap();
    let report = quarry.index(tree.root(), "set_back").await;
    assert_eq!(report["files_indexed"], 1, "{report}");
    assert_eq!(content(&quarry, "set_back", "last.py").await, ["last = None"]);

    tree.write("beside.py", "last = 1234\n");
    File::options()
        .write(true)
        .open(tree.path("beside.py"))
        .unwrap()
        .set_times(times)
        .unwrap();
    tree.rename("beside.py", "last.py");
    let report = quarry.index(tree.root(), "set_back").await;
    assert_eq!(report["files_indexed"], 1, "{report}");
    assert_eq!(content(&quarry, "set_back", "last.py").await, ["last = 1234"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_times_alone_are_noted_and_nothing_is_indexed() {
    let (quarry, tree) = settled_tree("touched").await;
    let times = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000));
    File::options()
        .write(true)
        .open(tree.path("last.py"))
        .unwrap()
        .set_times(times)
        .unwrap();
    settled(&tree, "last.py").await;
    for files_read in [1, 0] {
        let report = quarry.index(tree.root(), "touched").await;
        assert_eq!(
            (&report["files_read"], &report["files_indexed"]),
            (&files_read.into(), &0.into())
        );
    }
    let noted = "select extract(epoch from modified_at)::bigint from codebase.files where path = 'last.py'";
    assert_eq!(quarry.rows("touched", noted).await, ["1000000000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_file_that_becomes_text_is_indexed_and_back_again() {
    let (quarry, tree) = settled_tree("refused").await;
    tree.write("refused.note", "text by now\n");
    let report = quarry.index(tree.root(), "refused").await;
    assert_eq!(
        (&report["files_indexed"], &report["files_skipped"]),
        (&1.into(), &serde_json::json!({}))
    );
    tree.write("refused.note", [0_u8, 1, 2]);
    let report = quarry.index(tree.root(), "refused").await;
    assert_eq!(
        (&report["files_removed"], &report["files_skipped"]["binary"]),
        (&1.into(), &1.into())
    );
    settled(&tree, "refused.note").await;
    tree.remove("last.py");
    for files_read in [1, 0] {
        let report = quarry.index(tree.root(), "refused").await;
        assert_eq!(report["files_read"], files_read, "{report}");
    }
}
