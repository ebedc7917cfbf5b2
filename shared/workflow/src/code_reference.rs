//! A place in code as a document names it: `repository`, `repository/path`, `repository/path#L10-L42` or
//! `repository/path#symbol`. The format `code-reference` of schemas, and the filter `$code`, are this.
//! Never asks whether the place exists: files come and go, and what is written about them stays.

use serde::Serialize;

/// Longer references are data, not places.
const MAX_BYTES: usize = 1_000;

/// A place in code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeReference {
    /// Name of the repository in the project.
    pub repository: String,
    /// Path of the file or directory in it; none: the repository, or a symbol wherever it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// First and last line, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<(i32, i32)>,
    /// Name of a definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
}

impl CodeReference {
    /// Reads a reference; the error says what one looks like.
    ///
    /// # Errors
    ///
    /// A sentence for whoever wrote the reference.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES || text.chars().any(char::is_control) {
            return Err(format!("at most {MAX_BYTES} bytes and no control characters"));
        }
        let (place, fragment) = match text.split_once('#') {
            Some((place, fragment)) => (place, Some(fragment)),
            None => (text, None),
        };
        let (repository, path) = match place.split_once('/') {
            Some((repository, path)) => (repository, Some(path)),
            None => (place, None),
        };
        if repository.is_empty() || repository.trim() != repository {
            return Err("begin with the repository's name, as in shop/src/cart.rs#L10-L42".to_owned());
        }
        let is_sound = |part: &str| !part.is_empty() && part != "." && part != "..";
        if path.is_some_and(|path| !path.split('/').all(is_sound)) {
            return Err("write the path from the repository's root, as in shop/src/cart.rs".to_owned());
        }
        let mut lines = None;
        let mut symbol = None;
        match fragment {
            None => {}
            Some("") => return Err("write lines or a symbol after the #, or leave it out".to_owned()),
            Some(fragment) => match line_range(fragment) {
                Some(range) if path.is_some() => lines = Some(range?),
                _ => symbol = Some(fragment.to_owned()),
            },
        }
        Ok(Self {
            repository: repository.to_owned(),
            path: path.map(str::to_owned),
            lines,
            symbol,
        })
    }
}

/// `L10`, `L10-L42` or `L10-42`; none when it is not meant as lines at all.
fn line_range(fragment: &str) -> Option<Result<(i32, i32), String>> {
    let digits = fragment
        .strip_prefix('L')
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))?;
    let (first, last) = digits.split_once('-').unwrap_or((digits, digits));
    let last = last.strip_prefix('L').unwrap_or(last);
    let range = match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if 0 < first && first <= last => Ok((first, last)),
        _ => Err("lines are counted from 1, the first before the last, as in #L10-L42".to_owned()),
    };
    Some(range)
}

impl std::fmt::Display for CodeReference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.repository)?;
        if let Some(path) = &self.path {
            write!(formatter, "/{path}")?;
        }
        match (self.lines, &self.symbol) {
            (Some((first, last)), _) if first == last => write!(formatter, "#L{first}"),
            (Some((first, last)), _) => write!(formatter, "#L{first}-L{last}"),
            (None, Some(symbol)) => write!(formatter, "#{symbol}"),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::CodeReference;

    #[test]
    fn every_kind_of_place_is_read_and_written_alike() {
        let all = [
            "shop",
            "shop/src",
            "shop/src/cart.rs",
            "shop/src/cart.rs#L10",
            "shop/src/cart.rs#L10-L42",
            "shop/src/cart.rs#Cart::add",
            "shop#Cart",
            "shop/a b/ä.rs#List",
        ];
        for text in all {
            assert_eq!(CodeReference::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(CodeReference::parse("shop/a.rs#L1-2").unwrap().lines, Some((1, 2)));
    }

    #[test]
    fn what_names_no_place_is_refused_in_a_sentence() {
        for text in [
            "",
            "/src",
            " shop/a",
            "shop/",
            "shop//a",
            "shop/../etc",
            "shop/a#",
            "shop/a#L0",
            "shop/a#L9-L1",
            "shop/a#L99999999999",
            "shop/a\0",
            &"x".repeat(1_001),
        ] {
            assert!(CodeReference::parse(text).unwrap_err().len() > 20, "{text:?}");
        }
    }
}
