//! The OpenAI form: where requests go, how they are written, how answers are read.
//! Hands vectors to the client in the order of the texts; knows nothing of retries or batches.

use std::borrow::Cow;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::vector_json::{Encoding, WireVector};

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [Cow<'a, str>],
    // Left out for floats: they are the default, and servers that do not know the field need not refuse it.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_format: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_type: Option<&'a str>,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: Option<usize>,
    embedding: WireVector,
}

#[derive(Deserialize)]
struct Models {
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
}

/// `path` below the version part of `base`; `/v1` is added where `base` names no version.
pub(crate) fn address(base: &Url, path: &str) -> Url {
    let mut address = base.clone();
    let given = base.path().trim_end_matches('/');
    let given = given.strip_suffix("/embeddings").unwrap_or(given);
    let last = given.rsplit('/').next().unwrap_or_default();
    let has_version = last
        .strip_prefix('v')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
    let version = if has_version { "" } else { "/v1" };
    address.set_path(&format!("{given}{version}/{path}"));
    address
}

/// The body of a request for the vectors of `texts`.
pub(crate) fn request_body(
    model: &str,
    texts: &[Cow<'_, str>],
    encoding: Encoding,
    input_type: Option<&str>,
) -> serde_json::Result<Vec<u8>> {
    let encoding_format = (encoding == Encoding::Base64).then_some("base64");
    serde_json::to_vec(&Request {
        model,
        input: texts,
        encoding_format,
        input_type,
    })
}

/// The vectors of an answer, in the order of the `count` texts asked for; otherwise what is wrong with the answer.
pub(crate) fn read_vectors(body: &[u8], count: usize) -> Result<Vec<WireVector>, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| crate::transport::json_fault(&error))?;
    if answer.data.len() != count {
        return Err(format!("{} vectors for {count} texts", answer.data.len()));
    }
    let mut ordered: Vec<Option<WireVector>> = (0..count).map(|_| None).collect();
    for (position, item) in answer.data.into_iter().enumerate() {
        let index = item.index.unwrap_or(position);
        match ordered.get_mut(index) {
            Some(slot @ None) => *slot = Some(item.embedding),
            Some(Some(_)) => return Err(format!("two vectors with index {index}")),
            None => return Err(format!("a vector with index {index} for {count} texts")),
        }
    }
    Ok(ordered.into_iter().flatten().collect())
}

/// Names of the models an answer of `/v1/models` lists.
pub(crate) fn read_models(body: &[u8]) -> Result<Vec<String>, String> {
    let models: Models = serde_json::from_slice(body).map_err(|error| crate::transport::json_fault(&error))?;
    Ok(models.data.into_iter().map(|model| model.id).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    #[test]
    fn the_version_is_added_only_where_it_is_missing() {
        for (given, expected) in [
            ("http://h:1", "http://h:1/v1/embeddings"),
            ("http://h:1/", "http://h:1/v1/embeddings"),
            ("http://h:1/v1", "http://h:1/v1/embeddings"),
            ("http://h:1/v1/", "http://h:1/v1/embeddings"),
            ("http://h:1/v1/embeddings", "http://h:1/v1/embeddings"),
            ("https://h/proxy", "https://h/proxy/v1/embeddings"),
            ("https://h/api/v3", "https://h/api/v3/embeddings"),
        ] {
            assert_eq!(address(&Url::parse(given).unwrap(), "embeddings").as_str(), expected);
        }
    }

    #[test]
    fn a_request_says_what_its_texts_are_only_where_a_word_is_given_for_it() {
        let texts = [Cow::Borrowed("a"), Cow::Borrowed("b")];
        let body = |encoding, input_type| request_body("m", &texts, encoding, input_type).unwrap();
        assert_eq!(
            body(Encoding::Base64, None),
            br#"{"model":"m","input":["a","b"],"encoding_format":"base64"}"#
        );
        assert_eq!(body(Encoding::Float, None), br#"{"model":"m","input":["a","b"]}"#);
        assert_eq!(
            body(Encoding::Float, Some("passage")),
            br#"{"model":"m","input":["a","b"],"input_type":"passage"}"#
        );
    }

    #[test]
    fn a_repeated_or_foreign_index_is_an_error() {
        let repeated = br#"{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}"#;
        let foreign = br#"{"data":[{"index":0,"embedding":[1]},{"index":7,"embedding":[1]}]}"#;
        assert!(read_vectors(repeated, 2).unwrap_err().contains("two vectors"));
        assert!(read_vectors(foreign, 2).unwrap_err().contains("index 7"));
    }
}
