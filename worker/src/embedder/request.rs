//! Reads a request for vectors, in either form, and refuses what the model cannot answer as asked.
//! Hands over texts that borrow from the request's bytes, all of them embeddable.
//! Strict: an unknown model, another number of dimensions, or token ids would otherwise give vectors nobody asked for.

use std::borrow::Cow;
use std::fmt;

use axum::http::StatusCode;
use quarry_embedding::{BUILT_IN_DIMENSIONS, BUILT_IN_MODEL};
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use super::refusal::{Interface, Refusal};

/// Most texts in one request. Their vectors are 4 MiB; more would only make the answer wait.
pub(super) const MAX_TEXTS: usize = 4096;
/// Most bytes of one text. The model reads its first 600 words; what is longer is no chunk of a file.
pub(super) const MAX_TEXT_BYTES: usize = 1 << 20;
/// Most bytes of a request: 4096 texts of 8 KiB.
pub(super) const MAX_BODY_BYTES: usize = 32 << 20;

/// How the vectors are to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Float,
    Base64,
}

/// A request that can be answered.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) texts: Vec<Text<'a>>,
    pub(super) encoding: Encoding,
}

/// One text, borrowed from the request where it holds no escapes.
#[derive(Debug)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(default)]
    model: Option<String>,
    #[serde(borrow, default)]
    input: Option<Input<'a>>,
    #[serde(default)]
    encoding_format: Option<String>,
    #[serde(default)]
    dimensions: Option<u32>,
}

enum Input<'a> {
    Texts(Vec<Text<'a>>),
    NotText,
}

/// Reads and checks the body of a request.
pub(super) fn read(body: &[u8], interface: Interface) -> Result<Request<'_>, Refusal> {
    let body: Body<'_> = serde_json::from_slice(body).map_err(|error| {
        // serde's own message would quote the request.
        let place = format!("line {}, column {}", error.line(), error.column());
        Refusal::bad_request(
            "invalid_json",
            format!("the body is not the JSON this endpoint takes ({place})"),
        )
    })?;
    check_model(body.model.as_deref(), interface)?;
    if body
        .dimensions
        .is_some_and(|dimensions| dimensions != BUILT_IN_DIMENSIONS)
    {
        let message = format!("the model has {BUILT_IN_DIMENSIONS} dimensions; no other number can be asked for");
        return Err(Refusal::bad_request("unsupported_dimensions", message));
    }
    let encoding = match body.encoding_format.as_deref() {
        None | Some("float") => Encoding::Float,
        Some("base64") => Encoding::Base64,
        Some(_) => {
            return Err(Refusal::bad_request(
                "unsupported_encoding",
                "encoding_format must be float or base64",
            ));
        }
    };
    let texts = match body.input {
        Some(Input::Texts(texts)) => texts,
        Some(Input::NotText) => {
            let message = "input must be a string or an array of strings; token ids are not accepted";
            return Err(Refusal::bad_request("unsupported_input", message));
        }
        None => return Err(Refusal::bad_request("missing_input", "input is missing")),
    };
    check_texts(&texts)?;
    Ok(Request { texts, encoding })
}

fn check_model(model: Option<&str>, interface: Interface) -> Result<(), Refusal> {
    let Some(model) = model else {
        return Err(Refusal::bad_request(
            "missing_model",
            format!("model is missing: it is {BUILT_IN_MODEL}"),
        ));
    };
    let name = match interface {
        Interface::OpenAi => model,
        Interface::Ollama => model.strip_suffix(":latest").unwrap_or(model),
    };
    if name == BUILT_IN_MODEL {
        return Ok(());
    }
    let message = format!("there is no such model here: the only one is {BUILT_IN_MODEL}");
    Err(Refusal {
        status: StatusCode::NOT_FOUND,
        code: "model_not_found",
        message,
    })
}

fn check_texts(texts: &[Text<'_>]) -> Result<(), Refusal> {
    if texts.is_empty() {
        return Err(Refusal::bad_request("empty_input", "input is an empty array"));
    }
    if texts.len() > MAX_TEXTS {
        let message = format!("input has {} texts; at most {MAX_TEXTS} are taken at once", texts.len());
        return Err(Refusal::bad_request("too_many_texts", message));
    }
    for (position, text) in texts.iter().enumerate() {
        let text = text.as_ref();
        if text.len() > MAX_TEXT_BYTES {
            let message = format!(
                "input[{position}] has {} bytes; at most {MAX_TEXT_BYTES} are taken",
                text.len()
            );
            return Err(Refusal::bad_request("text_too_large", message));
        }
        if text.trim().is_empty() {
            return Err(Refusal::bad_request(
                "blank_text",
                format!("input[{position}] is blank"),
            ));
        }
    }
    Ok(())
}

impl<'de: 'a, 'a> Deserialize<'de> for Input<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InputVisitor)
    }
}

struct InputVisitor;

impl<'de> Visitor<'de> for InputVisitor {
    type Value = Input<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string or an array of strings")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Input::Texts(vec![Text(Cow::Borrowed(text))]))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Input::Texts(vec![Text(Cow::Owned(text.to_owned()))]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        let mut all_are_text = true;
        while let Some(element) = sequence.next_element::<Element<'de>>()? {
            match element {
                Element::Text(text) => texts.push(text),
                Element::NotText => all_are_text = false,
            }
        }
        Ok(if all_are_text {
            Input::Texts(texts)
        } else {
            Input::NotText
        })
    }
}

/// An element of `input`; token ids are read past, to be refused with a message that says so.
enum Element<'a> {
    Text(Text<'a>),
    NotText,
}

impl<'de: 'a, 'a> Deserialize<'de> for Element<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementVisitor)
    }
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Element::Text(Text(Cow::Borrowed(text))))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Element::Text(Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_u64<E: de::Error>(self, _token: u64) -> Result<Self::Value, E> {
        Ok(Element::NotText)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        while sequence.next_element::<de::IgnoredAny>()?.is_some() {}
        Ok(Element::NotText)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use serde_json::json;

    use super::*;

    fn refusal(body: &serde_json::Value) -> Refusal {
        read(body.to_string().as_bytes(), Interface::OpenAi).unwrap_err()
    }

    #[test]
    fn a_string_and_an_array_of_strings_are_read() {
        let read = |input: serde_json::Value| {
            let body = json!({"model": BUILT_IN_MODEL, "input": input, "user": "ignored"}).to_string();
            let request = read(body.as_bytes(), Interface::OpenAi).unwrap();
            request
                .texts
                .iter()
                .map(|text| text.as_ref().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(read(json!("one")), ["one"]);
        assert_eq!(read(json!(["one", "tw\no", "\"3\""])), ["one", "tw\no", "\"3\""]);
    }

    #[test]
    fn what_cannot_be_answered_as_asked_is_refused() {
        let with = |field: &str, value: serde_json::Value| {
            let mut body = json!({"model": BUILT_IN_MODEL, "input": "text"});
            body[field] = value;
            refusal(&body).code
        };
        assert_eq!(with("model", json!("text-embedding-3-small")), "model_not_found");
        assert_eq!(with("model", json!(null)), "missing_model");
        assert_eq!(with("input", json!(null)), "missing_input");
        assert_eq!(with("input", json!([])), "empty_input");
        assert_eq!(with("input", json!(["a", " \n"])), "blank_text");
        assert_eq!(with("input", json!([1, 2, 3])), "unsupported_input");
        assert_eq!(with("input", json!([[1, 2], [3]])), "unsupported_input");
        assert_eq!(with("input", json!({"text": "a"})), "invalid_json");
        assert_eq!(with("input", json!("x".repeat(MAX_TEXT_BYTES + 1))), "text_too_large");
        assert_eq!(with("input", json!(vec!["x"; MAX_TEXTS + 1])), "too_many_texts");
        assert_eq!(with("dimensions", json!(128)), "unsupported_dimensions");
        assert_eq!(with("encoding_format", json!("hex")), "unsupported_encoding");
    }

    #[test]
    fn an_unknown_model_is_404_and_the_rest_is_400() {
        assert_eq!(
            refusal(&json!({"model": "x", "input": "a"})).status,
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            refusal(&json!({"model": BUILT_IN_MODEL})).status,
            StatusCode::BAD_REQUEST
        );
    }

    #[test]
    fn messages_quote_nothing() {
        let body = json!({"model": BUILT_IN_MODEL, "input": "a", "dimensions": "confidential"});
        assert!(!refusal(&body).message.contains("confidential"));
    }

    #[test]
    fn ollama_may_add_its_tag() {
        let body = json!({"model": format!("{BUILT_IN_MODEL}:latest"), "input": "a"}).to_string();
        assert!(read(body.as_bytes(), Interface::Ollama).is_ok());
        assert!(read(body.as_bytes(), Interface::OpenAi).is_err());
    }
}
