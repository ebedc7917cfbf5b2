//! How the built-in endpoint is found, started, replaced and stopped. The program that is started is this test binary,
//! which runs `serve_as_embedder` and nothing else when it is told so by its environment.
#![allow(clippy::unwrap_used)] // tests

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::Request;
use axum::response::IntoResponse as _;
use axum::{Json, Router, routing};
use quarry_embedding::{
    BUILT_IN_MODEL, BuiltInState, Embedded, EmbeddingClient, Purpose, STOP_KEY_HEADER, built_in_endpoint, stop_built_in,
};
use serde_json::json;

/// Directory of one test: the home, and a program in it that counts its starts.
struct Home {
    directory: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let this = std::env::current_exe().unwrap();
        let script = format!(
            "#!/bin/sh\necho started >> '{}'\nEMBEDDER_ARGUMENTS=\"$*\" exec '{}' --ignored --exact serve_as_embedder --nocapture\n",
            directory.path().join("starts").display(),
            this.display(),
        );
        let program = directory.path().join("quarry");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn program(&self) -> PathBuf {
        self.path().join("quarry")
    }

    fn state_file(&self) -> PathBuf {
        self.path().join("run/embedder.json")
    }

    fn starts(&self) -> usize {
        std::fs::read_to_string(self.path().join("starts"))
            .unwrap_or_default()
            .lines()
            .count()
    }

    async fn endpoint(&self) -> String {
        built_in_endpoint(self.path(), &self.program()).await.unwrap()
    }
}

/// Serves as the embedder does, as far as finding and stopping it go, with vectors of ones.
#[ignore = "started as a process of its own by the other tests"]
#[tokio::test]
async fn serve_as_embedder() {
    let Ok(arguments) = std::env::var("EMBEDDER_ARGUMENTS") else {
        return;
    };
    let state_file = PathBuf::from(arguments.split_once("--state ").unwrap().1);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let state = state_at(&format!("http://{}", listener.local_addr().unwrap()));
    let stop = Arc::new(tokio::sync::Notify::new());
    state.write(&state_file).unwrap();
    let router = router(state.clone(), stop.clone());
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { stop.notified().await })
        .await
        .unwrap();
    state.remove(&state_file).unwrap();
}

fn state_at(url: &str) -> BuiltInState {
    BuiltInState {
        url: url.to_owned(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        model: BUILT_IN_MODEL.to_owned(),
        instance: format!("run of {url}"),
        stop_key: "the stop key".to_owned(),
    }
}

fn router(state: BuiltInState, stop: Arc<tokio::sync::Notify>) -> Router {
    let health = json!({"instance": state.instance, "model": state.model});
    let embed = |Json(body): Json<serde_json::Value>| async move {
        let texts = body["input"].as_array().unwrap().len();
        let items: Vec<_> = (0..texts)
            .map(|index| json!({"index": index, "embedding": vec![1.0; 256]}))
            .collect();
        Json(json!({"data": items}))
    };
    let stop = move |request: Request| async move {
        match request
            .headers()
            .get(STOP_KEY_HEADER)
            .is_some_and(|key| key == state.stop_key.as_str())
        {
            true => stop.notify_one(),
            false => return axum::http::StatusCode::FORBIDDEN.into_response(),
        }
        axum::http::StatusCode::NO_CONTENT.into_response()
    };
    Router::new()
        .route("/healthz", routing::get(|| async { Json(health) }))
        .route("/v1/embeddings", routing::post(embed))
        .route("/stop", routing::post(stop))
}

/// An endpoint in this process, with the state a test wants to be found.
async fn serve_here(change: impl FnOnce(&mut BuiltInState), home: &Home) -> BuiltInState {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut state = state_at(&format!("http://{}", listener.local_addr().unwrap()));
    change(&mut state);
    state.write(&home.state_file()).unwrap();
    let stop = Arc::new(tokio::sync::Notify::new());
    let router = router(state.clone(), stop.clone());
    tokio::spawn(
        axum::serve(listener, router)
            .with_graceful_shutdown(async move { stop.notified().await })
            .into_future(),
    );
    state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_start_exactly_one() {
    let home = Arc::new(Home::new());
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let home = home.clone();
        asking.spawn(async move { home.endpoint().await });
    }
    let mut addresses = asking.join_all().await;
    addresses.dedup();
    assert_eq!((addresses.len(), home.starts()), (1, 1));
    assert!(stop_built_in(home.path()).await.unwrap());
    assert!(!stop_built_in(home.path()).await.unwrap());
    assert!(!home.state_file().exists());
}

#[tokio::test]
async fn a_state_whose_port_somebody_else_took_starts_a_new_endpoint() {
    let home = Home::new();
    let stranger = serve_here(|_| {}, &home).await;
    let stale = BuiltInState {
        instance: "a run that crashed".to_owned(),
        ..stranger.clone()
    };
    stale.write(&home.state_file()).unwrap();
    assert_ne!(home.endpoint().await, stranger.url);
    assert_eq!(home.starts(), 1);
    assert!(stop_built_in(home.path()).await.unwrap());
}

#[tokio::test]
async fn a_damaged_state_starts_a_new_endpoint() {
    let home = Home::new();
    std::fs::create_dir_all(home.path().join("run")).unwrap();
    std::fs::write(home.state_file(), "{").unwrap();
    home.endpoint().await;
    assert_eq!(home.starts(), 1);
    assert!(stop_built_in(home.path()).await.unwrap());
}

#[tokio::test]
async fn an_endpoint_of_an_older_version_is_replaced() {
    let home = Home::new();
    let older = serve_here(|state| state.version = "0.0.1".to_owned(), &home).await;
    assert_ne!(home.endpoint().await, older.url);
    assert!(stop_built_in(home.path()).await.unwrap());
}

#[tokio::test]
async fn an_endpoint_of_a_newer_version_is_used_if_it_has_our_model() {
    let home = Home::new();
    let newer = serve_here(|state| state.version = "999.0.0".to_owned(), &home).await;
    assert_eq!(home.endpoint().await, newer.url);
    serve_here(
        |state| {
            state.version = "999.0.0".to_owned();
            state.model = "another".to_owned();
        },
        &home,
    )
    .await;
    let error = built_in_endpoint(home.path(), &home.program()).await.unwrap_err();
    assert!(error.to_string().contains("upgrade this program"), "{error}");
    assert_eq!(home.starts(), 0);
}

#[tokio::test]
async fn a_client_finds_the_endpoint_again_after_it_ended() {
    let home = Home::new();
    let client = EmbeddingClient::connect_built_in(home.path(), &home.program())
        .await
        .unwrap();
    client.embed(Purpose::Document, &["a"]).await.unwrap();
    stop_built_in(home.path()).await.unwrap();
    let answers = client.embed(Purpose::Document, &["b"]).await.unwrap();
    assert!(matches!(answers[..], [Embedded::Vector(_)]));
    assert_eq!(home.starts(), 2);
    stop_built_in(home.path()).await.unwrap();
}

#[tokio::test]
async fn a_program_that_ends_at_once_is_reported_with_its_log() {
    let home = Home::new();
    let error = built_in_endpoint(home.path(), Path::new("/bin/false"))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("ended at once") && error.contains("logs/embedder.log"),
        "{error}"
    );
    let error = built_in_endpoint(home.path(), Path::new("/no/such/program"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("/no/such/program"), "{error}");
}
