//! What is refused of a git URL, and what is said about it: never with its secrets, always with what to do.

use std::time::Duration;

use system_tests::{GitServer, Installation, Manners, Upstream, wait_until};

use crate::git_urls::{checkouts, index_url, installation, stored};

async fn refused(quarry: &Installation, arguments: &[&str], reasons: &[&str]) {
    let finished = quarry.run(arguments.iter().copied()).await;
    assert!(!finished.stderr.contains("hunter2"), "a secret is repeated: {finished}");
    finished.failed(1, reasons);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_urls_and_options_are_refused_before_anything_is_made() {
    let (quarry, _endpoint) = crate::installation().await;
    let marker = quarry.home().join("was-run");
    let marker = marker.display().to_string();
    let ext = format!("ext::sh -c touch% {marker}");
    let proxy = format!("ssh://-oProxyCommand=touch${{IFS}}{marker}/repo");
    let scp = "-oProxyCommand=touch:repo";
    for (url, reason) in [
        ("https://me:hunter2@host.invalid/repo", "credential helper"),
        ("https://hunter2@host.invalid/repo", "credential helper"),
        ("ssh://git:hunter2@host.invalid/repo", "credential helper"),
        ("https://host.invalid/repo?token=hunter2", "query"),
        ("file:///etc", "git.allowed_protocols"),
        ("http://host.invalid/repo", "git.allowed_protocols"),
        ("git://host.invalid/repo", "git.allowed_protocols"),
        ("ftp://host.invalid/repo", "git URLs start with"),
        ("https://host.invalid/../repo", "path"),
        (&ext, "no git URL"),
        (&proxy, "host of the URL"),
    ] {
        refused(&quarry, &["index", url, "--wait"], &[reason]).await;
    }
    refused(&quarry, &["index", "--wait", "--", scp], &["no git URL"]).await;
    let upload = format!("--branch=--upload-pack=touch {marker}");
    refused(
        &quarry,
        &["index", "https://host.invalid/repo", &upload],
        &["no name of a branch"],
    )
    .await;
    let listed = quarry.with("QUARRY_GIT_ALLOWED_HOSTS", "git.invalid");
    refused(
        &listed,
        &["index", "https://host.invalid/repo"],
        &["git.allowed_hosts", "host.invalid"],
    )
    .await;
    assert_eq!(
        listed.run(["project", "list", "--json"]).await.json(),
        serde_json::json!([])
    );
    assert!(!std::path::Path::new(&marker).exists(), "something was run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_in_the_settings_of_a_repository_changes_nothing() {
    let (quarry, _endpoint) = crate::installation().await;
    let tree = system_tests::Tree::new("settings");
    tree.write("quarry.toml", "[git]\nallowed_hosts = \"*\"\n");
    let finished = quarry.run(["index", tree.argument()]).await;
    finished.failed(1, &["git.allowed_hosts may not be set by a repository"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_above_the_limit_is_given_up_while_it_arrives() {
    let (quarry, _endpoint) = installation().await;
    let quarry = quarry.with("QUARRY_GIT_MAX_BYTES", "1048576");
    // Neither half compresses, so all of it travels.
    let noise: Vec<u8> = (0_u32..1_000_000)
        .flat_map(|n| blake3::hash(&n.to_le_bytes()).as_bytes()[..3].to_vec())
        .collect();
    let upstream = Upstream::new("large");
    upstream.tree().write("noise.bin", noise);
    upstream.tree().write("a.py", "a = 1\n");
    upstream.commit("first");
    let server = GitServer::start(&upstream).await;
    refused(
        &quarry,
        &["index", server.url(), "--wait"],
        &["git.max_bytes", "QUARRY_GIT_MAX_BYTES"],
    )
    .await;

    // A few kilobytes that unpack to more than the limit.
    upstream.tree().write("noise.bin", vec![0_u8; 3_000_000]);
    upstream.commit("second");
    refused(&quarry, &["index", server.url(), "--wait"], &["git.max_bytes"]).await;
    assert_eq!(checkouts(&quarry), [""; 0]);

    upstream.tree().remove("noise.bin");
    upstream.commit("third");
    index_url(&quarry, server.url()).await;
    assert_eq!(stored(&quarry, "large", "a.py").await, "a = 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_given_up_and_its_connection_closed() {
    let (quarry, _endpoint) = installation().await;
    let quarry = quarry.with("QUARRY_GIT_TIMEOUT_S", "1");
    let upstream = Upstream::new("slow");
    upstream.tree().write("a.py", "a = 1\n");
    upstream.commit("first");
    let server = GitServer::start(&upstream).await;
    server.behave(Manners::Silent);
    let indexing = quarry.start(["index", server.url(), "--wait"]);
    wait_until("the server is asked", || server.silent_connections() == 1).await;
    let finished = indexing.finish_within(Duration::from_secs(30)).await;
    finished.failed(1, &["did not finish within 1 s", "git.timeout_s"]);
    wait_until("nobody holds the connection", || server.silent_connections() == 0).await;

    server.behave(Manners::Good);
    index_url(&quarry.with("QUARRY_GIT_TIMEOUT_S", "60"), server.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_refuse_or_redirect_are_told_apart() {
    use axum::http::StatusCode;
    use axum::response::{IntoResponse, Redirect};
    let (quarry, _endpoint) = installation().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let elsewhere = format!("http://{address}/elsewhere");
    let router = axum::Router::new()
        .route(
            "/moved/{*rest}",
            axum::routing::get(async move || Redirect::temporary(&elsewhere)),
        )
        .route(
            "/closed/{*rest}",
            axum::routing::get(async || StatusCode::UNAUTHORIZED.into_response()),
        );
    tokio::spawn(async move { axum::serve(listener, router).await });
    for (path, reason) in [
        ("moved", "redirects, which is not followed"),
        ("closed", "credential helper"),
        ("nothing", "no repository at this URL"),
    ] {
        let url = format!("http://{address}/{path}/repo");
        refused(&quarry, &["index", &url, "--wait"], &[reason]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_git_it_says_so() {
    let (quarry, _endpoint) = installation().await;
    let upstream = Upstream::new("toolless");
    upstream.tree().write("a.py", "a = 1\n");
    upstream.commit("first");
    let url = upstream.file_url();
    let toolless = quarry.with("PATH", "/nonexistent");
    refused(
        &toolless,
        &["index", &url, "--wait"],
        &["git is not installed", "quarry worker"],
    )
    .await;
    refused(
        &toolless,
        &["index", &upstream.tree().path("gone").display().to_string()],
        &["open the directory"],
    )
    .await;
    let directory = toolless.index(upstream.tree().root(), "toolless").await;
    assert_eq!(directory["files_indexed"], 1, "a directory needs no git");
}
