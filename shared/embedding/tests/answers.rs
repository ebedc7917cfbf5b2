//! What vectors a client hands out, for all the ways in which endpoints answer.
#![allow(clippy::unwrap_used)] // tests

mod fake_endpoint;

use fake_endpoint::{FakeEndpoint, Reply, Seen, base64, floats, vector_of};
use quarry_embedding::{Api, Embedded, EmbeddingClient, EmbeddingError, EndpointConfig, Purpose};
use serde_json::json;

fn client(endpoint: &FakeEndpoint) -> EmbeddingClient {
    client_with(endpoint, |_| {})
}

fn client_with(endpoint: &FakeEndpoint, change: impl FnOnce(&mut EndpointConfig)) -> EmbeddingClient {
    let mut config = EndpointConfig::new(&endpoint.url, Api::OpenAi);
    config.model = Some("fake".to_owned());
    change(&mut config);
    EmbeddingClient::connect(config).unwrap()
}

fn vectors(texts: &[&str]) -> Vec<Embedded> {
    texts.iter().map(|text| Embedded::Vector(vector_of(text))).collect()
}

fn refusal(answer: &Embedded) -> &str {
    match answer {
        Embedded::Refused(reason) => reason,
        Embedded::Vector(_) => panic!("a vector where a refusal is expected"),
    }
}

#[tokio::test]
async fn shuffled_answers_come_back_in_the_order_of_the_texts() {
    let endpoint = FakeEndpoint::start(|seen| {
        let mut answer = base64(&seen.texts());
        answer["data"].as_array_mut().unwrap().reverse();
        Reply::body(answer)
    })
    .await;
    let texts = ["a", "bb", "ccc", "dddd", "eeeee"];
    assert_eq!(
        client(&endpoint).embed(Purpose::Document, &texts).await.unwrap(),
        vectors(&texts)
    );
}

#[tokio::test]
async fn batches_keep_to_their_limits_and_the_order_survives_concurrency() {
    let endpoint = FakeEndpoint::start(|seen| Reply::body(base64(&seen.texts()))).await;
    let texts: Vec<String> = (0..97).map(|n| "x".repeat(n + 1)).collect();
    let client = client_with(&endpoint, |config| config.batch_texts = 10);
    let expected: Vec<Embedded> = texts.iter().map(|text| Embedded::Vector(vector_of(text))).collect();
    let asking = tokio::spawn(async move { client.embed(Purpose::Document, &texts).await });
    assert_eq!(asking.await.unwrap().unwrap(), expected);
    let sizes: Vec<usize> = endpoint.seen().iter().map(|seen| seen.texts().len()).collect();
    assert_eq!(
        (sizes.len(), sizes.iter().max()),
        (11, Some(&10)),
        "one probe and ten batches"
    );
}

#[tokio::test]
async fn a_server_that_refuses_base64_is_asked_for_floats_from_then_on() {
    let endpoint = FakeEndpoint::start(|seen| match seen.asks_base64() {
        true => Reply::status(400),
        false => Reply::body(floats(&seen.texts())),
    })
    .await;
    let client = client(&endpoint);
    assert_eq!(
        client.embed(Purpose::Document, &["a", "bb"]).await.unwrap(),
        vectors(&["a", "bb"])
    );
    client.embed(Purpose::Document, &["ccc"]).await.unwrap();
    let asked: Vec<bool> = endpoint.seen().iter().map(Seen::asks_base64).collect();
    assert_eq!(asked, [true, false, false, false]);
}

#[tokio::test]
async fn a_server_that_ignores_base64_is_understood_too() {
    let endpoint = FakeEndpoint::start(|seen| Reply::body(floats(&seen.texts()))).await;
    assert_eq!(
        client(&endpoint).embed(Purpose::Document, &["a", "bb"]).await.unwrap(),
        vectors(&["a", "bb"])
    );
}

#[tokio::test]
async fn the_one_bad_text_of_a_batch_is_refused_and_the_others_get_vectors() {
    let endpoint = FakeEndpoint::start(|seen| match seen.texts().iter().any(|text| text.contains("bad")) {
        true => Reply {
            status: 422,
            ..Reply::body(json!({"error": {"code": "context_length_exceeded", "message": "bad"}}))
        },
        false => Reply::body(base64(&seen.texts())),
    })
    .await;
    let mut texts: Vec<String> = (0..50).map(|n| format!("text {n}")).collect();
    texts[31] = "bad".to_owned();
    let answers = client(&endpoint).embed(Purpose::Document, &texts).await.unwrap();
    let refused: Vec<usize> = (0..50)
        .filter(|n| matches!(answers[*n], Embedded::Refused(_)))
        .collect();
    assert_eq!(refused, [31]);
    assert_eq!(
        refusal(&answers[31]),
        "the embedding endpoint refused the text with status 422 (context_length_exceeded): it is probably too long for the model"
    );
}

#[tokio::test]
async fn a_batch_limit_of_the_server_is_learned() {
    let endpoint = FakeEndpoint::start(|seen| match seen.texts().len() > 8 {
        true => Reply::status(413),
        false => Reply::body(base64(&seen.texts())),
    })
    .await;
    let texts: Vec<String> = (0..64).map(|n| "y".repeat(n + 1)).collect();
    let client = client(&endpoint);
    let first = client.embed(Purpose::Document, &texts).await.unwrap();
    let requests = endpoint.seen().len();
    assert_eq!(client.embed(Purpose::Document, &texts).await.unwrap(), first);
    assert_eq!(
        endpoint.seen().len() - requests,
        8,
        "the second time no batch is refused"
    );
}

#[tokio::test]
async fn blank_texts_are_refused_without_asking() {
    let endpoint = FakeEndpoint::start(|seen| Reply::body(base64(&seen.texts()))).await;
    let answers = client(&endpoint)
        .embed(Purpose::Document, &["", "a", " \n\t"])
        .await
        .unwrap();
    assert_eq!(refusal(&answers[0]), "the text is blank");
    assert_eq!(answers[1], Embedded::Vector(vector_of("a")));
    assert!(
        endpoint
            .seen()
            .iter()
            .all(|seen| !seen.texts().contains(&String::new()))
    );
}

#[tokio::test]
async fn no_texts_ask_nothing() {
    let endpoint = FakeEndpoint::start(|_| Reply::status(500)).await;
    assert_eq!(
        client(&endpoint).embed::<&str>(Purpose::Document, &[]).await.unwrap(),
        []
    );
    assert!(endpoint.seen().is_empty());
}

#[tokio::test]
async fn zero_and_non_finite_vectors_are_refused_alone() {
    let endpoint = FakeEndpoint::start(|seen| {
        let mut answer = floats(&seen.texts());
        for (item, text) in answer["data"].as_array_mut().unwrap().iter_mut().zip(seen.texts()) {
            match text.as_str() {
                "zero" => item["embedding"] = json!([0, 0.0, 0]),
                "null" => item["embedding"] = json!([1, null, 1]),
                "huge" => item["embedding"] = json!([1, 1e300, 1]),
                _ => {}
            }
        }
        Reply::body(answer)
    })
    .await;
    let answers = client(&endpoint)
        .embed(Purpose::Document, &["a", "zero", "null", "huge"])
        .await
        .unwrap();
    assert_eq!(answers[0], Embedded::Vector(vector_of("a")));
    assert!(refusal(&answers[1]).contains("zero"));
    assert!(refusal(&answers[2]).contains("no number"));
    assert!(refusal(&answers[3]).contains("no number"));
}

#[tokio::test]
async fn not_a_number_in_base64_is_refused() {
    let endpoint = FakeEndpoint::start(|seen| {
        let mut answer = base64(&seen.texts());
        if seen.texts() == ["nan"] {
            answer["data"][0]["embedding"] = json!("AADAfwAAAAAAAAAA");
        }
        Reply::body(answer)
    })
    .await;
    let answers = client(&endpoint).embed(Purpose::Document, &["nan"]).await.unwrap();
    assert!(refusal(&answers[0]).contains("no number"));
}

#[tokio::test]
async fn other_dimensions_than_expected_fail_the_call() {
    let endpoint = FakeEndpoint::start(|seen| Reply::body(base64(&seen.texts()))).await;
    let error = client_with(&endpoint, |config| config.dimensions = Some(768))
        .probe()
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            EmbeddingError::WrongDimensions {
                expected: 768,
                got: 3,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn dimensions_that_change_fail_the_call() {
    let endpoint = FakeEndpoint::start(|seen| {
        let mut answer = floats(&seen.texts());
        if seen.texts() == ["shrunk"] {
            answer["data"][0]["embedding"] = json!([1]);
        }
        Reply::body(answer)
    })
    .await;
    let error = client(&endpoint)
        .embed(Purpose::Document, &["shrunk"])
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            EmbeddingError::WrongDimensions {
                expected: 3,
                got: 1,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn too_few_vectors_fail_the_call() {
    let endpoint = FakeEndpoint::start(|seen| Reply::body(base64(&seen.texts()[..1]))).await;
    let error = client(&endpoint)
        .embed(Purpose::Document, &["a", "b"])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("1 vectors for 2 texts"), "{error}");
}

#[tokio::test]
async fn the_first_listed_model_is_taken_where_none_is_configured() {
    let endpoint = FakeEndpoint::start(|seen| match seen.path.as_str() {
        "/v1/models" => Reply::body(json!({"data": [{"id": "only-one"}]})),
        _ => Reply::body(base64(&seen.texts())),
    })
    .await;
    let info = client_with(&endpoint, |config| config.model = None)
        .probe()
        .await
        .unwrap();
    assert_eq!((info.model.as_str(), info.dimensions), ("only-one", 3));
}

#[tokio::test]
async fn a_server_without_models_is_told_apart_by_the_setting_to_make() {
    let endpoint = FakeEndpoint::start(|_| Reply::body(json!({"data": []}))).await;
    let error = client_with(&endpoint, |config| config.model = None)
        .probe()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("QUARRY_EMBEDDING_MODEL"), "{error}");
}

#[tokio::test]
async fn ollama_is_asked_in_its_own_form() {
    let endpoint = FakeEndpoint::start(|seen| match seen.path.as_str() {
        "/api/tags" => Reply::body(json!({"models": [{"name": "nomic-embed-text:latest"}]})),
        "/api/embed" => {
            let vectors: Vec<Vec<f32>> = seen.texts().iter().map(|text| vector_of(text)).collect();
            Reply::body(json!({"model": "x", "embeddings": vectors}))
        }
        _ => Reply::status(404),
    })
    .await;
    let client = EmbeddingClient::connect(EndpointConfig::new(&endpoint.url, Api::Ollama)).unwrap();
    assert_eq!(
        client.embed(Purpose::Document, &["a", "bb"]).await.unwrap(),
        vectors(&["a", "bb"])
    );
    assert_eq!(client.probe().await.unwrap().model, "nomic-embed-text:latest");
    assert!(endpoint.seen().iter().all(|seen| !seen.asks_base64()));
}
