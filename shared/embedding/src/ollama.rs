//! Ollama's own form: where requests go, how they are written, how answers are read.
//! Hands vectors to the client in the order of the texts; knows nothing of retries or batches.

use std::borrow::Cow;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::vector_json::WireVector;

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [Cow<'a, str>],
    // Half a long text found is better than none of it: the alternative is a refusal.
    truncate: bool,
}

#[derive(Deserialize)]
struct Answer {
    embeddings: Vec<WireVector>,
}

#[derive(Deserialize)]
struct Tags {
    models: Vec<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
}

/// `path` below `/api` of `base`, which may already end in it.
pub(crate) fn address(base: &Url, path: &str) -> Url {
    let mut address = base.clone();
    let given = base.path().trim_end_matches('/');
    let given = given.strip_suffix("/embed").unwrap_or(given);
    let given = given.strip_suffix("/api").unwrap_or(given);
    address.set_path(&format!("{given}/api/{path}"));
    address
}

/// The body of a request for the vectors of `texts`.
pub(crate) fn request_body(model: &str, texts: &[Cow<'_, str>]) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Request {
        model,
        input: texts,
        truncate: true,
    })
}

/// The vectors of an answer to `count` texts; otherwise what is wrong with the answer.
pub(crate) fn read_vectors(body: &[u8], count: usize) -> Result<Vec<WireVector>, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| crate::transport::json_fault(&error))?;
    if answer.embeddings.len() != count {
        return Err(format!("{} vectors for {count} texts", answer.embeddings.len()));
    }
    Ok(answer.embeddings)
}

/// Names of the models an answer of `/api/tags` lists.
pub(crate) fn read_models(body: &[u8]) -> Result<Vec<String>, String> {
    let tags: Tags = serde_json::from_slice(body).map_err(|error| crate::transport::json_fault(&error))?;
    Ok(tags.models.into_iter().map(|tag| tag.name).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    #[test]
    fn the_address_may_be_given_with_or_without_api() {
        for given in [
            "http://h:11434",
            "http://h:11434/",
            "http://h:11434/api",
            "http://h:11434/api/embed",
        ] {
            assert_eq!(
                address(&Url::parse(given).unwrap(), "embed").as_str(),
                "http://h:11434/api/embed"
            );
        }
    }

    #[test]
    fn a_request_has_the_texts_as_they_are_sent() {
        let texts = [Cow::Borrowed("search_query: a")];
        assert_eq!(
            request_body("m", &texts).unwrap(),
            br#"{"model":"m","input":["search_query: a"],"truncate":true}"#
        );
    }
}
