//! Who sends a request: looks at the bearer token and puts what it allows into the request. The token comes from the
//! registry, or is the one that the server was started with.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use quarry_registry::TokenScope;
use serde_json::json;

use super::metadata::metadata_url;
use super::token_cache::TokenCache;
use crate::access::Access;
use crate::server::Server;
use crate::toolsets::Needs;

/// Whoever a token stands for.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    /// The token's name; none: nobody had to show one.
    pub(crate) name: Option<String>,
    scope: TokenScope,
    projects: Option<Vec<String>>,
}

impl Principal {
    fn anonymous() -> Principal {
        Principal {
            name: None,
            scope: TokenScope::Admin,
            projects: None,
        }
    }

    /// What is left of the server's rights to this caller.
    pub(crate) fn limit(&self, access: Access) -> Access {
        let highest = match self.scope {
            TokenScope::Read => Needs::Read,
            TokenScope::Write => Needs::Write,
            TokenScope::Admin => Needs::Admin,
        };
        access.limited(highest, self.projects.clone())
    }
}

pub(super) struct Bearer {
    server: Server,
    static_hash: Option<blake3::Hash>,
    must_have_token: bool,
    known: TokenCache,
}

enum Refusal {
    Missing,
    Wrong,
    /// The registry, which would know, does not answer.
    Unknown(String),
}

impl Bearer {
    pub(super) fn new(server: Server, static_token: Option<String>, must_have_token: bool) -> Bearer {
        Bearer {
            server,
            static_hash: static_token.map(|token| blake3::hash(token.as_bytes())),
            must_have_token,
            known: TokenCache::default(),
        }
    }

    async fn principal(&self, headers: &HeaderMap) -> Result<Principal, Refusal> {
        let Some(header) = headers.get(AUTHORIZATION) else {
            return if self.must_have_token {
                Err(Refusal::Missing)
            } else {
                Ok(Principal::anonymous())
            };
        };
        let secret = header.to_str().ok().and_then(bearer_secret).ok_or(Refusal::Wrong)?;
        // blake3 compares hashes in constant time.
        if self
            .static_hash
            .is_some_and(|known| known == blake3::hash(secret.as_bytes()))
        {
            return Ok(Principal {
                name: Some("the server's own".to_owned()),
                ..Principal::anonymous()
            });
        }
        if let Some(principal) = self.known.get(secret) {
            return Ok(principal);
        }
        self.ask_registry(secret).await
    }

    async fn ask_registry(&self, secret: &str) -> Result<Principal, Refusal> {
        let asked = async { anyhow::Ok(self.server.registry().await?.token_by_secret(secret).await?) };
        match asked.await {
            Ok(Some(token)) => {
                let principal = Principal {
                    name: Some(token.name),
                    scope: token.scope,
                    projects: token.projects,
                };
                self.known.put(secret, principal.clone());
                Ok(principal)
            }
            Ok(None) => {
                self.known.forget(secret);
                Err(Refusal::Wrong)
            }
            Err(error) => self
                .known
                .get_without_postgres(secret)
                .ok_or_else(|| Refusal::Unknown(format!("{error:#}"))),
        }
    }
}

fn bearer_secret(header: &str) -> Option<&str> {
    let (scheme, secret) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// The layer: a request gets on with its principal, or is refused with what to do about it.
pub(super) async fn check(State(bearer): State<Arc<Bearer>>, mut request: Request, next: Next) -> Response {
    match bearer.principal(request.headers()).await {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(refusal) => refused(&refusal, request.headers()),
    }
}

fn refused(refusal: &Refusal, headers: &HeaderMap) -> Response {
    let (status, error, description) = match refusal {
        Refusal::Missing => (
            StatusCode::UNAUTHORIZED,
            "invalid_request",
            "this server needs a bearer token: `quarry token create NAME` makes one",
        ),
        Refusal::Wrong => (
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "this token is unknown, expired or revoked: `quarry token list` shows the ones in use",
        ),
        Refusal::Unknown(reason) => {
            tracing::warn!("cannot check a token: {reason}");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "the token cannot be checked: is Postgres running?",
            )
        }
    };
    let body = json!({ "error": error, "error_description": description });
    let mut response = (status, axum::Json(body)).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    }
    // RFC 6750: no error code for a request that showed nothing.
    let told = match refusal {
        Refusal::Missing => String::new(),
        _ => format!(
            ", error=\"{error}\", error_description=\"{}\"",
            description.replace('`', "'")
        ),
    };
    let metadata = metadata_url(headers);
    let challenge = format!("Bearer realm=\"quarry\", resource_metadata=\"{metadata}\"{told}");
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}
