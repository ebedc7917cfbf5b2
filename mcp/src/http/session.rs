//! Sessions of the protocol's earlier versions, without a table of them: the id that a client gets holds all that there is
//! to know, the client's name. So any process understands it, also after a restart. It grants nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::in_flight::{self, InFlight};
use super::serve::MAX_BODY_BYTES;
use super::too_much::too_long;
use crate::as_written;

const SESSION_HEADER: &str = "mcp-session-id";
const VERSION_HEADER: &str = "mcp-protocol-version";
const FIRST_WITHOUT_SESSIONS: &str = "2026-07-28";

/// A client that sends its request more slowly than this does not want an answer.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// Longest part of a client's name that is kept.
const MOST_NAME_BYTES: usize = 100;

/// As much of a message as is needed to follow it.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    method: String,
    id: Option<Value>,
    #[serde(default)]
    params: Params,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    request_id: Option<Value>,
    client_info: Option<ClientInfo>,
}

#[derive(Deserialize)]
struct ClientInfo {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

/// The layer: gives a session's first answer its id, and lets a cancellation find the request it means.
pub(super) async fn follow(State(in_flight): State<Arc<InFlight>>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let Ok(read) = tokio::time::timeout(READ_WITHIN, to_bytes(body, MAX_BODY_BYTES)).await else {
        return (StatusCode::REQUEST_TIMEOUT, "the request did not arrive in time\n").into_response();
    };
    let Ok(bytes) = read else { return too_long() };
    let Ok(session) = session_of(&parts.headers) else {
        return (StatusCode::NOT_FOUND, "no such session: initialize a new one\n").into_response();
    };
    // What is no message of ours is refused further on, in the protocol's words.
    let message: Option<Message> = serde_json::from_slice(&bytes).ok();
    let is_opener = message.as_ref().is_some_and(|message| message.method == "initialize");
    let name = match &message {
        Some(message) if is_opener => Some(client_name(message)),
        _ => session.as_deref().and_then(name_in),
    };
    let followed = match (&message, &session) {
        (Some(message), Some(session)) if message.method == "notifications/cancelled" => {
            if let Some(id) = &message.params.request_id {
                in_flight.cancel(session, id.to_string());
            }
            in_flight::Request::anonymous()
        }
        (Some(Message { id: Some(id), .. }), Some(session)) => {
            in_flight.register(session, id.to_string(), name.clone())
        }
        _ => in_flight::Request::anonymous(),
    };
    parts.extensions.insert(followed);
    let body = match as_written::refused(&bytes) {
        None => Body::from(bytes),
        Some(refused) => {
            parts.headers.insert(CONTENT_LENGTH, refused.len().into());
            Body::from(refused)
        }
    };
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let (true, true, Some(name)) = (is_opener, response.status().is_success(), name)
        && let Ok(id) = HeaderValue::from_str(&format!("{}.{name}", Uuid::new_v4().simple()))
    {
        response.headers_mut().insert(SESSION_HEADER, id);
    }
    response
}

/// A session that this server cannot have made: the client then begins anew.
struct NoSuchSession;

/// The session that the request names. A client of 2026-07-28 has none: what it sends is not looked at.
fn session_of(headers: &HeaderMap) -> Result<Option<String>, NoSuchSession> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if text(VERSION_HEADER).is_some_and(|version| version >= FIRST_WITHOUT_SESSIONS) {
        return Ok(None);
    }
    match text(SESSION_HEADER) {
        None => Ok(None),
        Some(session) if name_in(session).is_some() => Ok(Some(session.to_owned())),
        Some(_) => Err(NoSuchSession),
    }
}

fn name_in(session: &str) -> Option<String> {
    let (id, name) = session.split_once('.')?;
    Uuid::parse_str(id).ok()?;
    Some(name.to_owned())
}

/// Name and version, with nothing in them that a header could not carry.
fn client_name(message: &Message) -> String {
    let Some(client) = &message.params.client_info else {
        return "mcp".to_owned();
    };
    let whole = format!("{}/{}", client.name, client.version);
    let plain = |character: char| if character.is_ascii_graphic() { character } else { '_' };
    whole.chars().map(plain).take(MOST_NAME_BYTES).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_session_id_says_who_the_client_is() {
        let opener =
            json!({ "method": "initialize", "params": { "clientInfo": { "name": "Ein Gerät", "version": "1" } } });
        let name = client_name(&serde_json::from_value(opener).unwrap());
        assert_eq!(name, "Ein_Ger_t/1");
        let session = format!("{}.{name}", Uuid::new_v4().simple());
        assert_eq!(name_in(&session), Some(name));
        for other in ["", "x.y", "00000000000000000000000000000000"] {
            let headers = [("mcp-session-id".parse().unwrap(), other.parse().unwrap())];
            let mut headers = HeaderMap::from_iter(headers);
            assert!(session_of(&headers).is_err(), "{other}");
            headers.insert(VERSION_HEADER, FIRST_WITHOUT_SESSIONS.parse().unwrap());
            assert!(matches!(session_of(&headers), Ok(None)), "{other}");
        }
    }
}
