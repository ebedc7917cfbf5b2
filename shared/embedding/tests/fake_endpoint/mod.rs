//! An embedding server that answers as the test tells it and remembers what it was asked.
#![allow(dead_code)] // each test program uses its own part of it

use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, Uri};
use base64::Engine as _;
use serde_json::{Value, json};

/// One request as the server saw it.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Seen {
    /// The texts of the request.
    pub(crate) fn texts(&self) -> Vec<String> {
        let input = self.body["input"].as_array().cloned().unwrap_or_default();
        input.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    /// Whether base64 is asked for.
    pub(crate) fn asks_base64(&self) -> bool {
        self.body["encoding_format"] == "base64"
    }
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    pub(crate) fn body(body: impl ToString) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: body.to_string(),
        }
    }
}

pub(crate) struct FakeEndpoint {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl FakeEndpoint {
    /// Starts a server that answers each request with what `answer` returns.
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Reply + Clone + Send + Sync + 'static) -> Self {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let remembered = seen.clone();
        let handler = move |uri: Uri, headers: HeaderMap, body: Bytes| async move {
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let request = Seen {
                path: uri.path().to_owned(),
                headers,
                body,
            };
            remembered.lock().unwrap().push(request.clone());
            let reply = answer(&request);
            let mut response = Response::builder().status(reply.status);
            for (name, value) in reply.headers {
                response = response.header(name, value);
            }
            response.body(Body::from(reply.body)).unwrap()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(handler);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// A vector of three components that tells texts apart by their length.
pub(crate) fn vector_of(text: &str) -> Vec<f32> {
    vec![1.0, text.len() as f32, -0.5]
}

/// An OpenAI answer with floats, in the order of the texts.
pub(crate) fn floats(texts: &[String]) -> Value {
    let items: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| json!({"object": "embedding", "index": index, "embedding": vector_of(text)}))
        .collect();
    json!({"object": "list", "data": items, "model": "fake"})
}

/// The same answer in base64.
pub(crate) fn base64(texts: &[String]) -> Value {
    let mut answer = floats(texts);
    for (item, text) in answer["data"].as_array_mut().unwrap().iter_mut().zip(texts) {
        let bytes: Vec<u8> = vector_of(text).iter().flat_map(|x| x.to_le_bytes()).collect();
        item["embedding"] = json!(base64::prelude::BASE64_STANDARD.encode(bytes));
    }
    answer
}
