//! Reads one vector out of an answer: an array of numbers, or base64 of little-endian 32-bit floats.
//! Hands the numbers on as they are; a `null` becomes NaN, so that the client can refuse that one text.
//! Never looks at dimensions or lengths: see `embed.rs`.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

/// How a vector was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Base64 of the floats' bytes: a third of the size, and no decimals to parse.
    Base64,
    /// A JSON array of numbers.
    Float,
}

/// A vector and how it was written.
#[derive(Debug)]
pub(crate) struct WireVector {
    pub(crate) components: Vec<f32>,
    pub(crate) encoding: Encoding,
}

impl<'de> Deserialize<'de> for WireVector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WireVectorVisitor)
    }
}

struct WireVectorVisitor;

impl<'de> Visitor<'de> for WireVectorVisitor {
    type Value = WireVector;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of numbers or a base64 string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<WireVector, E> {
        let bytes = BASE64_STANDARD
            .decode(text)
            .map_err(|_| E::custom("the embedding is not valid base64"))?;
        let (floats, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(E::custom("the base64 embedding is not a whole number of floats"));
        }
        Ok(WireVector {
            components: floats.iter().map(|four| f32::from_le_bytes(*four)).collect(),
            encoding: Encoding::Base64,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<WireVector, A::Error> {
        let mut components = Vec::with_capacity(sequence.size_hint().unwrap_or(1024));
        // As f64 first: a number beyond f32 becomes infinite, so that its text alone is refused. Read as f32 it would fail
        // the whole answer, or not, depending on serde_json's features in the build.
        while let Some(component) = sequence.next_element::<Option<f64>>()? {
            #[allow(clippy::cast_possible_truncation, reason = "vectors are stored as f32")]
            components.push(component.map_or(f32::NAN, |component| component as f32));
        }
        Ok(WireVector {
            components,
            encoding: Encoding::Float,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    #[test]
    fn both_encodings_give_the_same_components() {
        let bytes: Vec<u8> = [0.5_f32, -1.25, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let base64 = format!("\"{}\"", BASE64_STANDARD.encode(bytes));
        let from_base64: WireVector = serde_json::from_str(&base64).unwrap();
        let from_floats: WireVector = serde_json::from_str("[0.5, -1.25, 3]").unwrap();
        assert_eq!(from_base64.components, from_floats.components);
        assert_eq!(
            (from_base64.encoding, from_floats.encoding),
            (Encoding::Base64, Encoding::Float)
        );
    }

    #[test]
    fn a_null_is_not_a_number_and_half_a_float_is_an_error() {
        let vector: WireVector = serde_json::from_str("[1.0, null]").unwrap();
        assert!(vector.components[1].is_nan());
        assert!(serde_json::from_str::<WireVector>("\"AAAAAAA=\"").is_err());
    }
}
