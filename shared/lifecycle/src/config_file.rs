//! Reads one `quarry.toml` into (dotted name, value, line). Hands them to load.rs, which knows the settings.
//! Never follows a link in a repository and never reads more than a configuration could be: the file may be hostile.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::error::ConfigError;

/// Every setting at its longest fits many times.
const MAX_BYTES: u64 = 64 * 1024;

/// One line of a file.
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) given: Given,
    /// Line from 1.
    pub(crate) line: usize,
}

/// A value as the file's syntax tells it.
pub(crate) enum Given {
    Text(String),
    /// Decimal digits, with a sign if there was one.
    Integer(String),
    /// A TOML type that no setting takes, by its name.
    Other(&'static str),
}

/// Whose file it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The user's own: may be a link.
    Own,
    /// A repository's: must be a regular file, so that reading neither blocks on a pipe nor leaves the repository.
    Foreign,
}

/// The assignments in the file in their order, or nothing when there is no such file.
pub(crate) fn read(path: &Path, trust: Trust) -> Result<Option<Vec<Assignment>>, ConfigError> {
    match read_text(path, trust) {
        Ok(text) => parse(path, &text).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        }),
    }
}

fn read_text(path: &Path, trust: Trust) -> io::Result<String> {
    let metadata = if trust == Trust::Foreign {
        fs::symlink_metadata(path)?
    } else {
        fs::metadata(path)?
    };
    if !metadata.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("longer than {MAX_BYTES} bytes"),
        ));
    }
    Ok(text)
}

fn parse(path: &Path, text: &str) -> Result<Vec<Assignment>, ConfigError> {
    let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        // Only the parser's own words: its full display repeats the line, which may hold a secret.
        message: error.message().to_owned(),
    })?;
    let mut assignments = Vec::new();
    flatten(text, "", table.get_ref(), &mut assignments);
    assignments.sort_by_key(|assignment| assignment.line);
    Ok(assignments)
}

fn flatten(text: &str, prefix: &str, table: &DeTable<'_>, assignments: &mut Vec<Assignment>) {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        let given = match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() => {
                flatten(text, &format!("{name}."), inner, assignments);
                continue;
            }
            DeValue::String(value) => Given::Text(value.to_string()),
            DeValue::Integer(value) => match i128::from_str_radix(value.as_str(), value.radix()) {
                Ok(number) => Given::Integer(number.to_string()),
                Err(_) => Given::Other("integer out of range"),
            },
            other => Given::Other(other.type_str()),
        };
        assignments.push(Assignment {
            name,
            given,
            line: line_of(text, key.span().start),
        });
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let offset = offset.min(text.len());
    1 + text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tables_become_dotted_names_with_their_lines() {
        let text = "project = \"a\"\n\n[index]\nmax_file_bytes = 1_000\n[embedding]\nurl = \"x\"\n";
        let found: Vec<_> = parse(Path::new("f"), text)
            .unwrap()
            .into_iter()
            .map(|a| (a.name, a.line))
            .collect();
        let expected = [("project", 1), ("index.max_file_bytes", 4), ("embedding.url", 6)];
        assert_eq!(found, expected.map(|(name, line)| (name.to_owned(), line)));
    }

    #[test]
    fn a_syntax_error_names_its_line_and_not_its_text() {
        let error = parse(Path::new("f.toml"), "project = \"a\"\nsecret = swordfish\n")
            .err()
            .unwrap();
        let message = error.to_string();
        assert!(message.starts_with("f.toml:2: "), "{message}");
        assert!(!message.contains("swordfish"), "{message}");
    }

    #[test]
    fn a_repository_file_that_is_a_link_or_huge_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link.toml");
        std::os::unix::fs::symlink("/etc/hostname", &link).unwrap();
        assert!(matches!(
            read(&link, Trust::Foreign),
            Err(ConfigError::Unreadable { .. })
        ));
        let huge = directory.path().join("huge.toml");
        fs::write(&huge, "#".repeat(70_000)).unwrap();
        assert!(matches!(
            read(&huge, Trust::Foreign),
            Err(ConfigError::Unreadable { .. })
        ));
        assert!(
            read(&directory.path().join("none.toml"), Trust::Foreign)
                .unwrap()
                .is_none()
        );
    }
}
