//! Repositories named by a git URL: indexed, searched, followed and removed as directories are.

use std::fs;

use system_tests::{FakeEndpoint, GitServer, Installation, Upstream, wait_until_async};

use crate::PROGRAM;

/// An installation that may also clone what lies on this machine.
pub(crate) async fn installation() -> (Installation, FakeEndpoint) {
    let endpoint = FakeEndpoint::start().await;
    let quarry = Installation::new(PROGRAM, &endpoint).await;
    (
        quarry.with("QUARRY_GIT_ALLOWED_PROTOCOLS", "https,ssh,file,git,http"),
        endpoint,
    )
}

/// The directories of the commits that this machine has in its cache.
pub(crate) fn checkouts(quarry: &Installation) -> Vec<String> {
    let Ok(repositories) = fs::read_dir(quarry.home().join("cache/repositories")) else {
        return Vec::new();
    };
    let trees = repositories.flat_map(|repository| fs::read_dir(repository.unwrap().path().join("trees")));
    trees
        .flatten()
        .map(|tree| tree.unwrap().file_name().into_string().unwrap())
        .collect()
}

pub(crate) async fn index_url(quarry: &Installation, url: &str) -> serde_json::Value {
    quarry.run(["index", url, "--wait", "--json"]).await.json()
}

/// The indexed text of a file.
pub(crate) async fn stored(quarry: &Installation, project: &str, path: &str) -> String {
    let text = format!("select content from codebase.code_chunks where file_path = '{path}' order by start_line");
    quarry.rows(project, &text).await.join("\n").trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_is_indexed_searched_and_followed_from_commit_to_commit() {
    let (quarry, _endpoint) = installation().await;
    let upstream = Upstream::new("shop");
    upstream
        .tree()
        .write("src/price.py", "def price_of(item):\n    return item.price\n");
    upstream.tree().write("notes.md", "# Notes\n\nnothing yet\n");
    let first = upstream.commit("first");
    let url = upstream.file_url();

    let report = index_url(&quarry, &format!("{url}/")).await;
    assert_eq!(
        (&report["project"], &report["repository"], &report["files_indexed"]),
        (&"shop".into(), &url.as_str().into(), &2.into()),
        "{report}"
    );
    let answer = quarry.search("shop", "price_of", &["--mode", "lexical"]).await;
    assert_eq!(
        (&answer["results"][0]["path"], &answer["results"][0]["repository"]),
        (&"src/price.py".into(), &url.as_str().into())
    );
    assert_eq!(
        (&answer["freshness"]["state"], &answer["freshness"]["commit"]),
        (&"fresh".into(), &first.as_str().into())
    );
    assert_eq!(index_url(&quarry, &url).await["files_unchanged"], 2);

    upstream
        .tree()
        .write("src/price.py", "def discount_of(item):\n    return item.discount\n");
    upstream.tree().remove("notes.md");
    let second = upstream.commit("second");
    let search = ["search", "discount_of", "--index", &url, "--mode", "lexical", "--json"];
    let answer = quarry.run(search).await.json();
    assert_eq!(answer["results"][0]["path"], "src/price.py", "{answer}");
    assert_eq!(answer["freshness"]["commit"], second);
    assert_eq!(
        quarry.rows("shop", "select path from codebase.files").await,
        ["src/price.py"]
    );
    assert_eq!(
        checkouts(&quarry),
        [second.as_str()],
        "the files of the first commit are gone"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_by_url_are_listed_shown_and_removed() {
    let (quarry, _endpoint) = installation().await;
    let upstream = Upstream::new("listed");
    upstream.tree().write("a.py", "a = 1\n");
    let commit = upstream.commit("first");
    let url = upstream.file_url();
    let within = quarry
        .run(["index", &url, "--project", "other", "--wait", "--json"])
        .await
        .json();
    assert_eq!(within["project"], "other");
    let listed = quarry
        .run(["repository", "list", "--project", "other", "--json"])
        .await
        .json();
    assert_eq!(
        (&listed[0]["root"], &listed[0]["host"]),
        (&url.as_str().into(), &"git".into())
    );
    let shown = quarry.run(["repository", "show", &url, "--json"]).await.json();
    assert_eq!(
        (&shown["git_commit"], &shown["git_branch"], &shown["git_dirty"]),
        (&commit.as_str().into(), &"main".into(), &false.into())
    );
    assert!(shown["fetched_at"].is_string(), "{shown}");
    let only = [
        "search",
        "a",
        "--project",
        "other",
        "--repository",
        &url,
        "--mode",
        "lexical",
        "--json",
    ];
    assert_eq!(quarry.run(only).await.json()["results"][0]["path"], "a.py");

    quarry.run(["repository", "remove", &url]).await.succeeded();
    assert_eq!(quarry.rows("other", "select count(*) from codebase.files").await, ["0"]);
    let gone = quarry.run(["repository", "show", &url, "--project", "other"]).await;
    gone.failed(1, &["is not indexed", "quarry index"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_is_followed_until_it_is_gone_and_what_was_indexed_stays() {
    let (quarry, _endpoint) = installation().await;
    let upstream = Upstream::new("branches");
    upstream.tree().write("a.py", "where = 'main'\n");
    upstream.commit("on main");
    upstream.git(["checkout", "--quiet", "-b", "feature/one"]);
    upstream.tree().write("a.py", "where = 'feature'\n");
    upstream.commit("on a branch");
    upstream.git(["checkout", "--quiet", "main"]);
    let url = upstream.file_url();

    quarry
        .run(["index", &url, "--branch", "feature/one", "--wait"])
        .await
        .succeeded();
    index_url(&quarry, &url).await;
    assert_eq!(
        stored(&quarry, "branches", "a.py").await,
        "where = 'feature'",
        "it stays with its branch"
    );

    upstream.git(["branch", "--quiet", "-D", "feature/one"]);
    let gone = quarry.run(["index", &url, "--wait"]).await;
    gone.failed(1, &["no branch feature/one", "--branch"]);
    let answer = quarry.search("branches", "feature", &["--mode", "lexical"]).await;
    assert_eq!(answer["results"][0]["path"], "a.py");
    assert_eq!(answer["freshness"]["state"], "failed");

    quarry
        .run(["index", &url, "--branch", "HEAD", "--wait"])
        .await
        .succeeded();
    assert_eq!(stored(&quarry, "branches", "a.py").await, "where = 'main'");
    let directory = quarry
        .run(["index", upstream.tree().argument(), "--branch", "main"])
        .await;
    directory.failed(1, &["--branch is for git URLs"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_of_a_url_is_that_of_a_clone() {
    let (quarry, _endpoint) = installation().await;
    let upstream = Upstream::new("same");
    upstream.tree().write_modules(40);
    upstream.tree().write(".gitignore", "ignored/\n");
    upstream.tree().write("ignored/forced.py", "forced = 1\n");
    upstream.tree().write("windows.txt", "one\r\ntwo\r\n");
    upstream.tree().write("logo.png", [0_u8, 1, 2, 3]);
    upstream.tree().write(".gitattributes", "*.txt text eol=lf\n");
    upstream.commit("first");
    let server = GitServer::start(&upstream).await;
    index_url(&quarry, server.url()).await;
    quarry.index(upstream.tree().root(), "directory").await;
    let as_directory = quarry.dump("directory").await;
    let root = upstream.tree().argument();
    let as_url: Vec<String> = quarry
        .dump("same")
        .await
        .iter()
        .map(|row| row.replace(server.url(), root))
        .collect();
    // What git converts on the way in is committed converted; everything else is equal to the last byte.
    let without = |rows: &[String]| -> Vec<String> {
        let mut rows: Vec<String> = rows
            .iter()
            .filter(|row| !row.contains("windows.txt"))
            .cloned()
            .collect();
        rows.sort();
        rows
    };
    assert_eq!(without(&as_url), without(&as_directory));
}

#[tokio::test(flavor = "multi_thread")]
async fn new_commits_are_found_without_being_asked_for() {
    let (quarry, _endpoint) = installation().await;
    let quarry = quarry.with("QUARRY_GIT_REFRESH_S", "1");
    let upstream = Upstream::new("pushed");
    upstream.tree().write("a.py", "version = 1\n");
    upstream.commit("first");
    let worker = quarry.start(["worker"]);
    index_url(&quarry, &upstream.file_url()).await;
    upstream.tree().write("a.py", "version = 2\n");
    upstream.commit("second");
    wait_until_async("the worker has found the commit", async || {
        stored(&quarry, "pushed", "a.py").await == "version = 2"
    })
    .await;
    worker.terminate().await;
    worker.finish().await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_repository_brings_along_is_run_or_followed() {
    let (quarry, _endpoint) = installation().await;
    let marker = quarry.home().join("was-run");
    let run = format!("touch '{}'", marker.display());
    // The person's own configuration knows filters and hooks; the repository may not choose to have them run.
    let hooks = quarry.home().join("hooks");
    fs::create_dir(&hooks).unwrap();
    for hook in ["post-checkout", "reference-transaction", "post-index-change"] {
        fs::write(hooks.join(hook), format!("#!/bin/sh\n{run}\n")).unwrap();
        fs::set_permissions(hooks.join(hook), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let config = format!(
        "[filter \"evil\"]\n\tsmudge = \"{run}; cat\"\n\tprocess = \"{run}\"\n\trequired = true\n[core]\n\thooksPath = {}\n\tfsmonitor = \"{run}\"\n",
        hooks.display()
    );
    fs::write(quarry.home().join(".gitconfig"), config).unwrap();
    let secret = quarry.home().join("secret.txt");
    fs::write(&secret, "the secret of this machine\n").unwrap();

    let other = Upstream::new("other");
    other.tree().write("inner.py", "inner = 1\n");
    other.commit("first");
    let upstream = Upstream::new("hostile");
    let tree = upstream.tree();
    tree.write("a.py", "a = 1\n");
    tree.write("id.txt", "$Id$\n");
    std::os::unix::fs::symlink(&secret, tree.path("linked.txt")).unwrap();
    std::os::unix::fs::symlink(quarry.home(), tree.path("linked-directory")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", tree.path(".gitignore")).unwrap();
    upstream.commit("first");
    // Not through `git add`, which would itself obey them.
    tree.write(
        ".gitattributes",
        "* filter=evil text=auto working-tree-encoding=UTF-16 ident\n",
    );
    let attributes = upstream.git(["hash-object", "-w", "--no-filters", ".gitattributes"]);
    let submodule = other.git(["rev-parse", "HEAD"]);
    for (mode, object, path) in [("100644", attributes, ".gitattributes"), ("160000", submodule, "sub")] {
        upstream.git([
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("{mode},{object},{path}"),
        ]);
    }
    upstream.git(["commit", "--quiet", "--message", "hostile"]);

    index_url(&quarry, &upstream.file_url()).await;
    assert!(!marker.exists(), "something was run");
    assert_eq!(
        quarry
            .rows("hostile", "select path from codebase.files order by path")
            .await,
        [".gitattributes", "a.py", "id.txt"]
    );
    assert_eq!(stored(&quarry, "hostile", "id.txt").await, "$Id$");
    let found = quarry
        .search("hostile", "secret of this machine", &["--mode", "lexical"])
        .await;
    assert_eq!(found["results"].as_array().unwrap().len(), 0, "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn up_serves_a_url_as_it_serves_a_directory() {
    let (quarry, _endpoint) = installation().await;
    let upstream = Upstream::new("served");
    upstream.tree().write("a.py", "a = 1\n");
    upstream.commit("first");
    let serving = quarry.start(["up", &upstream.file_url()]);
    serving.says("Working; Ctrl-C stops everything.").await;
    assert_eq!(stored(&quarry, "served", "a.py").await, "a = 1");
    serving.interrupt().await;
    serving.finish().await.succeeded();
}
