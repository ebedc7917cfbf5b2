//! Reads a query: its terms with their weights, the names and paths it asks for, texts that must occur, and whether it is a
//! symbol, a path or a question. Pure; hands ranking and the lexical index everything they need to know of the query.

use rustc_hash::FxHashSet;

use super::asked_language::asked_languages;
use super::pattern;
use super::query_token::{AskedName, QueryToken};
use super::request::SearchMode;
use crate::lexical::{QueryTerms, markers};
use crate::tokenize::{TermMaker, split_identifier, words};

/// More terms than a question has; a pasted function is cut here.
const MOST_TERMS: usize = 64;
/// Two words in a row may be one identifier in the code (`retry policy`, `RetryPolicy`): worth less than what was typed.
const JOINED_WORDS_WEIGHT: f32 = 0.6;
/// Names and paths looked up exactly; a pasted function has more, and then they say little.
const MOST_NAMES: usize = 8;

/// Words that announce a name: `class Reader`, `fn parse`.
const DEFINERS: &[&str] = &[
    "class",
    "const",
    "def",
    "enum",
    "fn",
    "func",
    "function",
    "impl",
    "interface",
    "macro",
    "method",
    "module",
    "mod",
    "protocol",
    "record",
    "static",
    "struct",
    "trait",
    "type",
    "union",
    "var",
    "let",
];
/// Words with which people ask for the place of a definition.
const DEFINITION_WORDS: &[&str] = &[
    "where",
    "defined",
    "definition",
    "declared",
    "declaration",
    "implemented",
    "implementation",
    "located",
    "find",
    "show",
    "what",
    "which",
    "file",
    "in",
    "me",
    "is",
    "the",
    "of",
];

/// What a query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuestionKind {
    /// One identifier: its definition is the answer.
    Symbol,
    /// One path or file name: that file is the answer.
    Path,
    /// A question or keywords.
    Words,
}

/// A query, read.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub kind: QuestionKind,
    /// What to look up in the lexical index.
    pub terms: QueryTerms,
    /// The terms that were typed, without the joined words and markers.
    pub typed: FxHashSet<String>,
    pub names: Vec<AskedName>,
    /// Languages of files, where a question in words names programming languages.
    pub languages: Vec<&'static str>,
    /// Lower-case, without a leading `./` and without line numbers.
    pub paths: Vec<String>,
    /// In double quotes: must occur in a hit, case aside.
    pub phrases: Vec<String>,
    /// Whether there are words outside of the quotes.
    pub asks_beside_phrases: bool,
    /// The query as a regular expression, when it is written as one: what matches comes first.
    pub pattern: Option<String>,
}

/// Reads a query.
pub(crate) fn understand(text: &str, mode: SearchMode) -> Question {
    let pattern = pattern::read(text);
    let (unquoted, phrases) = if pattern.is_some() {
        (pattern::literals(text), Vec::new())
    } else {
        take_phrases(text)
    };
    let tokens: Vec<QueryToken<'_>> = unquoted.split_whitespace().filter_map(QueryToken::read).collect();
    let kind = kind_of(&tokens, mode, !phrases.is_empty() || pattern.is_some());

    let mut names = Vec::new();
    let mut paths = Vec::new();
    for token in &tokens {
        if let Some(path) = token.path(kind == QuestionKind::Path) {
            push_distinct(&mut paths, path);
        }
        let is_name = match kind {
            QuestionKind::Symbol => !DEFINERS.contains(&token.text) && !is_definition_word(token.text),
            QuestionKind::Path => false,
            QuestionKind::Words => token.looks_like_name(),
        } || (kind == QuestionKind::Symbol && tokens.len() == 1);
        if is_name && let Some(name) = token.asked_name() {
            push_distinct(&mut names, name);
        }
    }
    if kind == QuestionKind::Symbol && names.is_empty() {
        // Nothing but words that announce a name: they are the names.
        names.extend(tokens.iter().filter_map(QueryToken::asked_name));
    }
    names.truncate(MOST_NAMES);
    paths.truncate(MOST_NAMES);

    let languages = match kind {
        QuestionKind::Words => asked_languages(tokens.iter().map(|token| token.text)),
        QuestionKind::Symbol | QuestionKind::Path => Vec::new(),
    };
    let (scored, typed) = weighted_terms(&unquoted, &phrases);
    let mut definitions = Vec::new();
    let mut whole_names = Vec::new();
    for name in &names {
        let marker = markers::definition(&name.name);
        if !definitions.contains(&marker) {
            definitions.push(marker);
            whole_names.push(whole_term(&name.name));
        }
    }
    let mut files = distinct(
        paths
            .iter()
            .map(|path| markers::file_name(markers::name_and_stem(path).0)),
    );
    if kind == QuestionKind::Symbol {
        files.extend(distinct(names.iter().map(|name| markers::file_stem(&name.name))));
    }
    Question {
        kind,
        terms: QueryTerms {
            scored,
            definitions,
            files,
            whole_names,
        },
        typed,
        names,
        languages,
        paths,
        phrases,
        asks_beside_phrases: !tokens.is_empty(),
        pattern,
    }
}

/// The term under which a name as a whole is found in texts; it comes before its parts.
fn whole_term(name: &str) -> String {
    TermMaker::new()
        .terms_of_text(name)
        .into_iter()
        .next()
        .unwrap_or_default()
}

/// The text without its double-quoted parts, whose words stay, and those parts.
fn take_phrases(text: &str) -> (String, Vec<String>) {
    let parts: Vec<&str> = text.split('"').collect();
    let mut unquoted = String::with_capacity(text.len());
    let mut phrases = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let is_closed = index + 1 < parts.len();
        if index % 2 == 1 && is_closed && !part.trim().is_empty() {
            phrases.push((*part).to_owned());
        } else {
            unquoted.push_str(part);
        }
        unquoted.push(' ');
    }
    (unquoted, phrases)
}

fn kind_of(tokens: &[QueryToken<'_>], mode: SearchMode, has_phrases: bool) -> QuestionKind {
    if mode == SearchMode::Symbol {
        return QuestionKind::Symbol;
    }
    if has_phrases {
        return QuestionKind::Words;
    }
    if let [only] = tokens {
        if only.path(true).is_some() {
            return QuestionKind::Path;
        }
        if only.asked_name().is_some() {
            return QuestionKind::Symbol;
        }
    }
    if let [definer, name] = tokens
        && DEFINERS.contains(&definer.text)
        && name.asked_name().is_some()
    {
        return QuestionKind::Symbol;
    }
    // "where is RetryPolicy defined": one name, and nothing else that could be meant.
    let named = tokens.iter().filter(|token| token.looks_like_name()).count();
    let rest_asks_for_it = tokens
        .iter()
        .filter(|token| !token.looks_like_name())
        .all(|token| is_definition_word(token.text) || DEFINERS.contains(&token.text));
    if named == 1 && rest_asks_for_it {
        return QuestionKind::Symbol;
    }
    QuestionKind::Words
}

fn is_definition_word(word: &str) -> bool {
    DEFINITION_WORDS.contains(&word.to_lowercase().as_str())
}

/// The terms to score, most of all what was typed, and the typed ones alone.
fn weighted_terms(unquoted: &str, phrases: &[String]) -> (Vec<(String, f32)>, FxHashSet<String>) {
    let term_maker = TermMaker::new();
    let mut scored: Vec<(String, f32)> = Vec::new();
    let mut typed = FxHashSet::default();
    for text in std::iter::once(unquoted).chain(phrases.iter().map(String::as_str)) {
        for term in term_maker.terms_of_text(text) {
            if typed.len() < MOST_TERMS && typed.insert(term.clone()) {
                scored.push((term, 1.0));
            }
        }
    }
    let plain: Vec<&str> = words(unquoted).collect();
    for pair in plain.windows(2) {
        let are_plain_words = pair.iter().all(|word| {
            word.len() > 1 && split_identifier(word).len() == 1 && !crate::tokenize::is_stop_word(&word.to_lowercase())
        });
        if !are_plain_words || scored.len() >= 2 * MOST_TERMS {
            continue;
        }
        let joined = term_maker.stem(pair.concat().to_lowercase());
        if !scored.iter().any(|(term, _)| *term == joined) {
            scored.push((joined, JOINED_WORDS_WEIGHT));
        }
    }
    (scored, typed)
}

fn push_distinct<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn distinct(items: impl Iterator<Item = String>) -> Vec<String> {
    let mut list = Vec::new();
    for item in items {
        push_distinct(&mut list, item);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Question {
        understand(text, SearchMode::Hybrid)
    }

    fn names(question: &Question) -> Vec<&str> {
        question.names.iter().map(|name| name.name.as_str()).collect()
    }

    #[test]
    fn queries_are_told_apart() {
        for (text, kind) in [
            ("RetryPolicy", QuestionKind::Symbol),
            ("retry_policy()", QuestionKind::Symbol),
            ("Reader::parse", QuestionKind::Symbol),
            ("os.path.join", QuestionKind::Symbol),
            ("class Reader", QuestionKind::Symbol),
            ("where is RetryPolicy defined?", QuestionKind::Symbol),
            ("where is uv_run implemented", QuestionKind::Symbol),
            ("which file is RetryPolicy in", QuestionKind::Symbol),
            ("shared/queue/src/claim.rs", QuestionKind::Path),
            ("claim.rs", QuestionKind::Path),
            ("claim.rs:120", QuestionKind::Path),
            ("src/queue", QuestionKind::Path),
            ("how are jobs claimed", QuestionKind::Words),
            ("TCP/IP handling", QuestionKind::Words),
            ("\"claim\"", QuestionKind::Words),
            ("RetryPolicy backoff cap", QuestionKind::Words),
        ] {
            assert_eq!(ask(text).kind, kind, "{text}");
        }
    }

    #[test]
    fn names_in_a_sentence_are_recognised_by_their_spelling() {
        assert_eq!(
            names(&ask("does RetryPolicy call next_delay or `wait`?")),
            ["RetryPolicy", "next_delay", "wait"]
        );
        assert_eq!(names(&ask("how is a file replaced")), Vec::<&str>::new());
        let qualified = ask("Reader::parse");
        assert_eq!(names(&qualified), ["parse"]);
        assert_eq!(qualified.names[0].qualifier.as_deref(), Some("reader"));
    }

    #[test]
    fn quoted_text_must_occur_and_its_words_count() {
        let question = ask("error \"lease lost\" handling");
        assert_eq!(question.phrases, ["lease lost"]);
        assert!(question.typed.contains("leas"));
        assert!(ask("an unclosed \"quote").phrases.is_empty());
    }

    #[test]
    fn neighbouring_words_also_count_as_one_identifier() {
        let question = ask("the retry policy of jobs");
        let terms: Vec<(&str, f32)> = question
            .terms
            .scored
            .iter()
            .map(|(term, weight)| (term.as_str(), *weight))
            .collect();
        assert_eq!(
            terms,
            [
                ("retri", 1.0),
                ("polici", 1.0),
                ("job", 1.0),
                ("retrypolici", JOINED_WORDS_WEIGHT)
            ]
        );
    }

    #[test]
    fn in_symbol_mode_every_word_is_a_name() {
        let question = understand("claim lease", SearchMode::Symbol);
        assert_eq!(names(&question), ["claim", "lease"]);
        assert_eq!(names(&understand("find", SearchMode::Symbol)), ["find"]);
        assert_eq!(names(&understand("show file", SearchMode::Symbol)), ["show", "file"]);
    }

    #[test]
    fn any_text_can_be_read() {
        for text in [
            "",
            "\"",
            "``",
            "()",
            "::",
            "a::",
            "/",
            "...",
            "#L",
            ":1",
            "日本語",
            "x\u{0}y",
            "-->",
        ] {
            ask(text);
        }
    }
}
