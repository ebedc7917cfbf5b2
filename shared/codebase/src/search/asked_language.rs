//! Programming languages that a question names: "split a list in python" wants an answer in Python. Pure; hands `understand`
//! the languages of files that are meant. Words that mean something else more often (go, c, r, swift) are not taken for languages.

/// A word of a question, and the languages of files that it means.
#[rustfmt::skip] // a table: one word a line
const LANGUAGES: &[(&str, &[&str])] = &[
    ("bash", &["bash"]),
    ("c#", &["csharp"]),
    ("c++", &["cpp", "c"]),
    ("cpp", &["cpp", "c"]),
    ("csharp", &["csharp"]),
    ("dart", &["dart"]),
    ("elixir", &["elixir"]),
    ("golang", &["go"]),
    ("haskell", &["haskell"]),
    ("java", &["java"]),
    ("javascript", &["javascript", "typescript", "tsx"]),
    ("js", &["javascript", "typescript", "tsx"]),
    ("julia", &["julia"]),
    ("kotlin", &["kotlin"]),
    ("lua", &["lua"]),
    ("nodejs", &["javascript", "typescript", "tsx"]),
    ("ocaml", &["ocaml", "ocaml_interface"]),
    ("php", &["php"]),
    ("python", &["python"]),
    ("python3", &["python"]),
    ("ruby", &["ruby"]),
    ("rust", &["rust"]),
    ("scala", &["scala"]),
    ("typescript", &["typescript", "tsx"]),
];

/// The languages named in these words of a question, as files have them.
pub(crate) fn asked_languages<'words>(words: impl Iterator<Item = &'words str>) -> Vec<&'static str> {
    let mut languages = Vec::new();
    for word in words {
        let word = word.to_lowercase();
        if let Ok(at) = LANGUAGES.binary_search_by(|(name, _)| (*name).cmp(&word)) {
            languages.extend(LANGUAGES[at].1);
        }
    }
    languages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_found_among_the_words() {
        assert!(LANGUAGES.is_sorted_by_key(|(name, _)| *name));
        let asked = |text: &str| asked_languages(text.split(' '));
        assert_eq!(asked("split list Python"), ["python"]);
        assert_eq!(asked("js flatten array"), ["javascript", "typescript", "tsx"]);
        assert_eq!(asked("let it go"), Vec::<&str>::new());
    }
}
