//! Queries that are regular expressions, as agents bring them from grep: recognised by what only those contain. Hands the
//! pattern to Postgres, which matches it against the candidates, and its literal parts to the lexical index, which finds
//! them. Pure; whether the pattern is valid is Postgres' to say.

/// What stands in patterns and hardly ever in questions or code.
const SIGNS: &[&str] = &[
    ".*", ".+", "\\w", "\\s", "\\d", "\\b", "\\(", "\\.", "\\[", "[a-z", "[A-Z", "[0-9", "[^", "(?:", "(?i)",
];

/// The query as a pattern of Postgres, when it is written as one. Lines are matched one by one, as grep does.
pub(crate) fn read(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text
        .strip_prefix('/')
        .and_then(|text| text.strip_suffix('/'))
        .unwrap_or(text);
    if !SIGNS.iter().any(|sign| text.contains(sign)) {
        return None;
    }
    let (flags, text) = match text.strip_prefix("(?i)") {
        Some(text) => ("(?in)", text),
        None => ("(?n)", text),
    };
    // There a backspace is meant.
    Some(format!("{flags}{}", text.replace("\\b", "\\y")))
}

/// The text without the pattern's own characters, so that its words are left.
pub(crate) fn literals(text: &str) -> String {
    let mut literals = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                characters.next();
                literals.push(' ');
            }
            '[' => {
                while characters.next().is_some_and(|inside| inside != ']') {}
                literals.push(' ');
            }
            '.' | '*' | '+' | '?' | '^' | '$' | '|' | '(' | ')' | '{' | '}' | '/' => literals.push(' '),
            _ => literals.push(character),
        }
    }
    literals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_told_from_questions_and_code() {
        for text in [
            "fn \\w+_retry",
            "error.*timeout",
            "^\\s*class [A-Z]",
            "\\bclaim\\b",
            "/open\\(.+\\)/",
        ] {
            assert!(read(text).is_some(), "{text}");
        }
        for text in [
            "how is a job claimed?",
            "Reader::parse(text)",
            "a[i] + b",
            "vec![1, 2]",
            "src/*.rs",
            "C++ templates",
            "what does the * do",
            "Map<K, V>",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_pattern_is_turned_into_one_of_postgres() {
        assert_eq!(read("\\bclaim\\w*").as_deref(), Some("(?n)\\yclaim\\w*"));
        assert_eq!(read("/(?i)lease.*lost/").as_deref(), Some("(?in)lease.*lost"));
    }

    #[test]
    fn the_words_of_a_pattern_are_left() {
        let words = |text: &str| literals(text).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words("^\\s*fn \\w+_retry\\("), "fn _retry");
        assert_eq!(words("(lease|fence) [a-z]+ lost{2}"), "lease fence lost 2");
        assert_eq!(words("unclosed [abc"), "unclosed");
        assert_eq!(words("\\"), "");
    }
}
