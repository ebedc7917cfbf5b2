//! What a client says and does when an endpoint fails.
#![allow(clippy::unwrap_used)] // tests

mod fake_endpoint;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fake_endpoint::{FakeEndpoint, Reply, base64, floats};
use quarry_embedding::{Api, ApiKey, Embedded, EmbeddingClient, EmbeddingError, EndpointConfig, Purpose, RetryPolicy};
use serde_json::json;

const KEY: &str = "sk-not-to-be-seen";
const TEXT: &str = "the text that nobody may quote";

fn client_with(url: &str, change: impl FnOnce(&mut EndpointConfig)) -> EmbeddingClient {
    let mut config = EndpointConfig::new(url, Api::OpenAi);
    config.model = Some("fake".to_owned());
    config.api_key = Some(ApiKey::from(KEY.to_owned()));
    config.retry = RetryPolicy {
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(4),
        give_up_after: Duration::from_secs(10),
        longest_retry_after: Duration::from_millis(2),
    };
    change(&mut config);
    EmbeddingClient::connect(config).unwrap()
}

/// For endpoints that never recover.
fn give_up_soon(config: &mut EndpointConfig) {
    config.retry.give_up_after = Duration::from_millis(300);
}

/// The error of embedding one text; holds neither the text nor the key, however it is printed.
async fn error_of(client: &EmbeddingClient) -> EmbeddingError {
    let error = client.embed(Purpose::Document, &[TEXT]).await.unwrap_err();
    for printed in [error.to_string(), format!("{error:?}"), format!("{client:?}")] {
        assert!(!printed.contains(KEY) && !printed.contains(TEXT), "{printed}");
    }
    error
}

/// Answers `status` until it has done so `times` times, then embeds.
async fn failing(times: usize, status: u16, headers: Vec<(&'static str, String)>) -> FakeEndpoint {
    let answered = Arc::new(AtomicUsize::new(0));
    FakeEndpoint::start(move |seen| match answered.fetch_add(1, Ordering::SeqCst) < times {
        true => Reply {
            headers: headers.clone(),
            ..Reply::status(status)
        },
        false => Reply::body(base64(&seen.texts())),
    })
    .await
}

#[tokio::test]
async fn a_rate_limit_passes_after_the_wait_it_asks_for() {
    let endpoint = failing(2, 429, vec![("retry-after", "3600".to_owned())]).await;
    let client = client_with(&endpoint.url, |_| {});
    assert!(matches!(
        client.embed(Purpose::Document, &["a"]).await.unwrap()[..],
        [Embedded::Vector(_)]
    ));
    assert_eq!(endpoint.seen().len(), 4, "two failures, the probe, the text");
}

#[tokio::test]
async fn server_errors_pass_by_trying_again() {
    for status in [500, 502, 503, 504, 408] {
        let endpoint = failing(1, status, Vec::new()).await;
        client_with(&endpoint.url, |_| {})
            .embed(Purpose::Document, &["a"])
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn lasting_server_errors_end_with_status_and_attempts() {
    let endpoint = FakeEndpoint::start(|_| Reply {
        status: 500,
        ..Reply::body(TEXT)
    })
    .await;
    let error = error_of(&client_with(&endpoint.url, give_up_soon)).await;
    let EmbeddingError::Overloaded {
        status: 500, attempts, ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(attempts as usize, endpoint.seen().len());
    assert!(attempts > 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = error_of(&client_with(&url, give_up_soon)).await;
    assert!(matches!(error, EmbeddingError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&url), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_times_out() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = client_with(&url, |config| {
        config.timeout = Duration::from_millis(20);
        give_up_soon(config);
    });
    let error = error_of(&client).await;
    assert!(error.to_string().contains("the answer timed out"), "{error}");
}

#[tokio::test]
async fn refused_access_names_the_key_setting_and_is_not_tried_again() {
    for status in [401, 403] {
        let body = json!({"error": {"message": format!("wrong key {KEY}")}});
        let endpoint = FakeEndpoint::start(move |_| Reply {
            status,
            ..Reply::body(&body)
        })
        .await;
        let error = error_of(&client_with(&endpoint.url, |_| {})).await;
        assert!(error.to_string().contains("check QUARRY_EMBEDDING_API_KEY"), "{error}");
        assert_eq!(endpoint.seen().len(), 1);
    }
}

#[tokio::test]
async fn an_unknown_address_or_model_names_both_settings() {
    let endpoint = FakeEndpoint::start(|_| Reply::status(404)).await;
    let error = error_of(&client_with(&endpoint.url, |_| {})).await.to_string();
    assert!(
        error.contains("QUARRY_EMBEDDING_URL") && error.contains("the model fake"),
        "{error}"
    );
}

#[tokio::test]
async fn a_redirect_is_refused_and_nothing_is_sent_to_its_target() {
    let target = FakeEndpoint::start(|seen| Reply::body(floats(&seen.texts()))).await;
    let location = format!("{}/v1/embeddings", target.url);
    for status in [301, 307, 308] {
        let location = location.clone();
        let endpoint = FakeEndpoint::start(move |_| Reply {
            headers: vec![("location", location.clone())],
            ..Reply::status(status)
        })
        .await;
        let error = error_of(&client_with(&endpoint.url, |_| {})).await;
        assert!(matches!(error, EmbeddingError::Redirected { .. }), "{error}");
    }
    assert!(target.seen().is_empty());
}

#[tokio::test]
async fn an_answer_over_the_cap_is_not_read() {
    let endpoint = FakeEndpoint::start(|_| Reply::body("x".repeat(10_000))).await;
    let error = error_of(&client_with(&endpoint.url, |config| config.max_answer_bytes = 9_999)).await;
    assert!(error.to_string().contains("larger than 9999 bytes"), "{error}");
}

#[tokio::test]
async fn garbage_is_named_without_quoting_it() {
    for garbage in [
        "<html>",
        "{\"data\":",
        "{\"data\":[{\"embedding\":\"the text that nobody may quote\"}]}",
        "[]",
    ] {
        let endpoint = FakeEndpoint::start(move |_| Reply::body(garbage)).await;
        let error = error_of(&client_with(&endpoint.url, |_| {})).await;
        assert!(matches!(error, EmbeddingError::InvalidAnswer { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_endpoint_that_refuses_everything_is_not_taken_for_bad_texts() {
    let endpoint = FakeEndpoint::start(|_| Reply::status(400)).await;
    let error = error_of(&client_with(&endpoint.url, |_| {})).await;
    assert!(matches!(error, EmbeddingError::Rejected { status: 400, .. }), "{error}");
}

#[tokio::test]
async fn an_endpoint_that_begins_to_refuse_everything_is_noticed() {
    let answered = Arc::new(AtomicUsize::new(0));
    let endpoint = FakeEndpoint::start(move |seen| match answered.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::body(base64(&seen.texts())),
        _ => Reply::status(400),
    })
    .await;
    let error = error_of(&client_with(&endpoint.url, |_| {})).await;
    assert!(matches!(error, EmbeddingError::Rejected { status: 400, .. }), "{error}");
}

#[tokio::test]
async fn a_text_that_ollama_computes_as_not_a_number_is_refused_at_once() {
    let endpoint = FakeEndpoint::start(|seen| match seen.texts().iter().any(|text| text == "odd") {
        true => Reply {
            status: 500,
            ..Reply::body(json!({"error": "json: unsupported value: NaN"}))
        },
        false => {
            let vectors: Vec<Vec<f32>> = seen.texts().iter().map(|_| vec![1.0, 2.0]).collect();
            Reply::body(json!({"embeddings": vectors}))
        }
    })
    .await;
    let client = client_with(&endpoint.url, |config| config.api = Api::Ollama);
    let answers = client.embed(Purpose::Document, &["a", "odd"]).await.unwrap();
    assert!(matches!(answers[..], [Embedded::Vector(_), Embedded::Refused(_)]));
}

#[tokio::test]
async fn the_key_travels_in_the_authorization_header_only() {
    let endpoint = FakeEndpoint::start(|seen| Reply::body(base64(&seen.texts()))).await;
    client_with(&endpoint.url, |_| {})
        .embed(Purpose::Document, &["a"])
        .await
        .unwrap();
    for seen in endpoint.seen() {
        assert_eq!(seen.headers["authorization"], format!("Bearer {KEY}"));
        assert!(!seen.path.contains(KEY) && !seen.body.to_string().contains(KEY));
    }
}

#[tokio::test]
async fn unusable_urls_are_refused_before_anything_is_sent() {
    for url in [
        "",
        "127.0.0.1:80",
        "ftp://h",
        "http://user:secret@h",
        "http://h?key=secret",
        "file:///etc/passwd",
    ] {
        let error = EmbeddingClient::connect(EndpointConfig::new(url, Api::OpenAi)).unwrap_err();
        assert!(matches!(error, EmbeddingError::InvalidUrl { .. }), "{url}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
