//! Writes answers: vectors in either form, and the lists of models.
//! Vectors go straight into the answer's bytes, since building JSON values for each component took longer than the model.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use quarry_embedding::{BUILT_IN_DIMENSIONS, BUILT_IN_MODEL};
use serde_json::{Value, json};

use super::model::{DIMENSIONS, Model};
use super::refusal::{Interface, Refusal};
use super::request::{self, Encoding};

/// The answer to a request's body: computes for as long as it takes, so not to be called on an async thread.
pub(super) fn answer(body: &[u8], interface: Interface) -> Result<String, Refusal> {
    let started = std::time::Instant::now();
    let request = request::read(body, interface)?;
    let (vectors, pieces) = Model::built_in().embed(&request.texts);
    Ok(match interface {
        Interface::OpenAi => openai(&vectors, pieces, request.encoding),
        Interface::Ollama => ollama(&vectors, pieces, started.elapsed()),
    })
}

fn openai(vectors: &[f32], pieces: usize, encoding: Encoding) -> String {
    let texts = vectors.len() / DIMENSIONS;
    let bytes_per_vector = if encoding == Encoding::Base64 { 1440 } else { 3500 };
    let mut answer = String::with_capacity(texts * bytes_per_vector + 200);
    answer.push_str(r#"{"object":"list","data":["#);
    for (index, vector) in vectors.chunks_exact(DIMENSIONS).enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write(
            &mut answer,
            format_args!(r#"{comma}{{"object":"embedding","index":{index},"embedding":"#),
        );
        match encoding {
            Encoding::Float => push_floats(&mut answer, vector),
            Encoding::Base64 => push_base64(&mut answer, vector),
        }
        answer.push('}');
    }
    write(
        &mut answer,
        format_args!(r#"],"model":"{BUILT_IN_MODEL}","usage":{{"prompt_tokens":{pieces},"total_tokens":{pieces}}}}}"#),
    );
    answer
}

fn ollama(vectors: &[f32], pieces: usize, took: Duration) -> String {
    let mut answer = String::with_capacity(vectors.len() / DIMENSIONS * 3500 + 200);
    write(
        &mut answer,
        format_args!(r#"{{"model":"{BUILT_IN_MODEL}","embeddings":["#),
    );
    for (index, vector) in vectors.chunks_exact(DIMENSIONS).enumerate() {
        if index > 0 {
            answer.push(',');
        }
        push_floats(&mut answer, vector);
    }
    let nanoseconds = took.as_nanos();
    write(
        &mut answer,
        format_args!(r#"],"total_duration":{nanoseconds},"load_duration":0,"prompt_eval_count":{pieces}}}"#),
    );
    answer
}

/// The answer of `/v1/models`.
pub(super) fn openai_models() -> Value {
    let model = json!({
        "id": BUILT_IN_MODEL, "object": "model", "created": 0, "owned_by": "quarry", "dimensions": BUILT_IN_DIMENSIONS,
    });
    json!({"object": "list", "data": [model]})
}

/// The answer of `/api/tags`.
pub(super) fn ollama_models() -> Value {
    let details = json!({"format": "safetensors", "family": "static", "quantization_level": "int8"});
    json!({"models": [{"name": BUILT_IN_MODEL, "model": BUILT_IN_MODEL, "details": details}]})
}

fn push_floats(answer: &mut String, vector: &[f32]) {
    answer.push('[');
    for (position, component) in vector.iter().enumerate() {
        let comma = if position == 0 { "" } else { "," };
        // The shortest decimals that read back as this very float; never an exponent, never NaN.
        write(answer, format_args!("{comma}{component}"));
    }
    answer.push(']');
}

fn push_base64(answer: &mut String, vector: &[f32]) {
    let mut bytes = [0; DIMENSIONS * 4];
    for (four, component) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(vector) {
        *four = component.to_le_bytes();
    }
    answer.push('"');
    BASE64_STANDARD.encode_string(bytes, answer);
    answer.push('"');
}

fn write(answer: &mut String, arguments: std::fmt::Arguments<'_>) {
    answer
        .write_fmt(arguments)
        .expect("writing into a string does not fail");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    fn ask(interface: Interface, body: &Value) -> Value {
        serde_json::from_str(&answer(body.to_string().as_bytes(), interface).unwrap()).unwrap()
    }

    fn floats(value: &Value) -> Vec<f32> {
        serde_json::from_value(value.clone()).unwrap()
    }

    #[test]
    fn floats_and_base64_are_the_same_vectors_in_the_order_of_the_texts() {
        let texts = json!(["read a file", "日本語", "retry with backoff"]);
        let as_floats = ask(Interface::OpenAi, &json!({"model": BUILT_IN_MODEL, "input": texts}));
        let as_base64 = ask(
            Interface::OpenAi,
            &json!({"model": BUILT_IN_MODEL, "input": texts, "encoding_format": "base64"}),
        );
        let as_ollama = ask(Interface::Ollama, &json!({"model": BUILT_IN_MODEL, "input": texts}));
        let (expected, _) = Model::built_in().embed(&["read a file", "日本語", "retry with backoff"]);
        for (index, vector) in expected.chunks(DIMENSIONS).enumerate() {
            let base64 = BASE64_STANDARD
                .decode(as_base64["data"][index]["embedding"].as_str().unwrap())
                .unwrap();
            let from_base64: Vec<f32> = base64
                .as_chunks::<4>()
                .0
                .iter()
                .map(|four| f32::from_le_bytes(*four))
                .collect();
            assert_eq!(from_base64, vector);
            assert_eq!(floats(&as_floats["data"][index]["embedding"]), vector);
            assert_eq!(floats(&as_ollama["embeddings"][index]), vector);
            assert_eq!(as_floats["data"][index]["index"], index);
        }
    }

    #[test]
    fn usage_counts_the_pieces() {
        let answer = ask(
            Interface::OpenAi,
            &json!({"model": BUILT_IN_MODEL, "input": "read a file"}),
        );
        assert_eq!(answer["usage"], json!({"prompt_tokens": 3, "total_tokens": 3}));
        assert_eq!(answer["model"], BUILT_IN_MODEL);
    }
}
