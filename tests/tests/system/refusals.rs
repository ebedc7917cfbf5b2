//! What cannot be done fails with a status and a reason, never with a success that did nothing.

use system_tests::Tree;

use crate::installation;

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_repository_is_an_error_that_says_why() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("nothing");
    quarry
        .run(["index", tree.argument(), "--wait", "--json"])
        .await
        .failed(1, &["holds no files", tree.argument()]);
    tree.write(".env", "PASSWORD=x\n");
    tree.write("picture.png", b"\x89PNG\r\n\x1a\n\x00");
    let finished = quarry.run(["index", tree.argument(), "--wait"]).await;
    finished.failed(1, &["nothing to index", "1 binary", "1 secret"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_named_in_the_error() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("there");
    tree.write("a.py", "x = 1\n");
    quarry.index(tree.root(), "there").await;
    let elsewhere = Tree::new("elsewhere");
    let missing = format!("{}/missing", tree.argument());
    let file = format!("{}/a.py", tree.argument());

    quarry
        .run(["search", "x", "--project", "ther"])
        .await
        .failed(1, &["ther", "there"]);
    quarry
        .run(["status", "--project", "unknown"])
        .await
        .failed(1, &["unknown"]);
    quarry
        .run(["jobs", "list", "--project", "unknown"])
        .await
        .failed(1, &["unknown"]);
    quarry
        .run(["psql", "--project", "unknown"])
        .await
        .failed(1, &["unknown"]);
    quarry
        .run(["project", "drop", "unknown", "--yes"])
        .await
        .failed(1, &["unknown"]);
    quarry.run(["index", &missing, "--wait"]).await.failed(1, &[&missing]);
    quarry.run(["index", &file, "--wait"]).await.failed(1, &["is a file"]);
    quarry
        .run(["search", "x", "--index", &file])
        .await
        .failed(1, &["is a file"]);
    let other = elsewhere.argument();
    quarry
        .run(["search", "x", "--project", "there", "--repository", other])
        .await
        .failed(1, &[other, "there"]);
    quarry
        .run(["repository", "show", other, "--project", "there"])
        .await
        .failed(1, &[other, "quarry index"]);
    quarry
        .run(["repository", "remove", other, "--project", "there"])
        .await
        .failed(1, &[other]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_values_are_refused_with_what_is_wrong_with_them() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("values");
    tree.write("a.py", "x = 1\n");
    quarry.index(tree.root(), "values").await;
    quarry
        .run(["search", "x", "--project", "values", "--path", "src/[a"])
        .await
        .failed(1, &["src/[a"]);
    quarry
        .run(["search", "   ", "--project", "values"])
        .await
        .failed(1, &["query"]);
    quarry
        .run(["search", "x", "--project", "values", "-k", "0"])
        .await
        .failed(1, &[]);
    quarry
        .run(["project", "create", "Not A Name"])
        .await
        .failed(1, &["project name"]);
    quarry.run(["project", "create", "values"]).await.failed(1, &["values"]);
    quarry.run(["project", "drop", "values"]).await.failed(1, &["--yes"]);
    quarry
        .run(["index", tree.argument(), "--project", "Not A Name"])
        .await
        .failed(1, &["project name"]);
    let wrong = "postgres://nobody:none@127.0.0.1:1/none";
    let finished = quarry.run(["project", "list", "--database-url", wrong]).await;
    assert!(
        !finished.stderr.contains("none@"),
        "no password in an error: {finished}"
    );
    finished.failed(1, &["127.0.0.1:1", "refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_use_of_the_command_line_ends_with_two() {
    let (quarry, _endpoint) = installation().await;
    quarry.run(["index"]).await.failed(2, &["PATH", "Usage"]);
    quarry.run(["no-such-command"]).await.failed(2, &["no-such-command"]);
    quarry.run(["search", "x", "-k", "many"]).await.failed(2, &["many"]);
    quarry
        .run(["search", "x", "--mode", "magic"])
        .await
        .failed(2, &["magic", "lexical"]);
    quarry.run(Vec::<&str>::new()).await.failed(2, &["Usage"]);
}
