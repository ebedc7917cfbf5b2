//! Orders candidates: what was asked for by name first, then by fused evidence with the judge's corrections, and several
//! chunks of one file behind the first of others. Pure.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::candidates::Candidate;
use super::explanation::{Correction, Explanation, Standing};
use super::fusion::Fused;
use super::judge::Judge;

/// What was asked for by name scores from here to 1.
const EXACT_FLOOR: f32 = 0.9;
/// The asked name in another spelling of its case, from here to [`EXACT_FLOOR`].
const OTHER_CASE_FLOOR: f32 = 0.85;
/// A name but for a typing error, from here to [`OTHER_CASE_FLOOR`]; everything else below.
const CLOSE_FLOOR: f32 = 0.8;

/// A candidate with its place.
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    pub candidate: Candidate,
    /// 0 to 1.
    pub score: f32,
    pub explanation: Explanation,
}

/// Best first. `fused[i]` is the evidence for `candidates[i]`.
pub(crate) fn rank(judge: &Judge<'_>, candidates: Vec<Candidate>, fused: &[Fused]) -> Vec<Ranked> {
    let coherence = coherence(&candidates, fused);
    let mut ranked: Vec<Ranked> = candidates
        .into_iter()
        .zip(fused)
        .zip(coherence)
        .filter(|((candidate, _), _)| judge.admits(candidate))
        .map(|((candidate, fused), coherence)| judged(judge, candidate, *fused, coherence))
        .collect();
    let highest = ranked.iter().map(|ranked| ranked.score).fold(1.0, f32::max);
    for ranked in &mut ranked {
        ranked.score /= highest;
    }
    let by_standing = |left: &Ranked, right: &Ranked| {
        let standings = right.explanation.standing.cmp(&left.explanation.standing);
        standings.then_with(|| better_first(left, right))
    };
    ranked.sort_by(by_standing);
    step_back(&mut ranked, judge);
    for ranked in &mut ranked {
        let (floor, ceiling) = match ranked.explanation.standing {
            Standing::Exact => (EXACT_FLOOR, 1.0),
            Standing::OtherCase => (OTHER_CASE_FLOOR, EXACT_FLOOR),
            Standing::Close => (CLOSE_FLOOR, OTHER_CASE_FLOOR),
            Standing::Ordinary => (0.0, CLOSE_FLOOR),
        };
        ranked.score = floor + (ceiling - floor) * ranked.score;
    }
    ranked.sort_by(by_standing);
    ranked
}

fn judged(judge: &Judge<'_>, candidate: Candidate, fused: Fused, coherence: f32) -> Ranked {
    let standing = judge.standing(&candidate);
    let mut corrections = judge.corrections(&candidate, standing);
    let backing = judge.weights.coherence * coherence;
    if backing > 0.0 && fused.total > 0.0 {
        corrections.push(Correction {
            reason: "more of its file answers",
            factor: 1.0 + backing,
        });
    }
    let product: f32 = corrections.iter().map(|correction| correction.factor).product();
    let evidence = match standing {
        _ if judge.goes_by_place(standing) => 1.0,
        // The words of a misspelt or shortened name say little.
        Standing::Close => f32::midpoint(1.0, fused.total),
        _ => fused.total,
    };
    Ranked {
        score: evidence * product,
        explanation: Explanation {
            bm25: candidate.bm25,
            words: fused.words,
            cosine: candidate.cosine,
            meaning: fused.meaning,
            fused: fused.total,
            corrections,
            standing,
        },
        candidate,
    }
}

/// Ties go by place, so that equal trees give equal answers whatever order they were indexed in.
fn better_first(left: &Ranked, right: &Ranked) -> Ordering {
    let depth = |ranked: &Ranked| ranked.candidate.path.matches('/').count();
    let place = |ranked: &Ranked| (ranked.candidate.start_line, ranked.candidate.repository_id);
    right
        .score
        .total_cmp(&left.score)
        .then_with(|| depth(left).cmp(&depth(right)))
        .then_with(|| left.candidate.path.cmp(&right.candidate.path))
        .then_with(|| place(left).cmp(&place(right)))
}

/// What a candidate's file has beside it: the mean of the two best others among the candidates.
fn coherence(candidates: &[Candidate], fused: &[Fused]) -> Vec<f32> {
    let mut by_file: FxHashMap<(Uuid, &str), [f32; 3]> = FxHashMap::default();
    for (candidate, fused) in candidates.iter().zip(fused) {
        let best = by_file.entry((candidate.repository_id, &candidate.path)).or_default();
        if let Some(place) = best.iter().position(|&value| fused.total > value) {
            best[place..].rotate_right(1);
            best[place] = fused.total;
        }
    }
    let others = |(candidate, fused): (&Candidate, &Fused)| {
        let [first, second, third] = by_file[&(candidate.repository_id, candidate.path.as_str())];
        let sum = if fused.total >= first {
            second + third
        } else if fused.total >= second {
            first + third
        } else {
            first + second
        };
        sum / 2.0
    };
    candidates.iter().zip(fused).map(others).collect()
}

/// Further chunks of a file stand behind the first of others, and what says the same as a better one behind both.
fn step_back(ranked: &mut [Ranked], judge: &Judge<'_>) {
    let mut chunks_of_file: FxHashMap<(Uuid, String), i32> = FxHashMap::default();
    let mut names: FxHashMap<Vec<String>, Vec<(f32, Option<f32>)>> = FxHashMap::default();
    for ranked in ranked {
        let candidate = &ranked.candidate;
        let before = chunks_of_file
            .entry((candidate.repository_id, candidate.path.clone()))
            .or_insert(0);
        let mut corrections = Vec::new();
        if *before > 0 && judge.spreads_over_files() && judge.weights.same_file > 0.0 {
            corrections.push(Correction {
                reason: "stands behind a better one of its file",
                factor: (1.0 - judge.weights.same_file).powi(*before),
            });
        }
        *before += 1;
        if !candidate.defines.is_empty() && judge.weights.twin > 0.0 {
            let same_names = names.entry(candidate.defines.clone()).or_default();
            if same_names
                .iter()
                .any(|&(bm25, cosine)| is_twin(candidate, bm25, cosine))
            {
                corrections.push(Correction {
                    reason: "says the same as a better one",
                    factor: 1.0 - judge.weights.twin,
                });
            }
            same_names.push((candidate.bm25, candidate.cosine));
        }
        for correction in &corrections {
            ranked.score *= correction.factor;
        }
        ranked.explanation.corrections.extend(corrections);
    }
}

/// Two texts that define the same names and have the same words and the same meaning for a query are all but equal: builds
/// of one source, generated variants, copies.
fn is_twin(candidate: &Candidate, bm25: f32, cosine: Option<f32>) -> bool {
    let same_words = (candidate.bm25 - bm25).abs() <= 0.02 * bm25.max(candidate.bm25);
    let same_meaning = match (candidate.cosine, cosine) {
        (Some(one), Some(other)) => (one - other).abs() <= 0.02,
        (None, None) => true,
        _ => false,
    };
    same_words && same_meaning
}

#[cfg(test)]
mod tests {
    use super::super::request::SearchMode;
    use super::super::understand::understand;
    use super::super::weights::Weights;
    use super::*;
    use crate::lexical::CloseMarker;
    use crate::symbols::SymbolKind;

    fn candidate(path: &str, start_line: u32, defines: &[&str]) -> Candidate {
        Candidate {
            symbol: defines.first().map(|name| (*name).to_owned()),
            defines: defines.iter().map(|name| (*name).to_owned()).collect(),
            ..Candidate::at(path, start_line, start_line + 9)
        }
    }

    fn about(kind: SymbolKind, candidate: Candidate) -> Candidate {
        Candidate {
            symbol_kind: Some(kind),
            ..candidate
        }
    }

    fn order(query: &str, mode: SearchMode, candidates: &[(f32, Candidate)]) -> Vec<(String, u32)> {
        order_with(query, mode, &[], candidates)
    }

    fn order_with(
        query: &str,
        mode: SearchMode,
        close: &[CloseMarker],
        candidates: &[(f32, Candidate)],
    ) -> Vec<(String, u32)> {
        let question = understand(query, mode);
        let fused: Vec<Fused> = candidates
            .iter()
            .map(|&(total, _)| Fused {
                words: total,
                meaning: None,
                total,
            })
            .collect();
        let candidates = candidates.iter().map(|(_, candidate)| candidate.clone()).collect();
        let judge = Judge::new(&question, close, mode, Weights::default());
        let ranked = rank(&judge, candidates, &fused);
        assert!(ranked.iter().all(|ranked| (0.0..=1.0).contains(&ranked.score)));
        ranked
            .into_iter()
            .map(|ranked| (ranked.candidate.path, ranked.candidate.start_line))
            .collect()
    }

    fn paths(query: &str, candidates: &[(f32, Candidate)]) -> Vec<String> {
        order(query, SearchMode::Hybrid, candidates)
            .into_iter()
            .map(|(path, _)| path)
            .collect()
    }

    #[test]
    fn the_asked_definition_comes_first_whatever_the_evidence() {
        let ranked = paths(
            "RetryPolicy",
            &[
                (1.0, candidate("src/uses_it.rs", 1, &["run"])),
                (0.3, candidate("src/lower.rs", 1, &["retrypolicy"])),
                (0.0, candidate("src/retry.rs", 1, &["RetryPolicy"])),
            ],
        );
        assert_eq!(ranked, ["src/retry.rs", "src/lower.rs", "src/uses_it.rs"]);
    }

    #[test]
    fn the_asked_file_comes_first_from_its_start() {
        let ranked = order(
            "queue/claim.rs",
            SearchMode::Hybrid,
            &[
                (1.0, candidate("src/other.rs", 1, &[])),
                (0.9, candidate("src/queue/claim.rs", 11, &[])),
                (0.1, candidate("src/queue/claim.rs", 1, &[])),
                (0.5, candidate("src/claim.rs", 1, &[])),
            ],
        );
        let first_two: Vec<_> = ranked
            .iter()
            .take(2)
            .map(|(path, line)| (path.as_str(), *line))
            .collect();
        assert_eq!(first_two, [("src/queue/claim.rs", 1), ("src/queue/claim.rs", 11)]);
    }

    #[test]
    fn the_language_that_a_question_names_comes_first() {
        let written_in = |language: &str, path| Candidate {
            language: Some(language.to_owned()),
            ..candidate(path, 1, &[])
        };
        let candidates = [
            (1.0, written_in("javascript", "lib/chunk.js")),
            (0.9, written_in("python", "lib/iterutils.py")),
        ];
        assert_eq!(
            paths("python split a list into parts", &candidates)[0],
            "lib/iterutils.py"
        );
        assert_eq!(paths("split a list into parts", &candidates)[0], "lib/chunk.js");
    }

    #[test]
    fn a_class_in_its_header_comes_before_its_constructor() {
        let ranked = paths(
            "FilterBlock",
            &[
                (0.9, candidate("table/filter.cc", 1, &["AddKey", "FilterBlock"])),
                (
                    0.95,
                    about(
                        SymbolKind::Class,
                        candidate("table/filter.h", 1, &["FilterBlock", "AddKey"]),
                    ),
                ),
            ],
        );
        assert_eq!(ranked[0], "table/filter.h");
    }

    #[test]
    fn a_function_comes_before_its_declaration() {
        let function = |path| about(SymbolKind::Function, candidate(path, 1, &["sanitize_options"]));
        let ranked = paths(
            "sanitize_options",
            &[(1.0, function("db/db.h")), (0.6, function("db/db.cc"))],
        );
        assert_eq!(ranked[0], "db/db.cc");
    }

    #[test]
    fn the_beginning_of_a_name_stands_for_it_when_nothing_else_is_called_so() {
        let first = |query: &str| {
            let close = [CloseMarker {
                marker: "\u{2}def:schemasof".to_owned(),
                mistakes: 0,
            }];
            let candidates = [
                (1.0, candidate("lib/schema.js", 1, &["build"])),
                (0.1, candidate("lib/all.js", 1, &["schemasOf"])),
            ];
            order_with(query, SearchMode::Hybrid, &close, &candidates).remove(0).0
        };
        assert_eq!(first("schemasO"), "lib/all.js");
        // Too many names begin with a single word.
        assert_eq!(first("schemas"), "lib/schema.js");
    }

    #[test]
    fn other_files_come_before_the_third_chunk_of_one() {
        let ranked = paths(
            "how are jobs claimed",
            &[
                (1.0, candidate("src/a.rs", 1, &[])),
                (0.99, candidate("src/a.rs", 11, &[])),
                (0.98, candidate("src/a.rs", 21, &[])),
                (0.93, candidate("src/b.rs", 1, &[])),
                (0.87, candidate("src/c.rs", 1, &[])),
            ],
        );
        assert_eq!(ranked, ["src/a.rs", "src/b.rs", "src/a.rs", "src/c.rs", "src/a.rs"]);
    }

    #[test]
    fn what_surrounds_the_code_steps_back_unless_asked_for() {
        let candidates = [
            (0.9, candidate("tests/lease.rs", 1, &[])),
            (0.85, candidate("src/lease.rs", 1, &[])),
        ];
        assert_eq!(paths("how does a lease expire", &candidates)[0], "src/lease.rs");
        assert_eq!(paths("tests of lease expiry", &candidates)[0], "tests/lease.rs");
        let within_a_file = [
            (0.9, candidate("src/lease.rs", 200, &["tests::a_lease_expires"])),
            (0.85, candidate("src/lease.rs", 1, &["expire"])),
        ];
        let first = |query| order(query, SearchMode::Hybrid, &within_a_file)[0].1;
        assert_eq!(first("how does a lease end"), 1);
        assert_eq!(first("tests of lease expiry"), 200);
    }

    #[test]
    fn clear_evidence_is_not_overturned_by_names_and_paths() {
        let ranked = paths(
            "how to parse a date",
            &[
                (1.0, candidate("src/text/misc.py", 1, &["to_moment"])),
                (0.6, candidate("src/parse/date.py", 1, &["parse_date"])),
            ],
        );
        assert_eq!(ranked[0], "src/text/misc.py");
    }

    #[test]
    fn symbol_mode_keeps_only_matching_definitions() {
        let ranked = order(
            "retry",
            SearchMode::Symbol,
            &[
                (1.0, candidate("src/a.rs", 1, &["run"])),
                (0.5, candidate("src/b.rs", 1, &["RetryPolicy"])),
                (0.1, candidate("src/c.rs", 1, &["retry"])),
            ],
        );
        let paths: Vec<_> = ranked.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["src/c.rs", "src/b.rs"]);
    }
}
