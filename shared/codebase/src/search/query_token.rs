//! One word of a query: whether it is spelled like an identifier or like a path, and what it then names.
//! Pure; `understand` decides what that means for the whole query.

/// Extensions that make a word a file's name: `claim.rs` is one, `os.path` is not.
const EXTENSIONS: &[&str] = &[
    "adoc", "bash", "bat", "c", "cc", "cfg", "clj", "cmake", "conf", "cpp", "cs", "css", "csv", "cxx", "dart", "el",
    "erl", "ex", "exs", "fs", "go", "gradle", "graphql", "h", "hh", "hpp", "hs", "html", "ini", "ipynb", "java", "jl",
    "js", "json", "jsx", "kt", "kts", "less", "lock", "lua", "m", "md", "mjs", "ml", "mm", "nix", "php", "pl", "proto",
    "ps1", "py", "pyi", "r", "rb", "rs", "rst", "scala", "scss", "sh", "sql", "svelte", "svg", "swift", "tf", "toml",
    "ts", "tsx", "txt", "vue", "xml", "yaml", "yml", "zig", "zsh",
];

/// A name that the query spells like an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AskedName {
    /// The last component, as spelled.
    pub name: String,
    /// `Reader` of `Reader::parse`, lower-case.
    pub qualifier: Option<String>,
}

/// A word of the query between white space, without the punctuation of the sentence around it.
pub(crate) struct QueryToken<'a> {
    pub text: &'a str,
    /// In backticks or with parentheses behind it.
    is_marked_as_code: bool,
}

impl<'a> QueryToken<'a> {
    pub(crate) fn read(word: &'a str) -> Option<QueryToken<'a>> {
        let bare = word.trim_matches([',', ';', '?', '!', '\'', '"', '(', '[', '{', '<', '>', '}', ']', '`']);
        let bare = bare.trim_end_matches(['.', ':']);
        let (text, is_called) = match bare.find('(') {
            Some(at) => (&bare[..at], true),
            None => match bare.strip_suffix(')') {
                Some(text) => (text, false),
                None => (bare, false),
            },
        };
        let is_called = is_called || word.contains("()");
        let is_marked_as_code = is_called || word.starts_with('`');
        (!text.is_empty()).then_some(QueryToken {
            text,
            is_marked_as_code,
        })
    }

    /// The path that this token is, without its line number. A slash alone makes a path only when nothing else was asked.
    pub(crate) fn path(&self, is_alone: bool) -> Option<String> {
        let text = self.text.strip_prefix("./").unwrap_or(self.text);
        let text = text.split_once(":").map_or(text, |(path, line)| {
            if line.starts_with(|first: char| first.is_ascii_digit()) {
                path
            } else {
                text
            }
        });
        let text = text.split_once("#L").map_or(text, |(path, _)| path).trim_matches('/');
        let name = text.rsplit('/').next().unwrap_or(text);
        let has_extension = name
            .rsplit_once('.')
            .is_some_and(|(_, extension)| EXTENSIONS.binary_search(&extension.to_lowercase().as_str()).is_ok());
        let is_path = !text.is_empty()
            && !text.contains("::")
            && (has_extension || (text.contains('/') && (is_alone || text.matches('/').count() > 1)));
        is_path.then(|| text.to_lowercase())
    }

    /// Whether it is spelled as only identifiers are.
    pub(crate) fn looks_like_name(&self) -> bool {
        if self.asked_name().is_none() {
            return false;
        }
        let text = self.text;
        let letters: Vec<char> = text.chars().collect();
        self.is_marked_as_code
            || text.contains('_')
            || text.contains("::")
            || text.contains("->")
            || text.contains('#')
            || text.contains('.')
            || letters
                .windows(2)
                .any(|pair| pair[0].is_lowercase() && pair[1].is_uppercase())
    }

    /// The identifier that this token may be.
    pub(crate) fn asked_name(&self) -> Option<AskedName> {
        let components: Vec<&str> = self
            .text
            .split(['.', ':', '#', '>', '/'])
            .map(|component| component.trim_matches(['-', '&', '*', '@', '$']))
            .filter(|component| !component.is_empty())
            .collect();
        let (&name, before) = components.split_last()?;
        let is_identifier = |text: &str| {
            text.chars()
                .all(|character| character.is_alphanumeric() || matches!(character, '_' | '-' | '?' | '!'))
                && text.starts_with(|first: char| first.is_alphabetic() || first == '_')
        };
        if !is_identifier(name) || !before.iter().all(|component| is_identifier(component)) {
            return None;
        }
        Some(AskedName {
            name: name.to_owned(),
            qualifier: before.last().map(|qualifier| qualifier.to_lowercase()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(word: &str) -> Option<String> {
        QueryToken::read(word)?.path(true)
    }

    fn name(word: &str) -> Option<String> {
        Some(QueryToken::read(word)?.asked_name()?.name)
    }

    #[test]
    fn lists_are_searched_by_halves() {
        assert!(EXTENSIONS.is_sorted());
    }

    #[test]
    fn paths_lose_their_line_numbers() {
        for word in [
            "./src/claim.rs:12:3",
            "src/Claim.rs#L10-L20",
            "`src/claim.rs`,",
            "/src/claim.rs?",
        ] {
            assert_eq!(path(word).as_deref(), Some("src/claim.rs"), "{word}");
        }
        assert_eq!(path("std::fs::File"), None);
        assert_eq!(path("os.path"), None);
    }

    #[test]
    fn names_lose_what_stands_around_them() {
        for word in [
            "parse",
            "parse()",
            "Reader::parse",
            "reader.parse(text)",
            "`parse`",
            "self->parse",
            "(parse)",
        ] {
            assert_eq!(name(word).as_deref(), Some("parse"), "{word}");
        }
        assert_eq!(name("3.14"), None);
    }
}
