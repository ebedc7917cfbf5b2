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

/// Both kinds of evidence on one scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fused {
    /// Relative to the best candidate's words, 0 to 1.
    pub words: f32,
    /// Relative to the best candidate's meaning, 0 to 1; `None` when the chunk has no vector.
    pub meaning: Option<f32>,
    /// The two together, 0 to 1.
    pub total: f32,
}

/// How much words count, from 0 to 1; meaning counts the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LexicalShare(f32);

impl LexicalShare {
    /// Words only.
    pub(crate) const ALL: LexicalShare = LexicalShare(1.0);
    /// Meaning only.
    pub(crate) const NONE: LexicalShare = LexicalShare(0.0);

    /// This much; beyond 0 and 1 there is nothing.
    pub(crate) fn of(share: f32) -> LexicalShare {
        LexicalShare(share.clamp(0.0, 1.0))
    }
}

/// Fused evidence in the order of the candidates. `cosine_floor` is the similarity of the last vector candidate: what lies
/// below is noise.
pub(crate) fn fuse(candidates: &[Evidence], share: LexicalShare, cosine_floor: f32) -> Vec<Fused> {
    let best_bm25 = candidates.iter().map(|evidence| evidence.bm25).fold(0.0, f32::max);
    let best_cosine = candidates
        .iter()
        .filter_map(|evidence| evidence.cosine)
        .fold(f32::MIN, f32::max);
    let relative_meaning = |cosine: f32| {
        let range = best_cosine - cosine_floor;
        if range > f32::EPSILON {
            ((cosine - cosine_floor) / range).max(0.0)
        } else if cosine >= best_cosine {
            1.0
        } else {
            0.0
        }
    };
    candidates
        .iter()
        .map(|evidence| {
            let words = if best_bm25 > 0.0 {
                evidence.bm25 / best_bm25
            } else {
                0.0
            };
            let meaning = evidence.cosine.map(relative_meaning);
            // Without a vector, which is not its fault, a chunk is judged by its words alone.
            let total = meaning.map_or(words, |meaning| share.0 * words + (1.0 - share.0) * meaning);
            Fused { words, meaning, total }
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

    fn totals(candidates: &[Evidence], share: LexicalShare, cosine_floor: f32) -> Vec<f32> {
        fuse(candidates, share, cosine_floor)
            .iter()
            .map(|fused| fused.total)
            .collect()
    }

    #[test]
    fn what_both_find_beats_what_one_finds_alone() {
        let totals = totals(
            &[evidence(8.0, 0.7), evidence(10.0, 0.1), evidence(0.0, 0.8)],
            LexicalShare::of(0.5),
            0.3,
        );
        assert!(totals[0] > totals[1] && totals[0] > totals[2], "{totals:?}");
    }

    #[test]
    fn scores_stay_between_nothing_and_everything() {
        let half = LexicalShare::of(0.5);
        assert_eq!(
            totals(&[evidence(3.0, 0.9), evidence(0.0, -0.5)], half, 0.2),
            [1.0, 0.0]
        );
        assert_eq!(totals(&[evidence(0.0, 0.5)], LexicalShare::NONE, 0.5), [1.0]);
        assert_eq!(totals(&[], LexicalShare::ALL, 0.0), Vec::<f32>::new());
    }

    #[test]
    fn a_chunk_without_a_vector_is_judged_by_its_words() {
        let without = Evidence {
            bm25: 2.0,
            cosine: None,
        };
        let fused = fuse(&[without, evidence(1.0, 0.5)], LexicalShare::of(0.5), 0.1);
        assert_eq!((fused[0].total, fused[0].meaning), (1.0, None));
    }
}
