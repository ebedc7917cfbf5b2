//! Orders candidates: the asked definition or file first, then by fused evidence with mild corrections for names, paths and
//! roles, and several chunks of one file behind the first of others. Pure; every weight stands here with its reason.

use std::cmp::Ordering;

use rustc_hash::{FxHashMap, FxHashSet};

use super::candidates::Candidate;
use super::path_role::{PathRole, role_of};
use super::query_token::AskedName;
use super::request::SearchMode;
use super::understand::{Question, QuestionKind};
use crate::lexical::markers;
use crate::tokenize::TermMaker;

// The corrections are small on purpose: for questions in plain words, answered by one function anywhere, strong path and
// name rules lose against BM25 alone. They decide between near equals.

/// All of the symbol's words are in the query.
const NAME_BOOST: f32 = 0.2;
/// All of the file name's words are in the query.
const FILE_STEM_BOOST: f32 = 0.1;
/// Defines a name that the query spells like an identifier, amid other words.
const ASKED_NAME_BOOST: f32 = 0.5;
/// Lies in a file or directory that the query names amid other words.
const ASKED_PATH_BOOST: f32 = 0.5;
/// The file is called like the asked symbol.
const NAMED_FILE_BOOST: f32 = 0.3;
/// The asked qualifier (`Reader` of `Reader::parse`) is in the symbol or the path.
const QUALIFIER_BOOST: f32 = 0.3;
/// Each further chunk of a file counts this much of the one before: ten places say more than one place ten times.
const SAME_FILE_DECAY: f32 = 0.75;

/// The asked definition and the asked file score from here to 1.
const EXACT_FLOOR: f32 = 0.9;
/// The asked name in another spelling of its case, from here to [`EXACT_FLOOR`]; everything else below.
const OTHER_CASE_FLOOR: f32 = 0.85;

/// A candidate with its place.
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    pub candidate: Candidate,
    /// 0 to 1.
    pub score: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Ordinary,
    OtherCase,
    Exact,
}

/// Best first. `fused[i]` is the evidence for `candidates[i]`, 0 to 1.
pub(crate) fn rank(question: &Question, mode: SearchMode, candidates: Vec<Candidate>, fused: &[f32]) -> Vec<Ranked> {
    let judge = Judge {
        question,
        term_maker: TermMaker::new(),
    };
    let mut judged: Vec<(Standing, Ranked)> = candidates
        .into_iter()
        .zip(fused)
        .filter(|(candidate, _)| mode != SearchMode::Symbol || judge.is_symbol_match(candidate))
        .map(|(candidate, &fused)| {
            let standing = judge.standing(&candidate);
            let score = judge.corrected(&candidate, fused);
            (standing, Ranked { candidate, score })
        })
        .collect();
    let highest = judged.iter().map(|(_, ranked)| ranked.score).fold(1.0, f32::max);
    for (_, ranked) in &mut judged {
        ranked.score /= highest;
    }
    judged.sort_by(|left, right| right.0.cmp(&left.0).then_with(|| better_first(&left.1, &right.1)));
    if question.kind != QuestionKind::Path {
        decay_within_files(&mut judged);
    }
    for (standing, ranked) in &mut judged {
        ranked.score = match standing {
            Standing::Exact => EXACT_FLOOR + (1.0 - EXACT_FLOOR) * ranked.score,
            Standing::OtherCase => OTHER_CASE_FLOOR + (EXACT_FLOOR - OTHER_CASE_FLOOR) * ranked.score,
            Standing::Ordinary => OTHER_CASE_FLOOR * ranked.score,
        };
    }
    let mut ranked: Vec<Ranked> = judged.into_iter().map(|(_, ranked)| ranked).collect();
    ranked.sort_by(better_first);
    ranked
}

/// Ties go by place, so that equal trees give equal answers whatever order they were indexed in.
fn better_first(left: &Ranked, right: &Ranked) -> Ordering {
    right.score.total_cmp(&left.score).then_with(|| {
        let place = |ranked: &Ranked| (ranked.candidate.path.matches('/').count(), ranked.candidate.start_line);
        (
            place(left).0,
            &left.candidate.path,
            place(left).1,
            left.candidate.repository_id,
        )
            .cmp(&(
                place(right).0,
                &right.candidate.path,
                place(right).1,
                right.candidate.repository_id,
            ))
    })
}

fn decay_within_files(judged: &mut [(Standing, Ranked)]) {
    let mut decays: FxHashMap<(uuid::Uuid, String), f32> = FxHashMap::default();
    for (_, ranked) in judged {
        let decay = decays
            .entry((ranked.candidate.repository_id, ranked.candidate.path.clone()))
            .or_insert(1.0);
        ranked.score *= *decay;
        *decay *= SAME_FILE_DECAY;
    }
}

struct Judge<'a> {
    question: &'a Question,
    term_maker: TermMaker,
}

impl Judge<'_> {
    fn standing(&self, candidate: &Candidate) -> Standing {
        match self.question.kind {
            QuestionKind::Words => Standing::Ordinary,
            QuestionKind::Path if self.lies_in_asked_file(candidate) => Standing::Exact,
            QuestionKind::Path => Standing::Ordinary,
            QuestionKind::Symbol => {
                if self.defines_asked_name(candidate, |defined, asked| defined == asked) {
                    Standing::Exact
                } else if self.defines_asked_name(candidate, |defined, asked| {
                    defined.to_lowercase() == asked.to_lowercase()
                }) {
                    Standing::OtherCase
                } else {
                    Standing::Ordinary
                }
            }
        }
    }

    fn corrected(&self, candidate: &Candidate, fused: f32) -> f32 {
        let question = self.question;
        if question.kind == QuestionKind::Path && self.lies_in_asked_file(candidate) {
            return self.path_closeness(candidate);
        }
        let mut score = fused;
        if let Some(symbol) = &candidate.symbol {
            score *= 1.0 + NAME_BOOST * self.share_asked(symbol);
        }
        let (_, stem) = markers::name_and_stem(&candidate.path);
        if self.share_asked(stem) >= 1.0 {
            score *= 1.0 + FILE_STEM_BOOST;
        }
        if question.kind == QuestionKind::Words
            && self.defines_asked_name(candidate, |defined, asked| defined.eq_ignore_ascii_case(asked))
        {
            score *= 1.0 + ASKED_NAME_BOOST;
        }
        if question.kind == QuestionKind::Symbol
            && question.names.iter().any(|name| name.name.eq_ignore_ascii_case(stem))
        {
            score *= 1.0 + NAMED_FILE_BOOST;
        }
        if self.lies_in_asked_file(candidate) || self.lies_below_asked_directory(candidate) {
            score *= 1.0 + ASKED_PATH_BOOST;
        }
        if question.names.iter().any(|name| has_qualifier(candidate, name)) {
            score *= 1.0 + QUALIFIER_BOOST;
        }
        score * self.role_factor(candidate)
    }

    /// Of the words in this name, the part that the query has.
    fn share_asked(&self, name: &str) -> f32 {
        let terms: FxHashSet<String> = self.term_maker.terms_of_text(name).into_iter().collect();
        if terms.is_empty() {
            return 0.0;
        }
        let asked = terms.iter().filter(|term| self.question.typed.contains(*term)).count();
        // The whole identifier is a term beside its parts: asking for all parts asks for it.
        let parts = if terms.len() > 2 { terms.len() - 1 } else { terms.len() };
        ratio(asked.min(parts), parts)
    }

    fn defines_asked_name(&self, candidate: &Candidate, is_same: impl Fn(&str, &str) -> bool) -> bool {
        candidate.defines.iter().any(|defined| {
            let defined = markers::last_component(defined);
            self.question.names.iter().any(|asked| is_same(defined, &asked.name))
        })
    }

    /// Whether a name defined in the chunk is an asked one, or has all words of the query in it.
    fn is_symbol_match(&self, candidate: &Candidate) -> bool {
        if self.defines_asked_name(candidate, |defined, asked| {
            defined.to_lowercase() == asked.to_lowercase()
        }) {
            return true;
        }
        let typed = &self.question.typed;
        !typed.is_empty()
            && candidate.defines.iter().any(|defined| {
                let terms = self.term_maker.terms_of_text(defined);
                typed.iter().all(|term| terms.contains(term))
            })
    }

    fn lies_in_asked_file(&self, candidate: &Candidate) -> bool {
        let path = candidate.path.to_lowercase();
        self.question.paths.iter().any(|asked| is_path_end(&path, asked))
    }

    fn lies_below_asked_directory(&self, candidate: &Candidate) -> bool {
        let path = format!("/{}", candidate.path.to_lowercase());
        self.question
            .paths
            .iter()
            .any(|asked| path.contains(&format!("/{asked}/")))
    }

    /// The shorter the path before the asked one, the likelier it was meant.
    fn path_closeness(&self, candidate: &Candidate) -> f32 {
        let longest = self.question.paths.iter().map(String::len).max().unwrap_or(0);
        ratio(longest, candidate.path.len().max(longest).max(1)) * self.role_factor(candidate)
    }

    fn role_factor(&self, candidate: &Candidate) -> f32 {
        let asked = |role: PathRole| role.is_asked_for(|term| self.question.typed.contains(term));
        let mut role = role_of(&candidate.path);
        // Tests beside the code they test, as in Rust.
        let is_test_symbol = candidate.symbol.as_deref().is_some_and(|symbol| {
            let name = markers::last_component(symbol).to_lowercase();
            name == "tests" || name == "test" || name.starts_with("test_")
        });
        if role == PathRole::Source && is_test_symbol {
            role = PathRole::Test;
        }
        if asked(role) { 1.0 } else { role.factor() }
    }
}

/// Whether `path` is `asked` or ends with it after a `/`; both lower-case.
pub(crate) fn is_path_end(path: &str, asked: &str) -> bool {
    path.strip_suffix(asked)
        .is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

fn has_qualifier(candidate: &Candidate, name: &AskedName) -> bool {
    name.qualifier.as_deref().is_some_and(|qualifier| {
        let in_symbol = candidate
            .symbol
            .as_deref()
            .is_some_and(|symbol| symbol.to_lowercase().contains(qualifier));
        in_symbol || candidate.path.to_lowercase().contains(qualifier)
    })
}

#[allow(clippy::cast_precision_loss)] // counts of words and bytes of one name
fn ratio(part: usize, whole: usize) -> f32 {
    part as f32 / whole as f32
}

#[cfg(test)]
mod tests {
    use super::super::understand::understand;
    use super::*;

    fn candidate(path: &str, start_line: u32, defines: &[&str]) -> Candidate {
        Candidate {
            symbol: defines.first().map(|name| (*name).to_owned()),
            defines: defines.iter().map(|name| (*name).to_owned()).collect(),
            ..Candidate::at(path, start_line, start_line + 9)
        }
    }

    fn order(query: &str, mode: SearchMode, candidates: &[(f32, Candidate)]) -> Vec<(String, u32)> {
        let question = understand(query, mode);
        let fused: Vec<f32> = candidates.iter().map(|(fused, _)| *fused).collect();
        let candidates = candidates.iter().map(|(_, candidate)| candidate.clone()).collect();
        let ranked = rank(&question, mode, candidates, &fused);
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
    fn other_files_come_before_the_third_chunk_of_one() {
        let ranked = paths(
            "how are jobs claimed",
            &[
                (1.0, candidate("src/a.rs", 1, &[])),
                (0.99, candidate("src/a.rs", 11, &[])),
                (0.98, candidate("src/a.rs", 21, &[])),
                (0.9, candidate("src/b.rs", 1, &[])),
                (0.8, candidate("src/c.rs", 1, &[])),
            ],
        );
        assert_eq!(ranked, ["src/a.rs", "src/b.rs", "src/c.rs", "src/a.rs", "src/a.rs"]);
    }

    #[test]
    fn what_surrounds_the_code_steps_back_unless_asked_for() {
        let candidates = [
            (0.9, candidate("tests/lease.rs", 1, &[])),
            (0.85, candidate("src/lease.rs", 1, &[])),
        ];
        assert_eq!(paths("how does a lease expire", &candidates)[0], "src/lease.rs");
        assert_eq!(paths("tests of lease expiry", &candidates)[0], "tests/lease.rs");
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

    #[test]
    fn paths_end_at_component_boundaries() {
        assert!(is_path_end("src/claim.rs", "claim.rs"));
        assert!(is_path_end("claim.rs", "claim.rs"));
        assert!(!is_path_end("src/reclaim.rs", "claim.rs"));
    }
}
