//! One number for a candidate out of two kinds of evidence, words and meaning. Each is first brought to 0..1 within the
//! query, because raw cosines and BM25 scores have nothing in common. Pure.

/// What is known of a candidate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence {
    /// 0 when no word of the query occurs.
    pub bm25: f32,
    /// Cosine similarity to the query; `None` when the chunk has no vector.
    pub cosine: Option<f32>,
}

/// How much words count, from 0 to 1; meaning counts the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LexicalShare(f32);

impl LexicalShare {
    /// Words only.
    pub(crate) const ALL: LexicalShare = LexicalShare(1.0);
    /// Meaning only.
    pub(crate) const NONE: LexicalShare = LexicalShare(0.0);
    /// A question in words. On a docstring benchmark .4 for words was best with a model trained for code; the even share
    /// also bears a weaker one.
    pub(crate) const QUESTION: LexicalShare = LexicalShare(0.5);
    /// A name: spelling says nearly all, the vector only orders equals.
    pub(crate) const NAME: LexicalShare = LexicalShare(0.8);
}

/// Fused scores, 0 to 1, in the order of the candidates. `cosine_floor` is the similarity of the last vector candidate:
/// what lies below is noise.
pub(crate) fn fuse(candidates: &[Evidence], share: LexicalShare, cosine_floor: f32) -> Vec<f32> {
    let best_bm25 = candidates.iter().map(|evidence| evidence.bm25).fold(0.0, f32::max);
    let best_cosine = candidates
        .iter()
        .filter_map(|evidence| evidence.cosine)
        .fold(f32::MIN, f32::max);
    candidates
        .iter()
        .map(|evidence| {
            let words = if best_bm25 > 0.0 {
                evidence.bm25 / best_bm25
            } else {
                0.0
            };
            let Some(cosine) = evidence.cosine else {
                // Not its fault: judged by its words alone.
                return words;
            };
            let range = best_cosine - cosine_floor;
            let meaning = if range > f32::EPSILON {
                ((cosine - cosine_floor) / range).max(0.0)
            } else if cosine >= best_cosine {
                1.0
            } else {
                0.0
            };
            share.0 * words + (1.0 - share.0) * meaning
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(bm25: f32, cosine: f32) -> Evidence {
        Evidence {
            bm25,
            cosine: Some(cosine),
        }
    }

    #[test]
    fn what_both_find_beats_what_one_finds_alone() {
        let fused = fuse(
            &[evidence(8.0, 0.7), evidence(10.0, 0.1), evidence(0.0, 0.8)],
            LexicalShare::QUESTION,
            0.3,
        );
        assert!(fused[0] > fused[1] && fused[0] > fused[2], "{fused:?}");
    }

    #[test]
    fn scores_stay_between_nothing_and_everything() {
        let fused = fuse(&[evidence(3.0, 0.9), evidence(0.0, -0.5)], LexicalShare::QUESTION, 0.2);
        assert_eq!(fused, [1.0, 0.0]);
        assert_eq!(fuse(&[evidence(0.0, 0.5)], LexicalShare::NONE, 0.5), [1.0]);
        assert_eq!(fuse(&[], LexicalShare::ALL, 0.0), Vec::<f32>::new());
    }

    #[test]
    fn a_chunk_without_a_vector_is_judged_by_its_words() {
        let fused = fuse(
            &[
                Evidence {
                    bm25: 2.0,
                    cosine: None,
                },
                evidence(1.0, 0.5),
            ],
            LexicalShare::QUESTION,
            0.1,
        );
        assert_eq!(fused[0], 1.0);
    }
}
