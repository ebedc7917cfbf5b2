//! Project names: what a valid one is, how a directory's name becomes one, and the database name derived from it.
//! Hands a parsed `ProjectName` to everything else, which then checks nothing again.
//! Never touches a database: whether a name is taken is known by projects.rs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The longest project name in bytes. With it a database name stays under the 63 bytes at which Postgres cuts names
/// silently, which would let two projects share a database.
const MAX_BYTES: usize = 40;

/// Names that would be read as something else in a shell history, a log line or psql.
const RESERVED: [&str; 4] = ["mcp_registry", "postgres", "template0", "template1"];

/// A valid project name: 1 to 40 of the characters a-z, 0-9 and _.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectName(String);

/// Why a text is no project name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectNameError {
    /// Give at least one character.
    #[error("a project name is empty; use 1 to 40 of the characters a-z, 0-9 and _")]
    Empty,
    /// Shorten the name.
    #[error("a project name has {bytes} bytes; use 1 to 40 of the characters a-z, 0-9 and _")]
    TooLong {
        /// Length of what was given, in bytes.
        bytes: usize,
    },
    /// Leave out the character named; `ProjectName::from_directory` does so for any text.
    #[error("{character:?} is not allowed in a project name; use 1 to 40 of the characters a-z, 0-9 and _")]
    Character {
        /// The first character that is not allowed.
        character: char,
    },
    /// Choose another name: Postgres uses this one.
    #[error("{name} is a name of Postgres' own; choose another project name")]
    Reserved {
        /// The name given.
        name: String,
    },
}

impl ProjectName {
    /// Parses a name as a person or a client gave it; nothing is trimmed or lowered, so that a name has one spelling.
    pub fn parse(text: &str) -> Result<Self, ProjectNameError> {
        if text.is_empty() {
            return Err(ProjectNameError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(ProjectNameError::TooLong { bytes: text.len() });
        }
        if let Some(character) = text.chars().find(|&c| !is_allowed(c)) {
            return Err(ProjectNameError::Character { character });
        }
        if RESERVED.contains(&text) {
            return Err(ProjectNameError::Reserved { name: text.to_owned() });
        }
        Ok(Self(text.to_owned()))
    }

    /// Makes a valid name from any directory name: letters lowered, each run of anything else becomes one `_`.
    pub fn from_directory(directory_name: &str) -> Self {
        let mut name = String::with_capacity(MAX_BYTES);
        for character in directory_name.chars().map(|c| c.to_ascii_lowercase()) {
            if name.len() == MAX_BYTES {
                break;
            }
            if character != '_' && is_allowed(character) {
                name.push(character);
            } else if !name.is_empty() && !name.ends_with('_') {
                name.push('_');
            }
        }
        name.truncate(name.trim_end_matches('_').len());
        if name.is_empty() {
            name.push_str("project");
        } else if RESERVED.contains(&name.as_str()) {
            name.push_str("_project");
        }
        Self(name)
    }

    /// This name with `_<number>` behind it, shortened in front so that it stays valid.
    pub(crate) fn numbered(&self, number: u32) -> Self {
        let suffix = format!("_{number}");
        let kept = self.0.len().min(MAX_BYTES - suffix.len());
        Self(format!("{}{suffix}", &self.0[..kept]))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The database of the project with this name and id. It keeps the name it was created with when the project is renamed.
pub(crate) fn database_name(name: &ProjectName, id: Uuid) -> String {
    let id = id.simple().to_string();
    format!("project_{}_{}", name.as_str(), &id[..8])
}

fn is_allowed(character: char) -> bool {
    matches!(character, 'a'..='z' | '0'..='9' | '_')
}

impl fmt::Display for ProjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for ProjectName {
    type Err = ProjectNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for ProjectName {
    type Error = ProjectNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<ProjectName> for String {
    fn from(name: ProjectName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_of_the_allowed_characters_are_kept_as_they_are() {
        for text in ["a", "0", "_", "my_app2", &"x".repeat(40)] {
            assert_eq!(ProjectName::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn errors_say_what_is_allowed() {
        let error = ProjectName::parse("My App").unwrap_err();
        assert_eq!(error, ProjectNameError::Character { character: 'M' });
        assert!(error.to_string().contains("a-z, 0-9 and _"));
        assert_eq!(
            ProjectName::parse(&"x".repeat(41)).unwrap_err(),
            ProjectNameError::TooLong { bytes: 41 }
        );
    }

    #[test]
    fn any_directory_name_becomes_a_valid_project_name() {
        let cases = [
            ("api", "api"),
            ("My App (2)", "my_app_2"),
            ("--weird--", "weird"),
            ("Überraschung", "berraschung"),
            ("日本語", "project"),
            ("", "project"),
            ("..", "project"),
            ("postgres", "postgres_project"),
            ("a\0b\n'; drop", "a_b_drop"),
        ];
        for (directory, expected) in cases {
            assert_eq!(ProjectName::from_directory(directory).as_str(), expected);
        }
        let long = ProjectName::from_directory(&"ab-".repeat(40));
        assert_eq!(ProjectName::parse(long.as_str()).unwrap(), long);
    }

    #[test]
    fn a_numbered_name_stays_valid_and_ends_with_its_number() {
        let long = ProjectName::parse(&"x".repeat(40)).unwrap();
        let numbered = long.numbered(1234);
        assert_eq!(numbered.as_str().len(), 40);
        assert!(numbered.as_str().ends_with("x_1234"));
        assert!(ProjectName::parse(numbered.as_str()).is_ok());
    }

    #[test]
    fn database_names_of_long_project_names_differ_within_63_bytes() {
        let name = ProjectName::parse(&"x".repeat(40)).unwrap();
        let first = database_name(&name, Uuid::new_v4());
        let second = database_name(&name, Uuid::new_v4());
        assert!(first.len() <= 63);
        assert_ne!(first, second);
    }
}
