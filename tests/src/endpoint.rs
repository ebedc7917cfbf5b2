//! An embedding endpoint in the OpenAI form that does what the test tells it: answers, keeps callers waiting, refuses.
//! Its vectors depend on the text alone, so equal indexes have equal vectors. Counts the texts it was asked for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::sync::watch;

/// Components of a vector.
pub const DIMENSIONS: usize = 16;

/// The model that the endpoint says it has.
pub const MODEL: &str = "fake-hash-16";

/// The client's first question, after whatever prefix; finds out about the endpoint, is answered at once and not counted.
const PROBE: &str = "read a file";

/// A running endpoint.
#[derive(Clone)]
pub struct FakeEndpoint {
    url: String,
    state: Arc<State>,
}

/// An address where nobody answers yet, and where nobody else can begin to.
pub struct ReservedEndpoint {
    url: String,
    socket: TcpSocket,
}

struct State {
    texts: AtomicUsize,
    asked: Mutex<Vec<String>>,
    /// When each request came, also those for the model's dimensions.
    arrivals: Mutex<Vec<Instant>>,
    held: AtomicUsize,
    /// Requests wait once this many texts have been asked for.
    limit: watch::Sender<usize>,
    /// Requests with a text that contains this wait.
    held_word: watch::Sender<Option<String>>,
    answer: Mutex<Answer>,
    /// Further models and the components of their vectors.
    others: Mutex<Vec<(String, usize)>>,
    /// Requests for this model wait.
    held_model: watch::Sender<Option<String>>,
}

#[derive(Clone)]
struct Answer {
    dimensions: usize,
    is_garbage: bool,
    refused_word: Option<String>,
    takes: Duration,
}

impl FakeEndpoint {
    /// Starts an endpoint that answers everything.
    pub async fn start() -> FakeEndpoint {
        ReservedEndpoint::new().start().await
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many texts it has been asked for.
    #[must_use]
    pub fn texts(&self) -> usize {
        self.state.texts.load(Ordering::SeqCst)
    }

    /// Every text it has been asked for, in the order in which it answered.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap().clone()
    }

    /// How many requests for vectors came.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.state.arrivals.lock().unwrap().len()
    }

    /// The most requests that came within any one second.
    #[must_use]
    pub fn most_requests_in_a_second(&self) -> usize {
        let arrivals = self.state.arrivals.lock().unwrap();
        let within = |first: &Instant| {
            let in_window = |at: &&Instant| **at >= *first && **at < *first + Duration::from_secs(1);
            arrivals.iter().filter(in_window).count()
        };
        arrivals.iter().map(within).max().unwrap_or(0)
    }

    /// From now on it has a model `name` beside the usual one.
    pub fn offer(&self, name: &str, dimensions: usize) {
        self.state.others.lock().unwrap().push((name.to_owned(), dimensions));
    }

    /// From now on the usual model is gone, and every request gets vectors of `name`, whatever it asks for.
    pub fn offer_only(&self, name: &str, dimensions: usize) {
        *self.state.others.lock().unwrap() = vec![(name.to_owned(), dimensions)];
        self.state.answer.lock().unwrap().dimensions = 0;
    }

    /// From now on requests for this model wait; none: those that wait go on.
    pub fn hold_model(&self, name: Option<&str>) {
        self.state.held_model.send_replace(name.map(str::to_owned));
    }

    /// How many requests wait for [`FakeEndpoint::release`].
    #[must_use]
    pub fn held(&self) -> usize {
        self.state.held.load(Ordering::SeqCst)
    }

    /// From now on every request for vectors waits.
    pub fn hold(&self) {
        self.hold_after(0);
    }

    /// Every request for vectors waits that comes when `texts` or more have been asked for.
    pub fn hold_after(&self, texts: usize) {
        self.state.limit.send_replace(texts);
    }

    /// From now on every request waits that has a text with `word` in it.
    pub fn hold_texts_with(&self, word: &str) {
        self.state.held_word.send_replace(Some(word.to_owned()));
    }

    /// Lets the waiting requests go on, and those to come.
    pub fn release(&self) {
        self.state.held_word.send_replace(None);
        self.hold_after(usize::MAX);
    }

    /// From now on each request takes so long.
    pub fn answer_after(&self, takes: Duration) {
        self.state.answer.lock().unwrap().takes = takes;
    }

    /// From now on its vectors have another number of components.
    pub fn answer_with_dimensions(&self, dimensions: usize) {
        self.state.answer.lock().unwrap().dimensions = dimensions;
    }

    /// From now on its answers are no embeddings.
    pub fn answer_garbage(&self, is_garbage: bool) {
        self.state.answer.lock().unwrap().is_garbage = is_garbage;
    }

    /// From now on a request with a text that contains `word` is refused, as models refuse what they cannot read.
    pub fn refuse_texts_with(&self, word: &str) {
        self.state.answer.lock().unwrap().refused_word = Some(word.to_owned());
    }
}

impl Default for ReservedEndpoint {
    fn default() -> ReservedEndpoint {
        ReservedEndpoint::new()
    }
}

impl ReservedEndpoint {
    /// Takes an address: connections to it are refused until it is started.
    ///
    /// # Panics
    /// When the system has no port left.
    #[must_use]
    pub fn new() -> ReservedEndpoint {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        ReservedEndpoint { url, socket }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Begins to answer.
    ///
    /// # Panics
    /// When the system refuses.
    pub async fn start(self) -> FakeEndpoint {
        let answer = Answer {
            dimensions: DIMENSIONS,
            is_garbage: false,
            refused_word: None,
            takes: Duration::ZERO,
        };
        let state = Arc::new(State {
            texts: AtomicUsize::new(0),
            asked: Mutex::default(),
            arrivals: Mutex::default(),
            held: AtomicUsize::new(0),
            limit: watch::Sender::new(usize::MAX),
            held_word: watch::Sender::new(None),
            answer: Mutex::new(answer),
            others: Mutex::default(),
            held_model: watch::Sender::new(None),
        });
        let (embedding, listing) = (state.clone(), state.clone());
        let router = axum::Router::new()
            .route("/v1/models", get(async move || Json(listing.models())))
            .route(
                "/v1/embeddings",
                post(async move |body: Bytes| embed(&embedding, &body).await),
            );
        let listener = self.socket.listen(1024).unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        FakeEndpoint { url: self.url, state }
    }
}

/// Counts a waiting request down also when its client goes away and the request is dropped.
struct Waiting<'state>(&'state State);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn embed(state: &State, body: &[u8]) -> Response {
    state.arrivals.lock().unwrap().push(Instant::now());
    let request: Value = serde_json::from_slice(body).unwrap();
    let input = request["input"].as_array().unwrap();
    let texts: Vec<&str> = input.iter().map(|text| text.as_str().unwrap()).collect();
    let model = request["model"].as_str().unwrap_or_default();
    if !matches!(texts[..], [text] if text.ends_with(PROBE)) {
        state.held.fetch_add(1, Ordering::SeqCst);
        let waiting = Waiting(state);
        let may_go_on = |limit: &usize| state.texts.load(Ordering::SeqCst) < *limit;
        state.limit.subscribe().wait_for(may_go_on).await.unwrap();
        let is_free = |held: &Option<String>| held.as_deref() != Some(model);
        state.held_model.subscribe().wait_for(is_free).await.unwrap();
        let has_none_of =
            |word: &Option<String>| !word.as_ref().is_some_and(|word| texts.iter().any(|t| t.contains(word)));
        state.held_word.subscribe().wait_for(has_none_of).await.unwrap();
        drop(waiting);
        let takes = state.answer.lock().unwrap().takes;
        tokio::time::sleep(takes).await;
        state
            .asked
            .lock()
            .unwrap()
            .extend(texts.iter().map(|text| (*text).to_owned()));
        state.texts.fetch_add(texts.len(), Ordering::SeqCst);
    }
    let answer = state.answer.lock().unwrap().clone();
    if answer.is_garbage {
        return "<html>Welcome to the login page</html>".into_response();
    }
    if answer
        .refused_word
        .is_some_and(|word| texts.iter().any(|text| text.contains(&word)))
    {
        let error = json!({"error": {"message": "cannot embed this", "code": "invalid_input"}});
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    }
    let (prefix, dimensions) = state.model(model, answer.dimensions);
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| json!({"index": index, "embedding": vector_of(&format!("{prefix}{text}"), dimensions)}))
        .collect();
    Json(json!({"data": data, "model": model})).into_response()
}

impl State {
    fn models(&self) -> Value {
        let usual = (self.answer.lock().unwrap().dimensions > 0).then_some(MODEL.to_owned());
        let others = self.others.lock().unwrap();
        let names = usual.into_iter().chain(others.iter().map(|(name, _)| name.clone()));
        json!({"data": names.map(|name| json!({"id": name})).collect::<Vec<_>>()})
    }

    /// What makes a model's vectors its own, and how many components they have. As many servers do, it answers a question
    /// for a model that it does not have.
    fn model(&self, name: &str, usual: usize) -> (String, usize) {
        let others = self.others.lock().unwrap();
        let found = others.iter().find(|(other, _)| other == name);
        match found.or(others.first().filter(|_| usual == 0)) {
            Some((other, dimensions)) => (format!("{other}: "), *dimensions),
            None => (String::new(), usual),
        }
    }
}

/// Components from the text's hash, each between -1 and 1 and none 0.
fn vector_of(text: &str, dimensions: usize) -> Vec<f32> {
    let mut bytes = vec![0_u8; dimensions];
    blake3::Hasher::new()
        .update(text.as_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes.iter().map(|byte| (f32::from(*byte) - 127.5) / 127.5).collect()
}
