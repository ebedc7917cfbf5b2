//! What names, paths and roles say of a candidate: whether it is what was asked for, and by how much its evidence counts more
//! or less. Pure. The corrections are small: for questions in plain words, answered by one function anywhere, strong rules
//! about paths and names lose against BM25 alone. How much each counts stands in `weights.rs`.

use std::cell::RefCell;

use rustc_hash::{FxHashMap, FxHashSet};

use super::candidates::Candidate;
use super::explanation::{Correction, Standing};
use super::path_role::{PathRole, role_of};
use super::query_token::AskedName;
use super::request::SearchMode;
use super::understand::{Question, QuestionKind};
use super::weights::Weights;
use crate::lexical::{CloseMarker, markers};
use crate::tokenize::{TermMaker, split_identifier, words};

/// Names of a chunk that are compared with the query's words; headers and lists of constants define hundreds.
const MOST_NAMES_READ: usize = 16;

/// Judges the candidates of one search.
pub(crate) struct Judge<'a> {
    pub(crate) weights: Weights,
    question: &'a Question,
    /// Names that stand in for asked ones that nothing is called.
    close: &'a [CloseMarker],
    mode: SearchMode,
    term_maker: TermMaker,
    /// First characters of the query's terms.
    initials: FxHashSet<char>,
    /// What [`Judge::share_asked`] found: directories, files and common names come again and again.
    shares: RefCell<FxHashMap<String, f32>>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(
        question: &'a Question,
        close: &'a [CloseMarker],
        mode: SearchMode,
        weights: Weights,
    ) -> Judge<'a> {
        Judge {
            weights,
            question,
            close,
            mode,
            term_maker: TermMaker::new(),
            initials: question.typed.iter().filter_map(|term| term.chars().next()).collect(),
            shares: RefCell::default(),
        }
    }

    /// Whether it may be an answer at all: in symbol mode only what defines a matching name is.
    pub(crate) fn admits(&self, candidate: &Candidate) -> bool {
        self.mode != SearchMode::Symbol || self.is_symbol_match(candidate)
    }

    /// Whether several chunks of one file stand in each other's way; of an asked file they are all wanted.
    pub(crate) fn spreads_over_files(&self) -> bool {
        self.question.kind != QuestionKind::Path
    }

    /// Whether evidence does not count: of an asked file the first lines come first.
    pub(crate) fn goes_by_place(&self, standing: Standing) -> bool {
        self.question.kind == QuestionKind::Path && standing == Standing::Exact
    }

    pub(crate) fn standing(&self, candidate: &Candidate) -> Standing {
        if candidate.matches_pattern {
            return Standing::Exact;
        }
        match self.question.kind {
            QuestionKind::Words => Standing::Ordinary,
            QuestionKind::Path if self.lies_in_asked_file(candidate) => Standing::Exact,
            QuestionKind::Path if self.mistakes(candidate).is_some_and(|mistakes| mistakes > 0) => Standing::Close,
            QuestionKind::Path => Standing::Ordinary,
            QuestionKind::Symbol => {
                if self.defines_asked_name(candidate, |defined, asked| defined == asked) {
                    Standing::Exact
                } else if self.defines_asked_name(candidate, is_same_but_for_case) {
                    Standing::OtherCase
                } else if self.is_close(candidate) {
                    Standing::Close
                } else {
                    Standing::Ordinary
                }
            }
        }
    }

    /// What its evidence is multiplied with, and why.
    pub(crate) fn corrections(&self, candidate: &Candidate, standing: Standing) -> Vec<Correction> {
        let (question, weights) = (self.question, self.weights);
        let mut corrections = Vec::new();
        let mut correct = |reason: &'static str, factor: f32| {
            if (factor - 1.0).abs() > f32::EPSILON {
                corrections.push(Correction { reason, factor });
            }
        };
        if self.goes_by_place(standing) {
            correct("how little of the path was left out", self.path_closeness(candidate));
        } else {
            let (_, stem) = markers::name_and_stem(&candidate.path);
            let names_asked = question.names.iter();
            correct("has many of the words", 1.0 + weights.coverage * candidate.coverage);
            correct(
                "its name has the words",
                1.0 + weights.name * self.name_share(candidate),
            );
            correct(
                "its file's name has the words",
                1.0 + weights.file_stem * self.share_asked(stem),
            );
            if let Some(directory) = candidate.path.rsplit('/').nth(1) {
                correct(
                    "its directory's name has the words",
                    1.0 + weights.directory * self.share_asked(directory),
                );
            }
            if let Some(language) = &candidate.language
                && question.languages.contains(&language.as_str())
            {
                correct("is in the asked language", 1.0 + weights.language);
            }
            if question.kind == QuestionKind::Words && self.defines_asked_name(candidate, is_same_but_for_case) {
                correct("defines a name of the query", 1.0 + weights.asked_name);
            }
            match self.mistakes(candidate) {
                Some(0) => correct("its name begins like the asked one", 1.0 + weights.partial_name),
                Some(1) if standing == Standing::Close => (),
                Some(_) if standing == Standing::Close => correct("is two letters off", 0.5),
                Some(_) => correct("defines a name like one of the query", 1.0 + weights.asked_name),
                None => (),
            }
            if question.kind == QuestionKind::Symbol
                && names_asked.clone().any(|name| name.name.eq_ignore_ascii_case(stem))
            {
                correct("its file is called like the asked name", 1.0 + weights.named_file);
            }
            if self.lies_in_asked_file(candidate) || self.lies_below_asked_directory(candidate) {
                correct("lies in the asked place", 1.0 + weights.asked_path);
            }
            if names_asked.clone().any(|name| has_qualifier(candidate, name)) {
                correct("belongs to what the name is qualified by", 1.0 + weights.qualifier);
            }
        }
        let (role, factor) = self.role_factor(candidate, standing);
        correct(role.description(), factor.powf(weights.role));
        corrections
    }

    /// Of the words in the symbol or in a name that is defined in the chunk, the part that the query has.
    fn name_share(&self, candidate: &Candidate) -> f32 {
        let names = candidate
            .symbol
            .iter()
            .chain(candidate.defines.iter().take(MOST_NAMES_READ));
        names.map(|name| self.share_asked(name)).fold(0.0, f32::max)
    }

    /// Of the words in this name, the part that the query has.
    fn share_asked(&self, name: &str) -> f32 {
        if !self.may_have_asked_word(name) {
            return 0.0;
        }
        if let Some(share) = self.shares.borrow().get(name) {
            return *share;
        }
        let share = self.count_asked(name);
        self.shares.borrow_mut().insert(name.to_owned(), share);
        share
    }

    /// A stem begins like its word. Making stems of the names of hundreds of candidates costs as much as all other ranking.
    fn may_have_asked_word(&self, name: &str) -> bool {
        let is_initial = |first: char| {
            first
                .to_lowercase()
                .next()
                .is_some_and(|first| self.initials.contains(&first))
        };
        words(name)
            .flat_map(split_identifier)
            .any(|part| part.chars().next().is_some_and(is_initial))
    }

    fn count_asked(&self, name: &str) -> f32 {
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

    /// Typing errors between what was asked and what the chunk defines or its file is called, where nothing is called so.
    fn mistakes(&self, candidate: &Candidate) -> Option<usize> {
        let fits = |close: &&CloseMarker| {
            if markers::is_definition(&close.marker) {
                candidate
                    .defines
                    .iter()
                    .any(|defined| markers::definition(defined) == close.marker)
            } else {
                markers::file_name(markers::name_and_stem(&candidate.path).0) == close.marker
            }
        };
        self.close.iter().find(fits).map(|close| close.mistakes)
    }

    /// Whether what was asked can be meant: misspelt, or the beginning of a longer name. A single word begins too many names.
    fn is_close(&self, candidate: &Candidate) -> bool {
        let is_compound = || {
            let mut names = self.question.names.iter();
            names.any(|asked| split_identifier(&asked.name).len() > 1)
        };
        self.mistakes(candidate)
            .is_some_and(|mistakes| mistakes > 0 || is_compound())
    }

    /// Whether the chunk is about the asked name, or one that is close to it.
    fn is_about_asked_name(&self, candidate: &Candidate) -> bool {
        candidate.symbol.as_deref().is_some_and(|symbol| {
            let marker = markers::definition(symbol);
            let mut names = self.question.names.iter();
            names.any(|asked| is_same_but_for_case(markers::last_component(symbol), &asked.name))
                || self.close.iter().any(|close| close.marker == marker)
        })
    }

    /// Whether a name defined in the chunk is an asked one or close to it, or has all words of the query in it.
    fn is_symbol_match(&self, candidate: &Candidate) -> bool {
        if self.defines_asked_name(candidate, is_same_but_for_case) || self.mistakes(candidate).is_some() {
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
        if self.question.paths.is_empty() {
            return false;
        }
        let path = candidate.path.to_lowercase();
        self.question.paths.iter().any(|asked| is_path_end(&path, asked))
    }

    fn lies_below_asked_directory(&self, candidate: &Candidate) -> bool {
        if self.question.paths.is_empty() {
            return false;
        }
        let path = format!("/{}", candidate.path.to_lowercase());
        self.question
            .paths
            .iter()
            .any(|asked| path.contains(&format!("/{asked}/")))
    }

    /// The shorter the path before the asked one, the likelier it was meant.
    fn path_closeness(&self, candidate: &Candidate) -> f32 {
        let longest = self.question.paths.iter().map(String::len).max().unwrap_or(0);
        ratio(longest, candidate.path.len().max(longest).max(1))
    }

    fn role_factor(&self, candidate: &Candidate, standing: Standing) -> (PathRole, f32) {
        let mut role = role_of(&candidate.path);
        // Tests beside the code they test, as in Rust.
        let is_test_symbol = candidate.symbol.as_deref().is_some_and(|symbol| {
            let mut around = symbol.split(['.', ':']);
            around.any(|name| matches!(name, "tests" | "test"))
                || markers::last_component(symbol).to_lowercase().starts_with("test_")
        });
        if role == PathRole::Source && is_test_symbol {
            role = PathRole::Test;
        }
        let is_asked_for = role.is_asked_for(|term| self.question.typed.contains(term));
        let asked_kind = candidate
            .symbol_kind
            .filter(|_| standing != Standing::Ordinary && self.is_about_asked_name(candidate));
        let factor = match asked_kind {
            _ if is_asked_for => 1.0,
            Some(kind) => role.factor_of_definition(&candidate.path, kind),
            None => role.factor(),
        };
        (role, factor)
    }
}

fn is_same_but_for_case(defined: &str, asked: &str) -> bool {
    defined.to_lowercase() == asked.to_lowercase()
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
    use proptest::prelude::*;

    use super::super::understand::understand;
    use super::*;

    proptest! {
        #[test]
        fn what_is_skipped_has_no_asked_word(
            name in "[A-Za-z_]{0,6}(get|parse|Skies|dying|Ünï|ÉTÉ|HTTP2|Σ|ing)?[A-Za-z0-9_Ü.]{0,6}",
            query in "[a-z]{1,5} (getting|parses|sky|die|ünï|été|http|σ) [A-Z][a-z]{1,4}",
        ) {
            let question = understand(&query, SearchMode::Hybrid);
            let judge = Judge::new(&question, &[], SearchMode::Hybrid, Weights::default());
            prop_assert!((judge.share_asked(&name) - judge.count_asked(&name)).abs() < f32::EPSILON);
            prop_assert!((judge.share_asked(&name) - judge.count_asked(&name)).abs() < f32::EPSILON, "the second time");
        }
    }

    #[test]
    fn paths_end_at_component_boundaries() {
        assert!(is_path_end("src/claim.rs", "claim.rs"));
        assert!(is_path_end("claim.rs", "claim.rs"));
        assert!(!is_path_end("src/reclaim.rs", "claim.rs"));
    }
}
