//! Serves the built-in model over HTTP until it is told to stop or nobody has asked for long.
//! Bounded everywhere: bytes of a request, time to send it, requests held in memory, time to finish at the end.
//! Logs no text and no request; the state file is removed at the end.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use quarry_embedding::{BUILT_IN_DIMENSIONS, BUILT_IN_MODEL, BuiltInState, STOP_KEY_HEADER};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::answer::{answer, ollama_models, openai_models};
use super::idle::Activity;
use super::refusal::{Interface, Refusal};
use super::request::MAX_BODY_BYTES;

/// Requests held in memory at once; the others wait unread. 8 × 32 MiB is the most they can take.
const MAX_REQUESTS: usize = 8;
/// A request that takes longer to arrive is refused, so that a stuck sender holds no place for good.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests under way get this long to finish once the endpoint is to stop.
const FINISH_TIMEOUT: Duration = Duration::from_secs(10);

/// Where to serve and for how long.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// File to tell others where the endpoint is; removed at the end.
    pub state_file: Option<PathBuf>,
    /// Time without a request after which the endpoint ends itself.
    pub idle_exit: Option<Duration>,
}

/// Why the endpoint does not serve.
#[derive(Debug, thiserror::Error)]
pub enum EmbedderError {
    /// Choose another address: it is taken, or not this machine's.
    #[error("listening on {address} failed")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Check the rights on the directory of the state file.
    #[error("the state file {} cannot be used", path.display())]
    StateFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Start it again; the system no longer takes connections.
    #[error("serving failed")]
    Serve(#[source] io::Error),
}

/// Serves the built-in model until `shutdown`, `POST /stop` with the state file's key, or `idle_exit` without requests.
///
/// # Errors
/// The address or the state file cannot be used.
pub async fn serve(options: ServeOptions, shutdown: CancellationToken) -> Result<(), EmbedderError> {
    let listen_error = |source| EmbedderError::Listen {
        address: options.listen,
        source,
    };
    let listener = TcpListener::bind(options.listen).await.map_err(listen_error)?;
    serve_on(listener, options, shutdown).await
}

/// Serves on a socket that already listens: whoever connects from now on is answered.
pub(super) async fn serve_on(
    listener: TcpListener,
    options: ServeOptions,
    shutdown: CancellationToken,
) -> Result<(), EmbedderError> {
    let listen_error = |source| EmbedderError::Listen {
        address: options.listen,
        source,
    };
    let address = listener.local_addr().map_err(listen_error)?;
    let state = BuiltInState {
        url: format!("http://{}", reachable(address)),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        model: BUILT_IN_MODEL.to_owned(),
        instance: Uuid::new_v4().to_string(),
        stop_key: Uuid::new_v4().to_string(),
    };
    // Read before anybody is told of the endpoint, so that the first request need not wait for it.
    let _ = super::Model::built_in().embed(&["ready"]);
    let state_file_error = |source| EmbedderError::StateFile {
        path: options.state_file.clone().unwrap_or_default(),
        source,
    };
    if let Some(path) = &options.state_file {
        state.write(path).map_err(state_file_error)?;
    }
    let url = &state.url;
    tracing::info!(
        endpoint.url = url,
        "serving {BUILT_IN_MODEL} ({BUILT_IN_DIMENSIONS} dimensions) at {url}"
    );
    let served = serve_until_stopped(listener, &state, options.idle_exit, shutdown).await;
    if let Some(path) = &options.state_file {
        state.remove(path).map_err(state_file_error)?;
    }
    served
}

async fn serve_until_stopped(
    listener: TcpListener,
    state: &BuiltInState,
    idle_exit: Option<Duration>,
    shutdown: CancellationToken,
) -> Result<(), EmbedderError> {
    let stop = shutdown.child_token();
    let activity = Activity::new();
    let router = router(state, stop.clone(), activity.clone());
    let stopping = stop.clone();
    // An answer of several small writes would wait for acknowledgements between them.
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    let serving = axum::serve(listener, router)
        .with_graceful_shutdown(stopping.cancelled_owned())
        .into_future();
    let mut serving = tokio::spawn(serving);
    tokio::select! {
        ended = &mut serving => return flatten(ended),
        () = stop.cancelled() => tracing::info!("stopping"),
        () = idle(&activity, idle_exit) => tracing::info!("stopping: nobody has asked for long"),
    }
    stop.cancel();
    match tokio::time::timeout(FINISH_TIMEOUT, &mut serving).await {
        Ok(ended) => flatten(ended),
        Err(_) => {
            tracing::warn!("some connections did not finish within {} s", FINISH_TIMEOUT.as_secs());
            serving.abort();
            Ok(())
        }
    }
}

fn flatten(ended: Result<io::Result<()>, tokio::task::JoinError>) -> Result<(), EmbedderError> {
    ended
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(EmbedderError::Serve)
}

async fn idle(activity: &Activity, idle_exit: Option<Duration>) {
    match idle_exit {
        Some(idle) => activity.wait_until_idle_for(idle).await,
        None => std::future::pending().await,
    }
}

/// The address a process of this machine reaches the endpoint at.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(address) if address.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        SocketAddr::V6(address) if address.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
        address => address,
    }
}

#[derive(Clone)]
struct Endpoint {
    places: Arc<Semaphore>,
    stop: CancellationToken,
    stop_key: Arc<str>,
}

fn router(state: &BuiltInState, stop: CancellationToken, activity: Activity) -> Router {
    let endpoint = Endpoint {
        places: Arc::new(Semaphore::new(MAX_REQUESTS)),
        stop,
        stop_key: state.stop_key.as_str().into(),
    };
    let health = Json(json!({
        "status": "ok", "instance": state.instance, "model": state.model, "version": state.version,
    }));
    Router::new()
        .route("/v1/embeddings", post(openai_embeddings))
        .route("/v1/models", get(|| async { Json(openai_models()) }))
        .route("/api/embed", post(ollama_embed))
        .route("/api/tags", get(|| async { Json(ollama_models()) }))
        .route("/healthz", get(move || async move { health }))
        .route("/stop", post(stop_endpoint))
        .fallback(|| async { unanswerable(StatusCode::NOT_FOUND, "unknown_address", "there is nothing here") })
        .method_not_allowed_fallback(|| async {
            unanswerable(
                StatusCode::METHOD_NOT_ALLOWED,
                "wrong_method",
                "this address takes another method",
            )
        })
        .layer(middleware::from_fn_with_state(activity, note_activity))
        .with_state(endpoint)
}

async fn note_activity(State(activity): State<Activity>, request: Request, next: Next) -> Response {
    let _under_way = activity.begin();
    next.run(request).await
}

fn unanswerable(status: StatusCode, code: &'static str, message: &str) -> Response {
    Refusal {
        status,
        code,
        message: message.to_owned(),
    }
    .into_response(Interface::OpenAi)
}

async fn openai_embeddings(State(endpoint): State<Endpoint>, body: Body) -> Response {
    embed(&endpoint, body, Interface::OpenAi).await
}

async fn ollama_embed(State(endpoint): State<Endpoint>, body: Body) -> Response {
    embed(&endpoint, body, Interface::Ollama).await
}

async fn embed(endpoint: &Endpoint, body: Body, interface: Interface) -> Response {
    let _place = endpoint.places.acquire().await.expect("the semaphore is never closed");
    let answered = match receive(body).await {
        Ok(body) => tokio::task::spawn_blocking(move || answer(&body, interface))
            .await
            .unwrap_or_else(|_| {
                let message = "the answer could not be computed".to_owned();
                Err(Refusal {
                    status: StatusCode::INTERNAL_SERVER_ERROR,
                    code: "internal",
                    message,
                })
            }),
        Err(refusal) => Err(refusal),
    };
    match answered {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(refusal) => refusal.into_response(interface),
    }
}

async fn receive(body: Body) -> Result<Bytes, Refusal> {
    let refusal = |status, code, message: String| Refusal { status, code, message };
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        let message = format!("the request is larger than {MAX_BODY_BYTES} bytes");
        return Err(refusal(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message));
    }
    match tokio::time::timeout(RECEIVE_TIMEOUT, to_bytes(body, MAX_BODY_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            let message = format!("the request is larger than {MAX_BODY_BYTES} bytes, or broke off");
            Err(refusal(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message))
        }
        Err(_) => {
            let message = format!("the request did not arrive within {} s", RECEIVE_TIMEOUT.as_secs());
            Err(refusal(StatusCode::REQUEST_TIMEOUT, "request_timeout", message))
        }
    }
}

/// Only whoever can read the state file knows the key: another user of the machine cannot stop the endpoint.
async fn stop_endpoint(State(endpoint): State<Endpoint>, headers: HeaderMap) -> Response {
    if headers
        .get(STOP_KEY_HEADER)
        .is_none_or(|key| key.as_bytes() != endpoint.stop_key.as_bytes())
    {
        return unanswerable(
            StatusCode::FORBIDDEN,
            "wrong_key",
            "stopping takes the key of the state file",
        );
    }
    endpoint.stop.cancel();
    StatusCode::NO_CONTENT.into_response()
}
