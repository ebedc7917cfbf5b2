//! For texts that others keep beside the code: ranked by the same two kinds of evidence, in the same proportion. Pure.

use super::fusion::{Evidence, LexicalShare, fuse};
use super::weights::Weights;

/// Fused scores, 0 to 1, of candidates given as BM25 score and cosine similarity to a question. Without a vector of the
/// question only words count. `cosine_floor` is the similarity of the last candidate found by meaning.
pub fn fuse_question(candidates: &[(f32, Option<f32>)], has_vector: bool, cosine_floor: f32) -> Vec<f32> {
    let evidence: Vec<Evidence> = candidates
        .iter()
        .map(|&(bm25, cosine)| Evidence { bm25, cosine })
        .collect();
    let share = if has_vector {
        LexicalShare::of(Weights::default().words_in_question)
    } else {
        LexicalShare::ALL
    };
    let fused = fuse(&evidence, share, cosine_floor);
    fused.into_iter().map(|fused| fused.total).collect()
}
