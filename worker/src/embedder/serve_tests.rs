//! What the endpoint answers over HTTP, how it is stopped, and what it leaves behind.
#![allow(clippy::unwrap_used)] // tests

use std::path::PathBuf;
use std::time::Duration;

use quarry_embedding::{
    Api, BUILT_IN_DIMENSIONS, BUILT_IN_MODEL, BuiltInState, Embedded, EmbeddingClient, EndpointConfig, Purpose,
    STOP_KEY_HEADER,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::model::{DIMENSIONS, Model};
use super::request::MAX_BODY_BYTES;
use super::serve::{EmbedderError, ServeOptions, serve_on};

struct Serving {
    address: String,
    state_file: PathBuf,
    shutdown: CancellationToken,
    ended: JoinHandle<Result<(), EmbedderError>>,
    _directory: tempfile::TempDir,
}

async fn start(idle_exit: Option<Duration>) -> Serving {
    let directory = tempfile::tempdir().unwrap();
    let state_file = directory.path().join("run/embedder.json");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = ServeOptions {
        listen: address,
        state_file: Some(state_file.clone()),
        idle_exit,
    };
    let shutdown = CancellationToken::new();
    let ended = tokio::spawn(serve_on(listener, options, shutdown.clone()));
    Serving {
        address: address.to_string(),
        state_file,
        shutdown,
        ended,
        _directory: directory,
    }
}

impl Serving {
    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends one request as written and gives status and body of the answer.
    async fn exchange(&self, request_line: &str, headers: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let length = body.len();
        let head = format!("{request_line} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{headers}");
        let head = if headers.contains("content-length") {
            head
        } else {
            format!("{head}content-length: {length}\r\n")
        };
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.exchange(&format!("POST {path}"), "", &body.to_string()).await
    }
}

#[tokio::test]
async fn the_client_gets_the_models_vectors_in_order() {
    let serving = start(None).await;
    let texts: Vec<String> = (0..2500)
        .map(|n| format!("fn step_{n}(input: &str) -> Result<Output{n}>"))
        .collect();
    let (expected, _) = Model::built_in().embed(&texts);
    let mut ollama = EndpointConfig::new(serving.url(), Api::Ollama);
    ollama.model = None;
    for config in [
        EndpointConfig::built_in(serving.url()),
        EndpointConfig::new(serving.url(), Api::OpenAi),
        ollama,
    ] {
        let client = EmbeddingClient::connect(config).unwrap();
        let info = client.probe().await.unwrap();
        assert_eq!(
            (info.model.as_str(), info.dimensions),
            (BUILT_IN_MODEL, BUILT_IN_DIMENSIONS)
        );
        let answers = client.embed(Purpose::Document, &texts).await.unwrap();
        for (answer, vector) in answers.into_iter().zip(expected.chunks(DIMENSIONS)) {
            assert_eq!(answer, Embedded::Vector(vector.to_vec()));
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_in_the_form_of_the_interface() {
    let serving = start(None).await;
    let (status, answer) = serving
        .post("/v1/embeddings", &json!({"model": "ada", "input": "a"}))
        .await;
    assert_eq!((status, &answer["error"]["code"]), (404, &json!("model_not_found")));
    let (status, answer) = serving
        .post("/v1/embeddings", &json!({"model": BUILT_IN_MODEL, "input": [[1, 2]]}))
        .await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (400, &json!("invalid_request_error"))
    );
    let (status, answer) = serving
        .post("/api/embed", &json!({"model": BUILT_IN_MODEL, "input": ""}))
        .await;
    assert_eq!((status, answer), (400, json!({"error": "input[0] is blank"})));
    let (status, _) = serving.exchange("POST /v1/embeddings", "", "{").await;
    assert_eq!(status, 400);
    let (status, _) = serving.exchange("GET /v1/embeddings", "", "").await;
    assert_eq!(status, 405);
    let (status, _) = serving.exchange("GET /anything", "", "").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_request_that_announces_too_many_bytes_is_refused_unread() {
    let serving = start(None).await;
    let header = format!("content-length: {}\r\n", MAX_BODY_BYTES + 1);
    let (status, answer) = serving.exchange("POST /v1/embeddings", &header, "").await;
    assert_eq!((status, &answer["error"]["code"]), (413, &json!("request_too_large")));
}

#[tokio::test]
async fn models_and_health_are_told() {
    let serving = start(None).await;
    let (_, models) = serving.exchange("GET /v1/models", "", "").await;
    assert_eq!(models["data"][0]["id"], BUILT_IN_MODEL);
    let (_, tags) = serving.exchange("GET /api/tags", "", "").await;
    assert_eq!(tags["models"][0]["name"], BUILT_IN_MODEL);
    let (status, health) = serving.exchange("GET /healthz", "", "").await;
    let state = BuiltInState::read(&serving.state_file).unwrap();
    assert_eq!(
        (status, &health["instance"], state.url),
        (200, &json!(state.instance), serving.url())
    );
    assert!(!health.to_string().contains(&state.stop_key));
}

#[tokio::test]
async fn stopping_takes_the_key_and_removes_the_state_file() {
    let serving = start(None).await;
    let (status, _) = serving
        .exchange("POST /stop", &format!("{STOP_KEY_HEADER}: guessed\r\n"), "")
        .await;
    assert_eq!(status, 403);
    let key = BuiltInState::read(&serving.state_file).unwrap().stop_key;
    let (status, _) = serving
        .exchange("POST /stop", &format!("{STOP_KEY_HEADER}: {key}\r\n"), "")
        .await;
    assert_eq!(status, 204);
    serving.ended.await.unwrap().unwrap();
    assert!(!serving.state_file.exists());
}

#[tokio::test]
async fn the_callers_shutdown_ends_it() {
    let serving = start(None).await;
    serving.exchange("GET /healthz", "", "").await;
    serving.shutdown.cancel();
    serving.ended.await.unwrap().unwrap();
    assert!(!serving.state_file.exists());
}

#[tokio::test]
async fn it_ends_by_itself_when_nobody_asks() {
    let serving = start(Some(Duration::from_millis(5))).await;
    serving.ended.await.unwrap().unwrap();
    assert!(!serving.state_file.exists());
}
