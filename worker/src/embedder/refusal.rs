//! Why the endpoint does not answer a request, in the form either interface expects.
//! Messages name limits and positions, never content. Never logs.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

/// The two ways of asking, which differ in how errors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interface {
    OpenAi,
    Ollama,
}

/// A request that is not answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Refusal {
    /// A request that the caller has to change.
    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code,
            message: message.into(),
        }
    }

    pub(super) fn into_response(self, interface: Interface) -> Response {
        let body = match interface {
            Interface::OpenAi => {
                let kind = if self.status.is_server_error() {
                    "server_error"
                } else {
                    "invalid_request_error"
                };
                json!({"error": {"message": self.message, "type": kind, "param": null, "code": self.code}})
            }
            Interface::Ollama => json!({"error": self.message}),
        };
        (self.status, Json(body)).into_response()
    }
}
