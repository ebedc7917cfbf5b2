//! The weights in the program and the vector of a text: the sum of its pieces' rows by (1 + ln count), of length 1.
//! Hands vectors and counts of pieces to the endpoint; every text that is not blank has a vector.
//! Never reads a file: the weights are part of the program.

use std::num::NonZero;
use std::sync::LazyLock;

use quarry_embedding::BUILT_IN_DIMENSIONS;
use safetensors::SafeTensors;

use super::hashed::add_trigrams;
use super::pieces::Vocabulary;
use super::words::each_word;

static WEIGHTS: &[u8] = include_bytes!("model/model.safetensors");
static VOCABULARY: &str = include_str!("model/vocab.txt");
static BUILT_IN: LazyLock<Model> = LazyLock::new(Model::parse);

/// Components of a vector.
pub(super) const DIMENSIONS: usize = BUILT_IN_DIMENSIONS as usize;

/// Texts below which a second thread costs more than it saves: about 1 ms of work.
const TEXTS_PER_THREAD: usize = 128;

/// The built-in model.
pub struct Model {
    vocabulary: Vocabulary,
    rows: &'static [u8],
    scales: Vec<f32>,
}

/// Memory that the texts of a batch use one after the other.
#[derive(Default)]
struct Scratch {
    word: Vec<u8>,
    rows: Vec<u32>,
}

impl Model {
    /// The model, read from the program at the first call.
    #[must_use]
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    fn parse() -> Self {
        let tensors = SafeTensors::deserialize(WEIGHTS).expect("a test reads the weights in the program");
        let rows = tensors
            .tensor("embedding")
            .expect("a test reads the weights in the program");
        let scales = tensors
            .tensor("scale")
            .expect("a test reads the weights in the program");
        let vocabulary = Vocabulary::parse(VOCABULARY);
        assert_eq!(
            rows.shape(),
            [vocabulary.len(), DIMENSIONS],
            "a test reads the weights in the program"
        );
        let (floats, _) = scales.data().as_chunks::<4>();
        Self {
            vocabulary,
            rows: rows.data(),
            scales: floats.iter().map(|four| f32::from_le_bytes(*four)).collect(),
        }
    }

    /// Vectors of `texts`, one behind the other in `vectors`, computed on all cores; and the pieces they have.
    /// A blank text has the zero vector.
    #[must_use]
    pub fn embed<T: AsRef<str> + Sync>(&self, texts: &[T]) -> (Vec<f32>, usize) {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = cores.min(texts.len() / TEXTS_PER_THREAD).max(1);
        let share = texts.len().div_ceil(threads).max(1);
        let mut vectors = vec![0.0; texts.len() * DIMENSIONS];
        let mut shares = texts.chunks(share).zip(vectors.chunks_mut(share * DIMENSIONS));
        let first = shares.next();
        let pieces = std::thread::scope(|scope| {
            let others: Vec<_> = shares
                .map(|(texts, vectors)| scope.spawn(|| self.embed_share(texts, vectors)))
                .collect();
            let own = first.map_or(0, |(texts, vectors)| self.embed_share(texts, vectors));
            let joined = others
                .into_iter()
                .map(|thread| thread.join().expect("embedding a text does not panic"));
            own + joined.sum::<usize>()
        });
        (vectors, pieces)
    }

    fn embed_share<T: AsRef<str>>(&self, texts: &[T], vectors: &mut [f32]) -> usize {
        let mut scratch = Scratch::default();
        let pairs = texts.iter().zip(vectors.chunks_exact_mut(DIMENSIONS));
        pairs
            .map(|(text, vector)| self.embed_text(text.as_ref(), &mut scratch, vector))
            .sum()
    }

    /// Writes the vector of `text` over the zeros in `vector`; returns its pieces.
    fn embed_text(&self, text: &str, scratch: &mut Scratch, vector: &mut [f32]) -> usize {
        scratch.rows.clear();
        each_word(text, &mut scratch.word, |word| {
            self.vocabulary.rows_of(word, &mut scratch.rows)
        });
        let pieces = scratch.rows.len();
        scratch.rows.sort_unstable();
        for same in scratch.rows.chunk_by(|one, other| one == other) {
            self.add_row(same[0], same.len(), vector);
        }
        if pieces == 0 {
            add_trigrams(text, vector);
        }
        let length = vector.iter().map(|component| component * component).sum::<f32>().sqrt();
        if length > 0.0 {
            vector.iter_mut().for_each(|component| *component /= length);
        }
        pieces.max(1)
    }

    fn add_row(&self, row: u32, count: usize, vector: &mut [f32]) {
        let row = row as usize;
        // At most 600 words: the count is exact as a float.
        #[allow(clippy::cast_precision_loss)]
        let weight = if count == 1 { 1.0 } else { 1.0 + (count as f32).ln() };
        let weight = weight * self.scales[row];
        let components = &self.rows[row * DIMENSIONS..(row + 1) * DIMENSIONS];
        for (sum, byte) in vector.iter_mut().zip(components) {
            *sum += weight * f32::from(byte.cast_signed());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use serde_json::Value;
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn cosine(one: &[f32], other: &[f32]) -> f32 {
        one.iter().zip(other).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn the_weights_in_the_program_are_those_of_the_sums() {
        let sums = include_str!("model/SHA256SUMS");
        for (name, content) in [("model.safetensors", WEIGHTS), ("vocab.txt", VOCABULARY.as_bytes())] {
            let sum: String = Sha256::digest(content)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert!(
                sums.lines().any(|line| line == format!("{sum}  {name}")),
                "{name}: {sum}"
            );
        }
        // A change of the sums is a change of the model, whose name must change with it.
        assert_eq!(quarry_embedding::BUILT_IN_MODEL, "quarry-code-256-v2");
        assert!(sums.contains("893bf7acc1386ede73cd6d9e856ace356b49c21c497778581371dde332b41d6d"));
    }

    #[test]
    fn the_vectors_are_those_of_the_reference() {
        let reference: Value = serde_json::from_str(include_str!("model/reference.json")).unwrap();
        for case in reference.as_array().unwrap() {
            let (vector, _) = Model::built_in().embed(&[case["text"].as_str().unwrap()]);
            for (got, expected) in vector.iter().zip(case["first8"].as_array().unwrap()) {
                assert!(
                    (f64::from(*got) - expected.as_f64().unwrap()).abs() < 1e-4,
                    "{case}: {got}"
                );
            }
        }
    }

    #[test]
    fn every_visible_text_has_a_vector_of_length_one() {
        let long = "wort ".repeat(50_000);
        for text in [
            "a",
            "日本語",
            "→",
            "{}",
            "x",
            "\u{0}a",
            "é",
            "....",
            "٣٤",
            long.as_str(),
        ] {
            let (vector, _) = Model::built_in().embed(&[text]);
            assert!((cosine(&vector, &vector) - 1.0).abs() < 1e-4, "{text:.20}");
        }
    }

    #[test]
    fn a_batch_over_several_threads_gives_what_single_texts_give() {
        let texts: Vec<String> = (0..1500)
            .map(|n| format!("fn read_{n}(path: &Path{n}) -> File"))
            .collect();
        let (batch, pieces) = Model::built_in().embed(&texts);
        let mut counted = 0;
        for (text, vector) in texts.iter().zip(batch.chunks(DIMENSIONS)) {
            let (alone, pieces) = Model::built_in().embed(&[text]);
            assert_eq!(alone, vector);
            counted += pieces;
        }
        assert_eq!(pieces, counted);
        assert_eq!(Model::built_in().embed::<&str>(&[]), (Vec::new(), 0));
    }

    /// Guards against a broken table or splitter: questions as an agent asks them, functions of five languages.
    #[test]
    fn the_quality_on_the_fixture_does_not_fall() {
        let pairs: Vec<(String, String)> = serde_json::from_str(include_str!("quality_fixture.json")).unwrap();
        let (queries, functions): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let (queries, _) = Model::built_in().embed(&queries);
        let (functions, _) = Model::built_in().embed(&functions);
        let mut reciprocal_ranks = 0.0;
        for (asked, query) in queries.chunks(DIMENSIONS).enumerate() {
            let scores: Vec<f32> = functions
                .chunks(DIMENSIONS)
                .map(|function| cosine(query, function))
                .collect();
            let better = scores.iter().filter(|score| **score > scores[asked]).count();
            reciprocal_ranks += 1.0 / f64::from(u32::try_from(better).unwrap() + 1);
        }
        let mean = reciprocal_ranks / f64::from(u32::try_from(queries.len() / DIMENSIONS).unwrap());
        assert!(mean > QUALITY_FLOOR, "mean reciprocal rank {mean:.3}");
    }

    /// Slightly below the .975 of this version of the model.
    const QUALITY_FLOOR: f64 = 0.95;
}
