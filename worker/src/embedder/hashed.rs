//! Vectors for text of which the model knows no piece: other scripts, symbols, emoji.
//! Each trigram of characters has a direction of its own, drawn from its hash; similar texts share trigrams and so are
//! near each other. Knows no meaning, and is only asked where the model is silent.

use std::collections::BTreeMap;

/// A direction for every trigram beyond would not change what the first say, and the work stays bounded.
const MAX_TRIGRAMS: usize = 2000;

/// Adds the trigrams' directions to `vector`, which is not zero afterwards unless `text` is blank.
pub(super) fn add_trigrams(text: &str, vector: &mut [f32]) {
    let mut counts: BTreeMap<String, f32> = BTreeMap::new();
    for trigram in trigrams(text).take(MAX_TRIGRAMS) {
        *counts.entry(trigram).or_default() += 1.0;
    }
    for (trigram, count) in &counts {
        add_direction(trigram, 1.0 + count.ln(), vector);
    }
    if vector.iter().all(|component| *component == 0.0)
        && let Some(trigram) = counts.keys().next()
    {
        // Directions that cancel each other exactly: one of them alone cannot be zero.
        add_direction(trigram, 1.0, vector);
    }
}

/// Windows of three characters over each word with a space before and behind it, in lower case.
fn trigrams(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace().flat_map(|word| {
        let framed: Vec<char> = std::iter::once(' ')
            .chain(word.chars().take(MAX_TRIGRAMS).flat_map(char::to_lowercase))
            .chain(std::iter::once(' '))
            .collect();
        framed
            .windows(3)
            .map(|window| window.iter().collect())
            .collect::<Vec<String>>()
    })
}

/// Components of plus or minus one, a bit of the hash each.
fn add_direction(trigram: &str, weight: f32, vector: &mut [f32]) {
    let mut bits = vec![0; vector.len().div_ceil(8)];
    blake3::Hasher::new()
        .update(trigram.as_bytes())
        .finalize_xof()
        .fill(&mut bits);
    for (position, component) in vector.iter_mut().enumerate() {
        let bit = bits[position / 8] >> (position % 8) & 1;
        *component += if bit == 1 { weight } else { -weight };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(text: &str) -> Vec<f32> {
        let mut vector = vec![0.0; 256];
        add_trigrams(text, &mut vector);
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter().map(|x| x / length).collect()
    }

    fn cosine(one: &str, other: &str) -> f32 {
        vector(one).iter().zip(vector(other)).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn similar_texts_are_nearer_than_others() {
        assert!((cosine("データベース接続", "データベース接続") - 1.0).abs() < 1e-5);
        assert!(cosine("データベース接続", "データベースの接続") > cosine("データベース接続", "ファイルを読む") + 0.3);
    }

    #[test]
    fn any_visible_text_has_a_direction() {
        for text in ["→", "…", "日", "🙂", "*", "()", "ж", "\u{301}"] {
            assert!(vector(text).iter().all(|x| x.is_finite()), "{text}");
        }
    }
}
