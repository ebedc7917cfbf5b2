//! `quarry check` finds whatever the index says wrongly, names a remedy that works, and calls a file that waits pending.

use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};
use system_tests::{Finished, Installation, Tree, wait_until};

use crate::installation;

fn tree() -> Tree {
    let tree = Tree::new("checked");
    tree.write_modules(12);
    tree.write("docs/guide.md", "# Guide\n\nHow modules are counted.\n");
    tree.write("empty.txt", "");
    tree
}

async fn check(quarry: &Installation, flags: &[&str]) -> Finished {
    quarry
        .run([&["check", "--project", "checked", "--json"], flags].concat())
        .await
}

fn document(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished}"))
}

/// What a check that has to fail says of the only repository.
async fn differs(quarry: &Installation) -> Value {
    let finished = check(quarry, &[]).await;
    assert_eq!(finished.status, Some(1), "{finished}");
    assert!(finished.stderr.contains("differs from the tree"), "{finished}");
    let document = document(&finished);
    assert_eq!(document["equal"], false, "{finished}");
    document["repositories"][0].clone()
}

async fn is_equal(quarry: &Installation) -> Value {
    let document = check(quarry, &[]).await.json();
    assert_eq!(document["equal"], true, "{document}");
    assert_eq!(document["repositories"][0]["differences"], json!([]));
    assert_eq!(document["repositories"][0]["remedy"], Value::Null);
    document["repositories"][0].clone()
}

fn kinds(repository: &Value) -> Vec<String> {
    let found = repository["differences"].as_array().unwrap().iter();
    let mut kinds: Vec<String> = found.map(|found| found["kind"].as_str().unwrap().to_owned()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Runs the commands that a check names.
async fn follow(quarry: &Installation, repository: &Value) {
    for command in repository["remedy"].as_str().unwrap().split(" && ") {
        let mut words = command.split(' ');
        assert_eq!(words.next(), Some("quarry"));
        quarry.run(words).await.succeeded();
    }
}

/// Statements on the project's database that make the index wrong, each with the kinds of difference it makes.
const FAULTS_IN_FILES: [(&str, &[&str]); 11] = [
    (
        "update codebase.file_outlines set outline = outline || outline",
        &["file"],
    ),
    ("delete from codebase.file_outlines", &["file"]),
    (
        // Without a stamp, which a slow machine stores: with one it would be called a stamp that lies.
        "update codebase.files set content_hash = decode(repeat('00', 32), 'hex'), change_time = null
         where path = 'docs/guide.md'",
        &["content"],
    ),
    (
        "update codebase.files set size_bytes = 7 where path = 'empty.txt'",
        &["file"],
    ),
    (
        "update codebase.files set language = 'cobol' where path = 'docs/guide.md'",
        &["file"],
    ),
    (
        "update codebase.files set line_count = line_count + 1 where path = 'docs/guide.md'",
        &["file"],
    ),
    (
        "update codebase.files set chunk_count = 9 where path = 'docs/guide.md'",
        &["file"],
    ),
    (
        "update codebase.files set chunker_version = 0 where path like 'src/part_1/%'",
        &["outdated"],
    ),
    (
        "delete from codebase.files where path = 'docs/guide.md'",
        &["counter", "loose_chunks", "missing"],
    ),
    (
        "delete from codebase.files where path = 'empty.txt'",
        &["counter", "missing"],
    ),
    (
        "insert into codebase.files
             (repository_id, path, content_hash, size_bytes, line_count, chunk_count, chunker_version)
         select repository_id, 'src/zombie.py', content_hash, 0, 0, 0, chunker_version
         from codebase.files where path = 'empty.txt'",
        &["counter", "extra"],
    ),
];

const FAULTS_IN_CHUNKS: [(&str, &[&str]); 13] = [
    ("update codebase.code_chunks set uses = null where uses is not null", &["chunk"]),
    (
        "update codebase.code_chunks set content = content || ' appended' where file_path = 'docs/guide.md'",
        &["chunk", "lexical"],
    ),
    ("update codebase.code_chunks set end_line = 9 where file_path = 'docs/guide.md'", &["chunk"]),
    (
        "update codebase.code_chunks set symbol = 'other' where file_path = 'docs/guide.md'",
        &["chunk", "lexical"],
    ),
    (
        "update codebase.code_chunks set context_after = 'other' where file_path = 'docs/guide.md'",
        &["chunk"],
    ),
    (
        "update codebase.code_chunks set embedding_hash = decode(repeat('00', 32), 'hex')
         where file_path = 'docs/guide.md'",
        &["chunk"],
    ),
    ("update codebase.code_chunks set embedding = null where file_path = 'docs/guide.md'", &["vector"]),
    (
        "update codebase.code_chunks set embedding =
             (select embedding from codebase.code_chunks where file_path = 'src/part_1/module_1.py' limit 1)
         where file_path = 'docs/guide.md'",
        &["vector"],
    ),
    (
        "update codebase.code_chunks set embedding_error = 'refused' where file_path = 'docs/guide.md'",
        &["vector"],
    ),
    (
        "delete from codebase.code_chunks where file_path = 'docs/guide.md'",
        &["chunk", "counter", "file", "lexical"],
    ),
    (
        "insert into codebase.code_chunks (repository_id, file_path, file_type, language, content, start_line, end_line,
             embedding, embedding_hash)
         select repository_id, file_path, file_type, language, content, start_line, end_line, embedding, embedding_hash
         from codebase.code_chunks where file_path = 'docs/guide.md'",
        &["chunk", "counter", "file", "lexical"],
    ),
    (
        "update codebase.code_chunks set file_path = 'gone.md' where file_path = 'docs/guide.md'",
        &["chunk", "file", "lexical", "loose_chunks"],
    ),
    (
        "update codebase.embeddings set embedding = (select embedding from codebase.embeddings where content_hash <>
             (select embedding_hash from codebase.code_chunks where file_path = 'docs/guide.md') limit 1)
         where content_hash = (select embedding_hash from codebase.code_chunks where file_path = 'docs/guide.md')",
        &["vector"],
    ),
];

const FAULTS_AROUND_THEM: [(&str, &[&str]); 11] = [
    ("delete from codebase.lexical_segments", &["lexical"]),
    (
        "delete from codebase.lexical_blocks where first_term = (select min(first_term) from codebase.lexical_blocks)",
        &["lexical"],
    ),
    ("update codebase.lexical_blocks set block = '\\x80'", &["lexical"]),
    (
        "update codebase.lexical_blocks set first_term = first_term || 'zz'",
        &["lexical"],
    ),
    (
        "insert into codebase.lexical_tombstones (repository_id, chunk_numbers)
         select repository_id, array[number] from codebase.code_chunks where file_path = 'docs/guide.md'",
        &["lexical"],
    ),
    (
        "insert into codebase.lexical_segments (repository_id, chunk_count, token_count, chunks)
         select repository_id, chunk_count, token_count, chunks from codebase.lexical_segments",
        &["lexical"],
    ),
    ("update codebase.lexical_segments set chunks = '\\x80'", &["lexical"]),
    (
        "update codebase.lexical_segments set token_count = token_count + 1",
        &["lexical"],
    ),
    (
        "update codebase.repositories set total_files = total_files + 1",
        &["counter"],
    ),
    ("update codebase.repositories set total_chunks = 0", &["counter"]),
    (
        "update codebase.fences set fence = fence + 1000000 where lane like 'index_files/%'",
        &["fence"],
    ),
];

/// Every fault is found under its kind, and the remedy that is named leaves an index that is equal again.
async fn each_is_found_and_put_right(faults: &[(&str, &[&str])]) {
    let (quarry, _endpoint) = installation().await;
    let tree = tree();
    quarry.index(tree.root(), "checked").await;
    is_equal(&quarry).await;
    for (statement, expected) in faults {
        quarry.rows("checked", statement).await;
        let found = differs(&quarry).await;
        assert_eq!(kinds(&found), *expected, "{statement}: {found}");
        follow(&quarry, &found).await;
        is_equal(&quarry).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_in_the_rows_of_files_are_found() {
    each_is_found_and_put_right(&FAULTS_IN_FILES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_in_the_rows_of_chunks_are_found() {
    each_is_found_and_put_right(&FAULTS_IN_CHUNKS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_in_words_counters_and_fences_are_found() {
    each_is_found_and_put_right(&FAULTS_AROUND_THEM).await;
}

/// What the system says of a file, as the index stores it: sets of columns of an update.
fn stamp_of(tree: &Tree, path: &str) -> String {
    let seen = std::fs::metadata(tree.path(path)).unwrap();
    let time = |seconds: i64, nanos: i64| format!("to_timestamp({seconds}) + interval '{} microseconds'", nanos / 1000);
    format!(
        "modified_at = {}, change_time = {}, inode = {}, size_bytes = {}",
        time(seen.mtime(), seen.mtime_nsec()),
        time(seen.ctime(), seen.ctime_nsec()),
        seen.ino(),
        seen.len()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_comparisons_would_not_read_is_found_nevertheless() {
    let (quarry, _endpoint) = installation().await;
    let tree = tree();
    tree.write("generated.py", "# Code generated by a test. DO NOT EDIT.\n");
    quarry.index(tree.root(), "checked").await;
    wait_until("the files are old enough for their stamps to be believed", || {
        let seen = std::fs::metadata(tree.path("generated.py")).unwrap();
        seen.modified().unwrap().elapsed().unwrap().as_secs() >= 3
    })
    .await;
    quarry.index(tree.root(), "checked").await;
    let noted = quarry.rows("checked", "select path from codebase.refused_files").await;
    if noted.is_empty() {
        eprintln!("this file system keeps no change times: every file is read");
        return;
    }
    is_equal(&quarry).await;

    // As if the bytes had changed without any sign of it.
    let other = "content_hash = decode(repeat('00', 32), 'hex')";
    let change = format!("update codebase.files set {other} where path = 'docs/guide.md'");
    quarry.rows("checked", &change).await;
    let note = format!(
        "update codebase.refused_files set path = 'empty.txt', {}",
        stamp_of(&tree, "empty.txt")
    );
    quarry.rows("checked", &note).await;
    quarry
        .rows("checked", "delete from codebase.files where path = 'empty.txt'")
        .await;
    quarry.index(tree.root(), "checked").await;
    let found = differs(&quarry).await;
    assert_eq!(kinds(&found), ["stamp"], "{found}");
    assert_eq!(found["differences"].as_array().unwrap().len(), 2);
    follow(&quarry, &found).await;
    is_equal(&quarry).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_the_tree_are_differences_until_they_are_indexed() {
    let (quarry, _endpoint) = installation().await;
    let tree = tree();
    quarry.index(tree.root(), "checked").await;
    let before = is_equal(&quarry).await;
    assert_eq!(before["files"], 14);
    assert_eq!(before["pending"], 0);
    tree.write("docs/guide.md", "# Guide\n\nRewritten.\n");
    tree.write("added.py", "added = 1\n");
    tree.remove("empty.txt");
    tree.rename("src/part_2/module_2.py", "src-2/module.py");
    tree.write(".gitignore", "part_3/\n");
    let found = differs(&quarry).await;
    let named: Vec<(String, String)> = found["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| {
            (
                found["kind"].as_str().unwrap().to_owned(),
                found["path"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let expected = [
        ("missing", "added.py"),
        ("content", "docs/guide.md"),
        ("extra", "empty.txt"),
        ("extra", "src/part_2/module_2.py"),
        ("extra", "src/part_3/module_10.py"),
        ("extra", "src/part_3/module_3.py"),
        ("missing", "src-2/module.py"),
    ];
    let mut named: Vec<(&str, &str)> = named
        .iter()
        .map(|(kind, path)| (kind.as_str(), path.as_str()))
        .collect();
    named.sort_unstable_by_key(|(_, path)| path.replace('/', "\u{1}"));
    assert_eq!(named, expected);
    follow(&quarry, &found).await;
    is_equal(&quarry).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_pending_and_not_wrong() {
    let (quarry, endpoint) = installation().await;
    let tree = tree();
    quarry.index(tree.root(), "checked").await;
    tree.write("docs/guide.md", "# Guide\n\nWaits for a worker.\n");
    tree.write("added.py", "added = 1\n");
    quarry
        .run(["index", tree.argument(), "--project", "checked"])
        .await
        .succeeded();
    // The sync waits: whatever it would find is not wrong.
    let waiting = check(&quarry, &[]).await.json();
    assert_eq!(waiting["equal"], true, "{waiting}");
    assert_eq!(waiting["repositories"][0]["pending_sync"], true);
    assert_eq!(waiting["repositories"][0]["pending"], 2);
    check(&quarry, &["--wait"])
        .await
        .failed(1, &["no worker is alive", "quarry worker"]);

    // The files wait: the endpoint holds their vectors back.
    endpoint.hold();
    let worker = quarry.start(["worker"]);
    wait_until("the endpoint is asked", || endpoint.held() > 0).await;
    let held = check(&quarry, &[]).await.json();
    assert_eq!(held["equal"], true, "{held}");
    assert_eq!(held["repositories"][0]["pending"], 2);
    let finished = check(&quarry, &["--wait", "--timeout-s", "1"]).await;
    finished.failed(1, &["2 files", "still wait after 1 s"]);

    endpoint.release();
    let settled = check(&quarry, &["--wait"]).await.json();
    assert_eq!(settled["equal"], true, "{settled}");
    assert_eq!(settled["repositories"][0]["pending"], 0);
    assert_eq!(settled["repositories"][0]["files"], 15);
    worker.terminate().await;
    worker.finish().await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_stands_parked_is_a_difference_with_its_reason() {
    let (mut quarry, endpoint) = installation().await;
    quarry.set("QUARRY_QUEUE_MAX_ATTEMPTS", "1");
    let tree = tree();
    quarry.index(tree.root(), "checked").await;
    tree.write("docs/guide.md", "# Guide\n\nNo vector for this.\n");
    endpoint.answer_garbage(true);
    let failed = quarry
        .run(["index", tree.argument(), "--project", "checked", "--wait"])
        .await;
    assert_eq!(failed.status, Some(1), "{failed}");
    let found = differs(&quarry).await;
    assert_eq!(kinds(&found), ["parked"]);
    assert_eq!(found["differences"][0]["path"], "docs/guide.md");
    endpoint.answer_garbage(false);
    follow(&quarry, &found).await;
    is_equal(&quarry).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_repository_is_checked_by_any_path_in_it() {
    let (quarry, _endpoint) = installation().await;
    let (tree, other) = (tree(), Tree::new("other"));
    other.write("a.py", "a = 1\n");
    quarry.index(tree.root(), "checked").await;
    quarry.index(other.root(), "checked").await;
    other.write("b.py", "b = 1\n");
    let inside = tree.path("src/part_1");
    let one = quarry.run(["check", inside.to_str().unwrap(), "--json"]).await.json();
    assert_eq!(one["repositories"].as_array().unwrap().len(), 1);
    assert_eq!(one["repositories"][0]["repository"], tree.argument());
    let both = check(&quarry, &[]).await;
    assert_eq!(both.status, Some(1), "{both}");
    let printed = quarry.run_in(&other.path("."), ["check", "."]).await;
    assert_eq!(printed.status, Some(1), "{printed}");
    for words in ["2 files, ", "1 difference", "missing", "b.py", "quarry index"] {
        assert!(printed.stdout.contains(words), "{words}: {printed}");
    }
    quarry
        .run(["check", "/nowhere/at/all"])
        .await
        .failed(1, &["no indexed repository", "quarry index"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_of_another_machine_is_named_and_not_called_equal() {
    let (mut quarry, _endpoint) = installation().await;
    let tree = tree();
    quarry.set("QUARRY_HOST", "one");
    quarry.index(tree.root(), "checked").await;
    quarry.set("QUARRY_HOST", "another");
    let finished = check(&quarry, &[]).await;
    assert_eq!(finished.status, Some(1), "{finished}");
    assert!(finished.stderr.contains("nothing could be compared"), "{finished}");
    let document = document(&finished);
    assert_eq!(document["equal"], false);
    assert_eq!(document["repositories"][0]["not_comparable"], "its files are on one");
}
