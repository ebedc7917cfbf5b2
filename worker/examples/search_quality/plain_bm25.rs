//! The baseline: BM25 with the usual constants over the text of chunks alone, identifiers split at case changes and
//! underscores and kept whole, no stems, no names, no paths, no ranking. Shares nothing with the search that it is held against.

use std::collections::HashMap;

const K1: f64 = 1.2;
const B: f64 = 0.75;

#[derive(Default)]
pub(crate) struct PlainBm25 {
    places: Vec<(String, u32, u32)>,
    lengths: Vec<f64>,
    postings: HashMap<String, Vec<(usize, f64)>>,
}

impl PlainBm25 {
    pub(crate) fn add(&mut self, path: &str, lines: (u32, u32), text: &str) {
        let number = self.places.len();
        let terms = terms(text);
        let mut counts: HashMap<String, f64> = HashMap::new();
        self.lengths.push(terms.len() as f64);
        for term in terms {
            *counts.entry(term).or_default() += 1.0;
        }
        for (term, count) in counts {
            self.postings.entry(term).or_default().push((number, count));
        }
        self.places.push((path.to_owned(), lines.0, lines.1));
    }

    pub(crate) fn search(&self, query: &str, limit: usize) -> Vec<(String, u32, u32)> {
        let average = self.lengths.iter().sum::<f64>() / self.lengths.len().max(1) as f64;
        let mut scores: HashMap<usize, f64> = HashMap::new();
        let mut asked = terms(query);
        asked.sort();
        asked.dedup();
        for term in asked {
            let Some(postings) = self.postings.get(&term) else {
                continue;
            };
            let holding = postings.len() as f64 + 0.5;
            let rarity = (1.0 + (self.places.len() as f64 + 1.0 - holding) / holding).ln();
            for &(number, count) in postings {
                let norm = K1 * (1.0 - B + B * self.lengths[number] / average);
                *scores.entry(number).or_default() += rarity * count * (K1 + 1.0) / (count + norm);
            }
        }
        let mut ranked: Vec<(usize, f64)> = scores.into_iter().collect();
        ranked.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
        ranked.truncate(limit);
        ranked
            .into_iter()
            .map(|(number, _)| self.places[number].clone())
            .collect()
    }
}

fn terms(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    for word in text.split(|character: char| !character.is_alphanumeric() && character != '_') {
        let mut parts: Vec<String> = Vec::new();
        let mut previous_is_lower = false;
        for piece in word.split('_').filter(|piece| !piece.is_empty()) {
            parts.push(String::new());
            for character in piece.chars() {
                if character.is_uppercase() && previous_is_lower {
                    parts.push(String::new());
                }
                previous_is_lower = character.is_lowercase();
                if let Some(part) = parts.last_mut() {
                    part.extend(character.to_lowercase());
                }
            }
            previous_is_lower = false;
        }
        if parts.len() > 1 {
            terms.push(word.to_lowercase());
        }
        terms.extend(parts);
    }
    terms
}
