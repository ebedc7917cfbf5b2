//! What a caller asks of a name, and whether it can be asked at all. Knows no SQL and no ranking.

use uuid::Uuid;

use super::SymbolKind;
use crate::CodebaseError;
use crate::search::MAX_LIMIT;

/// Longer names are not stored.
const MAX_NAME_BYTES: usize = 200;

/// A name with its filters.
#[derive(Clone, Debug)]
pub struct SymbolRequest {
    /// The name, alone or qualified: `claim`, `Queue::claim`, `queue.Queue.claim`. `claim*` asks for all that begin so.
    pub name: String,
    /// Only definitions of this kind. Languages call the same thing by different words: functions and methods stand for each
    /// other, as do classes and structs, traits and interfaces, modules and namespaces; `type` means all types.
    pub kind: Option<SymbolKind>,
    /// Only these repositories; empty = all of the project's.
    pub repository_ids: Vec<Uuid>,
    /// Only files whose path matches, as in a search.
    pub path_glob: Option<String>,
    /// Only files of this language, as `rust`; case does not matter.
    pub language: Option<String>,
    /// How many definitions to return, 0 to 100.
    pub limit: u32,
    /// How many definitions to skip.
    pub offset: u32,
    /// How many uses to return, 0 to 100.
    pub uses_limit: u32,
    /// How many uses to skip.
    pub uses_offset: u32,
}

impl SymbolRequest {
    /// Twenty definitions and twenty uses of a name, anywhere.
    pub fn new(name: impl Into<String>) -> SymbolRequest {
        SymbolRequest {
            name: name.into(),
            kind: None,
            repository_ids: Vec::new(),
            path_glob: None,
            language: None,
            limit: 20,
            offset: 0,
            uses_limit: 20,
            uses_offset: 0,
        }
    }

    /// Refuses what cannot be answered, with what to do about it.
    pub(crate) fn check(&self) -> Result<(), CodebaseError> {
        if self.name.trim().is_empty() {
            return Err(invalid("the name is empty: give one like parse_line, or parse*"));
        }
        if self.name.len() > MAX_NAME_BYTES || self.name.contains(['\n', '\0']) {
            return Err(invalid(
                "that is not a name: give one like parse_line, or search for the text",
            ));
        }
        if self.limit > MAX_LIMIT || self.uses_limit > MAX_LIMIT {
            return Err(CodebaseError::InvalidQuery(format!(
                "ask for at most {MAX_LIMIT} definitions and {MAX_LIMIT} uses"
            )));
        }
        Ok(())
    }
}

fn invalid(reason: &str) -> CodebaseError {
    CodebaseError::InvalidQuery(reason.to_owned())
}

/// A name as it was asked for, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AskedName {
    /// The last component, as written.
    pub name: String,
    /// The components before it, outermost first.
    pub parents: Vec<String>,
    /// All names that begin so are meant.
    pub is_prefix: bool,
}

impl AskedName {
    pub(crate) fn read(text: &str) -> AskedName {
        let text = text.trim().trim_matches('`');
        let (text, is_prefix) = match text.strip_suffix('*') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let text = text.strip_suffix("()").unwrap_or(text);
        let mut parts: Vec<String> = text
            .split(['.', ':', '#', '/'])
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        let name = parts.pop().unwrap_or_else(|| text.to_owned());
        AskedName {
            name,
            parents: parts,
            is_prefix,
        }
    }

    /// Whether the asked parents are among those of a definition, in this order, the last one closest.
    pub(crate) fn fits(&self, qualified: &str) -> bool {
        let mut above: Vec<&str> = qualified
            .split(['.', ':', ' ', '>'])
            .filter(|part| !part.is_empty())
            .collect();
        above.pop();
        self.parents.iter().rev().all(|parent| {
            while let Some(name) = above.pop() {
                if name.eq_ignore_ascii_case(parent) {
                    return true;
                }
            }
            false
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    #[test]
    fn names_are_read_as_people_write_them() {
        let read = |text| {
            let asked = AskedName::read(text);
            (asked.parents.join("/"), asked.name, asked.is_prefix)
        };
        let expected = |parents: &str, name: &str, is_prefix| (parents.to_owned(), name.to_owned(), is_prefix);
        assert_eq!(read("claim"), expected("", "claim", false));
        assert_eq!(read(" `Queue::claim()` "), expected("Queue", "claim", false));
        assert_eq!(read("a.b.C#run"), expected("a/b/C", "run", false));
        assert_eq!(read("get_*"), expected("", "get_", true));
        assert_eq!(read("~Shape"), expected("", "~Shape", false));
    }

    #[test]
    fn parents_have_to_be_above_in_their_order() {
        let fits = |asked, qualified| AskedName::read(asked).fits(qualified);
        assert!(fits("claim", "Queue::claim"));
        assert!(fits("queue::claim", "jobs::Queue::claim"));
        assert!(fits("jobs.claim", "jobs::Queue::claim"));
        assert!(!fits("Queue.jobs.claim", "jobs::Queue::claim"));
        assert!(!fits("Other.claim", "Queue::claim"));
    }

    #[test]
    fn what_cannot_be_answered_is_refused_with_advice() {
        for name in ["", " ", "a\nb", &"x".repeat(300)] {
            let refusal = SymbolRequest::new(name).check().unwrap_err().to_string();
            assert!(refusal.contains("parse_line"), "{refusal}");
        }
        let many = SymbolRequest {
            uses_limit: 101,
            ..SymbolRequest::new("a")
        };
        assert!(many.check().is_err());
    }
}
