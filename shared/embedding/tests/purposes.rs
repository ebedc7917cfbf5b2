//! What an endpoint is told about documents and queries, and whose vectors are taken for one model's.
#![allow(clippy::unwrap_used)] // tests

mod fake_endpoint;

use fake_endpoint::{FakeEndpoint, Reply, base64, vector_of};
use quarry_embedding::{Api, EmbeddingClient, EmbeddingError, EmbeddingSource, EndpointConfig, Purpose, TextForm};
use quarry_lifecycle::{Key, load_config};
use serde_json::{Value, json};

/// An endpoint of two models that speaks both forms.
async fn endpoint() -> FakeEndpoint {
    FakeEndpoint::start(|seen| match seen.path.as_str() {
        "/v1/models" => Reply::body(json!({"data": [{"id": "m"}, {"id": "other"}]})),
        "/v1/embeddings" => Reply::body(base64(&seen.texts())),
        "/api/tags" => Reply::body(json!({"models": [{"name": "m:latest"}]})),
        _ => {
            let vectors: Vec<Vec<f32>> = seen.texts().iter().map(|text| vector_of(text)).collect();
            Reply::body(json!({"embeddings": vectors}))
        }
    })
    .await
}

/// The model, the texts and the type of each request for vectors, in order.
fn asked(endpoint: &FakeEndpoint) -> Vec<(Value, Vec<String>, Value)> {
    let requests = endpoint.seen().into_iter().filter(|seen| seen.body["input"].is_array());
    requests
        .map(|seen| {
            (
                seen.body["model"].clone(),
                seen.texts(),
                seen.body["input_type"].clone(),
            )
        })
        .collect()
}

fn request(model: &str, text: &str, input_type: Option<&str>) -> (Value, Vec<String>, Value) {
    (json!(model), vec![text.to_owned()], json!(input_type))
}

fn form(prefix: &str, input_type: Option<&str>) -> TextForm {
    TextForm {
        prefix: prefix.to_owned(),
        input_type: input_type.map(str::to_owned),
    }
}

fn source(endpoint: &FakeEndpoint, settings: &[(Key, &str)]) -> EmbeddingSource {
    let mut flags = vec![
        (Key::Home, "/nowhere".to_owned()),
        (Key::EmbeddingUrl, endpoint.url.clone()),
    ];
    flags.extend(settings.iter().map(|(key, value)| (*key, (*value).to_owned())));
    EmbeddingSource::from_config(&load_config(&flags, None).unwrap(), "/nowhere/quarry".into())
}

const PREFIXES: [(Key, &str); 3] = [
    (Key::EmbeddingModel, "m"),
    (Key::EmbeddingQueryPrefix, "q: "),
    (Key::EmbeddingDocumentPrefix, "d: "),
];

#[tokio::test]
async fn documents_queries_and_the_probe_are_sent_in_their_form() {
    for (api, types) in [(Api::OpenAi, true), (Api::OpenAi, false), (Api::Ollama, false)] {
        let endpoint = endpoint().await;
        let client = EmbeddingClient::connect(EndpointConfig {
            model: Some("m".to_owned()),
            documents: form("d: ", types.then_some("passage")),
            queries: form("q: ", types.then_some("query")),
            ..EndpointConfig::new(&endpoint.url, api)
        })
        .unwrap();
        client.embed(Purpose::Document, &["a"]).await.unwrap();
        client.embed(Purpose::Query, &["a"]).await.unwrap();
        let (document, query) = (types.then_some("passage"), types.then_some("query"));
        let expected = [
            request("m", "d: read a file", document),
            request("m", "d: a", document),
            request("m", "q: a", query),
        ];
        assert_eq!(asked(&endpoint), expected, "{api:?}");
    }
}

#[tokio::test]
async fn without_a_form_requests_are_what_they_always_were() {
    let endpoint = endpoint().await;
    let source = source(&endpoint, &[(Key::EmbeddingModel, "m")]);
    assert_eq!(source.client().await.unwrap().probe().await.unwrap().model, "m");
    source.search_vector(Some("m"), Purpose::Query, "a").await.unwrap();
    for seen in endpoint.seen() {
        let mut body = seen.body;
        body["input"] = json!([]);
        assert_eq!(body, json!({"model": "m", "input": [], "encoding_format": "base64"}));
    }
}

#[tokio::test]
async fn a_blank_text_stays_blank_behind_a_prefix_and_a_prefix_counts_into_the_size_of_a_request() {
    let endpoint = endpoint().await;
    let client = EmbeddingClient::connect(EndpointConfig {
        model: Some("m".to_owned()),
        documents: form(&"d".repeat(60), None),
        batch_bytes: 100,
        ..EndpointConfig::new(&endpoint.url, Api::OpenAi)
    })
    .unwrap();
    client.embed(Purpose::Document, &["a", " ", "b"]).await.unwrap();
    let sizes: Vec<usize> = asked(&endpoint).iter().map(|(_, texts, _)| texts.len()).collect();
    assert_eq!(sizes, [1, 1, 1], "the probe and a request for each text");
}

#[tokio::test]
async fn a_project_of_another_document_prefix_is_answered_by_the_same_endpoint() {
    let endpoint = endpoint().await;
    let source = source(&endpoint, &PREFIXES);
    let configured = source.client().await.unwrap().probe().await.unwrap().model;
    assert_eq!(configured, r#"m + "d: ""#);
    for pinned in ["m", r#"m + "old: ""#, configured.as_str()] {
        let client = source.client_for(pinned).await.unwrap();
        assert_eq!(client.probe().await.unwrap().model, pinned);
        client.embed(Purpose::Document, &["a"]).await.unwrap();
        source.search_vector(Some(pinned), Purpose::Query, "b").await.unwrap();
        source
            .search_vector(Some(pinned), Purpose::Document, "c")
            .await
            .unwrap();
    }
    let all = asked(&endpoint);
    let sent: Vec<&str> = all
        .iter()
        .map(|(_, texts, _)| texts[0].as_str())
        .filter(|text| !text.ends_with("read a file"))
        .collect();
    let expected = ["a", "q: b", "c", "old: a", "q: b", "old: c", "d: a", "q: b", "d: c"];
    assert_eq!(sent, expected);
    assert!(
        all.iter().all(|(model, _, _)| model == "m"),
        "the name alone is sent: {all:?}"
    );
}

#[tokio::test]
async fn another_model_of_the_endpoint_gets_no_prefix_that_was_not_meant_for_it() {
    let endpoint = endpoint().await;
    let source = source(&endpoint, &PREFIXES);
    source.search_vector(Some("other"), Purpose::Query, "a").await.unwrap();
    assert_eq!(asked(&endpoint).last(), Some(&request("other", "a", None)));
    let missing = source.client_for(r#"missing + "d: ""#).await.err().unwrap();
    assert!(matches!(missing, EmbeddingError::NotOffered { .. }), "{missing}");
}

#[tokio::test]
async fn what_needs_an_input_type_is_not_asked_of_ollama() {
    let endpoint = endpoint().await;
    let types = [(Key::EmbeddingModel, "m"), (Key::EmbeddingInputTypes, "query,passage")];
    let typed = source(&endpoint, &types);
    let pinned = "m + input_type=passage";
    assert_eq!(typed.client().await.unwrap().probe().await.unwrap().model, pinned);
    typed.search_vector(Some(pinned), Purpose::Query, "a").await.unwrap();
    assert_eq!(asked(&endpoint).last(), Some(&request("m", "a", Some("query"))));
    // Its vectors were made before the endpoint was told anything.
    typed.search_vector(Some("m"), Purpose::Query, "a").await.unwrap();
    assert_eq!(asked(&endpoint).last(), Some(&request("m", "a", None)));

    let ollama = source(&endpoint, &[(Key::EmbeddingModel, "m"), (Key::EmbeddingApi, "ollama")]);
    let reason = ollama
        .search_vector(Some(pinned), Purpose::Query, "a")
        .await
        .unwrap_err();
    assert!(
        reason.contains("quarry project model") && reason.contains(pinned),
        "{reason}"
    );
}
