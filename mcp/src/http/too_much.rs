//! Refuses requests that come too often or are too long, before anything is done for them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CONTENT_LENGTH, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::rate_limit::{Kind, RateLimit};
use super::serve::MAX_BODY_BYTES;

/// Counts the request against its address. Wrong tokens have a count of their own, kept here because the address is known
/// here: after too many of them every request of that address waits.
pub(super) async fn refuse(
    State(limit): State<Arc<RateLimit>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let (address, now) = (peer.ip(), Instant::now());
    if !limit.has(address, Kind::WrongToken, now) || !limit.take(address, Kind::Request, now) {
        let mut response = (StatusCode::TOO_MANY_REQUESTS, "too many requests: wait a second\n").into_response();
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    }
    let presented = request.headers().contains_key(axum::http::header::AUTHORIZATION);
    let response = next.run(request).await;
    if presented && response.status() == StatusCode::UNAUTHORIZED {
        limit.take(address, Kind::WrongToken, now);
    }
    response
}

/// A body that says that it is too long is not read at all; one that does not say so is read no further than that.
pub(super) async fn limit_body(request: Request, next: Next) -> Response {
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return too_long();
    }
    next.run(request).await
}

pub(super) fn too_long() -> Response {
    Response::builder()
        .status(StatusCode::PAYLOAD_TOO_LARGE)
        .body(Body::from("a request may have 1 MiB\n"))
        .expect("a status and a text make a response")
}
