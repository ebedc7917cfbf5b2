//! What the server says of itself to a client that has no token yet (RFC 9728). It names no authorisation server: tokens
//! are made on the command line.

use axum::Json;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use serde_json::{Value, json};

pub(super) async fn describe(headers: HeaderMap) -> Json<Value> {
    Json(json!({
        "resource": format!("{}/mcp", base_url(&headers)),
        "resource_name": "Quarry",
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["read", "write", "admin"],
    }))
}

pub(super) fn metadata_url(headers: &HeaderMap) -> String {
    format!("{}/.well-known/oauth-protected-resource/mcp", base_url(headers))
}

/// As the client called it. A proxy that ends TLS says so; what a liar says comes back to the liar only.
fn base_url(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = match text("x-forwarded-proto") {
        Some("https") => "https",
        _ => "http",
    };
    let is_plain = |host: &&str| {
        host.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']'))
    };
    let host = text(HOST.as_str()).filter(is_plain).unwrap_or("localhost");
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_address_is_the_one_the_client_used() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("code.example:8443"));
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        assert_eq!(
            metadata_url(&headers),
            "https://code.example:8443/.well-known/oauth-protected-resource/mcp"
        );
        headers.insert(HOST, HeaderValue::from_static("a\"b"));
        assert!(metadata_url(&headers).starts_with("https://localhost/"));
    }
}
