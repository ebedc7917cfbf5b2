//! One HTTP exchange with an endpoint, and what its failure means: try again, refuse the texts, or give up.
//! Hands the answer's bytes to the client, never more than the cap; follows no redirect and never retries.
//! Passes on no message of the server, since servers quote what they were sent: only status and error code.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode, Url};
use serde_json::Value;

use crate::endpoint_config::EndpointConfig;
use crate::error::EmbeddingError;
use crate::retry_after::read_retry_after;

/// Largest part of an error answer that is looked at, in bytes.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// A failed exchange, by what can be done about it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// May go away by itself.
    Passing(Passing),
    /// The endpoint works but will not take these texts.
    Refused(Refusal),
    /// Will not go away by itself.
    Lasting(EmbeddingError),
}

/// A failure that may go away by itself.
#[derive(Debug)]
pub(crate) struct Passing {
    pub(crate) reason: String,
    /// Status of the answer; `None` where there was no answer.
    pub(crate) status: Option<u16>,
    /// The wait the server asked for.
    pub(crate) retry_after: Option<Duration>,
}

/// How an endpoint refused a request as such.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// The server's error code in brackets with a space before it, or nothing.
    pub(crate) code: String,
    speaks_of_length: bool,
}

impl Refusal {
    /// The reason as it is stored with the one text that was refused.
    pub(crate) fn reason(&self) -> String {
        let guess = if self.speaks_of_length {
            ": it is probably too long for the model"
        } else {
            ""
        };
        format!(
            "the embedding endpoint refused the text with status {}{}{guess}",
            self.status, self.code
        )
    }
}

/// Sends requests with the limits and the key of one endpoint.
pub(crate) struct Transport {
    http: reqwest::Client,
    authorization: Option<HeaderValue>,
    max_answer_bytes: usize,
}

impl Transport {
    pub(crate) fn new(config: &EndpointConfig, base: &Url) -> Result<Self, EmbeddingError> {
        let authorization = match &config.api_key {
            None => None,
            Some(key) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", key.reveal())).map_err(|_| {
                    EmbeddingError::InvalidSettings {
                        reason: "QUARRY_EMBEDDING_API_KEY has characters that no header can carry".to_owned(),
                    }
                })?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let http = http_client(base, config.connect_timeout, config.timeout)?;
        Ok(Self {
            http,
            authorization,
            max_answer_bytes: config.max_answer_bytes,
        })
    }

    /// Gets `url`, or posts `body` to it, and gives the answer's bytes back.
    pub(crate) async fn exchange(&self, url: &Url, model: &str, body: Option<&[u8]>) -> Result<Vec<u8>, Failure> {
        let mut request = self
            .http
            .request(if body.is_some() { Method::POST } else { Method::GET }, url.clone());
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_vec());
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let response = request.send().await.map_err(|error| passing(&error))?;
        if response.status().is_success() {
            return read_body(response, url, self.max_answer_bytes).await;
        }
        Err(classify(response, url, model).await)
    }
}

/// A client that follows no redirect and keeps to the time limits.
pub(crate) fn http_client(base: &Url, connect: Duration, total: Duration) -> Result<reqwest::Client, EmbeddingError> {
    // An error only says that a provider is already installed, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connect)
        .timeout(total)
        .user_agent(concat!("quarry/", env!("CARGO_PKG_VERSION")));
    if base.scheme() == "http" {
        // Without this the client would not even be made on a system that has no certificates installed.
        builder = builder.tls_certs_only([]);
    }
    if is_loopback(base) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| EmbeddingError::InvalidSettings {
        reason: describe(&error),
    })
}

/// Whether the address can only be reached from this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What is wrong with a JSON text, by kind and place; serde's own message would quote it.
pub(crate) fn json_fault(error: &serde_json::Error) -> String {
    let fault = match error.classify() {
        serde_json::error::Category::Data => "JSON of another form than expected",
        serde_json::error::Category::Eof => "JSON that ends too early",
        _ => "not JSON",
    };
    format!("{fault} (line {}, column {})", error.line(), error.column())
}

async fn classify(response: Response, url: &Url, model: &str) -> Failure {
    let status = response.status();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| read_retry_after(value, SystemTime::now()));
    let body = read_start(response).await;
    let url = url.to_string();
    let refusal = Refusal {
        status: status.as_u16(),
        code: error_code(&body),
        speaks_of_length: speaks_of_length(&body),
    };
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Lasting(EmbeddingError::Unauthorized {
            url,
            status: status.as_u16(),
        }),
        StatusCode::NOT_FOUND => Failure::Lasting(EmbeddingError::NotFound {
            url,
            model: model.to_owned(),
        }),
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            Failure::Refused(refusal)
        }
        // Ollama answers so, every time, to a text for which the model computes NaN.
        StatusCode::INTERNAL_SERVER_ERROR if body.windows(22).any(|part| part == b"unsupported value: NaN") => {
            Failure::Refused(refusal)
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Failure::Passing(Passing {
            reason: format!("status {}", status.as_u16()),
            status: Some(status.as_u16()),
            retry_after,
        }),
        _ if status.is_server_error() => Failure::Passing(Passing {
            reason: format!("status {}{}", status.as_u16(), refusal.code),
            status: Some(status.as_u16()),
            retry_after,
        }),
        _ if status.is_redirection() => Failure::Lasting(EmbeddingError::Redirected {
            url,
            status: status.as_u16(),
        }),
        _ => Failure::Lasting(EmbeddingError::Rejected {
            url,
            status: status.as_u16(),
            code: refusal.code,
        }),
    }
}

async fn read_body(mut response: Response, url: &Url, max_bytes: usize) -> Result<Vec<u8>, Failure> {
    let too_large = || {
        Failure::Lasting(EmbeddingError::InvalidAnswer {
            url: url.to_string(),
            reason: format!("it is larger than {max_bytes} bytes"),
        })
    };
    let announced = response.content_length().unwrap_or(0);
    if announced > max_bytes as u64 {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    while let Some(part) = response.chunk().await.map_err(|error| passing(&error))? {
        if body.len() + part.len() > max_bytes {
            return Err(too_large());
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// The first bytes of an error answer; a connection that breaks meanwhile leaves the status, which says enough.
async fn read_start(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(part)) = response.chunk().await {
        body.extend_from_slice(&part);
        if body.len() > MAX_ERROR_BYTES {
            body.truncate(MAX_ERROR_BYTES);
            break;
        }
    }
    body
}

/// The error code of an answer, in brackets: an identifier of the server's, never free text.
fn error_code(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let candidates = [
        &answer["error"]["code"],
        &answer["error"]["type"],
        &answer["error_type"],
        &answer["code"],
    ];
    candidates
        .into_iter()
        .filter_map(Value::as_str)
        .find(|code| {
            !code.is_empty()
                && code.len() <= 48
                && code.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
        })
        .map_or_else(String::new, |code| format!(" ({code})"))
}

fn speaks_of_length(body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(body).to_ascii_lowercase();
    [
        "context length",
        "context size",
        "too long",
        "too large",
        "tokens",
        "context_length",
    ]
    .iter()
    .any(|words| body.contains(words))
}

fn passing(error: &reqwest::Error) -> Failure {
    Failure::Passing(Passing {
        reason: describe(error),
        status: None,
        retry_after: None,
    })
}

/// The innermost cause of a failed exchange: the outer layers only say that a request failed.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return if error.is_connect() {
            "connecting timed out"
        } else {
            "the answer timed out"
        }
        .to_owned();
    }
    let mut cause: &dyn std::error::Error = match error.source() {
        Some(source) => source,
        None => return "the exchange failed".to_owned(),
    };
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_identifiers_of_the_server_are_passed_on() {
        let named = br#"{"error":{"message":"secret text","code":"context_length_exceeded"}}"#;
        let quoting = br#"{"error":{"message":"secret text","code":"bad input: secret text"}}"#;
        assert_eq!(error_code(named), " (context_length_exceeded)");
        assert_eq!(error_code(quoting), "");
        assert_eq!(error_code(b"<html>"), "");
    }
}
