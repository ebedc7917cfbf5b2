//! What values a setting takes, and where a value came from. Text is parsed here once, at the edge; afterwards a number
//! is a number within its bounds and a URL has its scheme. Never decides which source wins: see load.rs.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};
use tracing_subscriber::EnvFilter;

use crate::host::GIT_HOST;

/// The values that a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory, made absolute against the current one.
    Directory,
    /// A `postgres://` or `postgresql://` URL.
    DatabaseUrl,
    /// An `http://` or `https://` URL with a host.
    HttpUrl,
    /// One line of text.
    Text {
        /// Its greatest length in bytes.
        max_bytes: usize,
    },
    /// What is put before other text, as it is: lines of text.
    Prefix {
        /// Its greatest length in bytes.
        max_bytes: usize,
    },
    /// Two words, separated by a comma; at most 100 bytes.
    TwoWords,
    /// One line of text, at most 200 bytes, that is not the host of repositories by URL.
    Machine,
    /// Such names, separated by commas; at most 2000 bytes.
    Machines,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Some of these words, separated by commas.
    Words(&'static [&'static str]),
    /// Names of hosts, `*.name` for all below a name, separated by commas; or `*` for all, or `none`.
    Hosts,
    /// A whole number, both bounds included.
    Number {
        /// Least value.
        min: u64,
        /// Greatest value.
        max: u64,
    },
    /// Directives of a log filter.
    Filter,
}

/// What holds when nobody sets a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// This value.
    Value(&'static str),
    /// No value; this is what happens then, in words.
    Unset(&'static str),
}

/// Where a value came from, strongest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Flag,
    /// This environment variable.
    Environment(&'static str),
    /// `quarry.toml` of the repository, with the line from 1.
    RepositoryFile(PathBuf, usize),
    /// The user's own file, with the line from 1.
    UserFile(PathBuf, usize),
    /// Nobody set it.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag => formatter.write_str("the command line"),
            Source::Environment(variable) => formatter.write_str(variable),
            Source::RepositoryFile(path, line) | Source::UserFile(path, line) => {
                write!(formatter, "{}:{line}", path.display())
            }
            Source::Default => formatter.write_str("default"),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A value that passed its kind.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => formatter.write_str(text),
            Value::Number(number) => write!(formatter, "{number}"),
        }
    }
}

impl Kind {
    /// The value that `text` stands for, or nothing when this kind does not take it.
    pub(crate) fn parse(self, text: &str) -> Option<Value> {
        let may_have_lines = matches!(self, Kind::Prefix { .. });
        let is_shown = |c: char| !c.is_control() || (may_have_lines && matches!(c, '\n' | '\t'));
        let valid = !text.is_empty()
            && text.chars().all(is_shown)
            && match self {
                Kind::Number { min, max } => {
                    // Digits only: u64's own parser also takes a leading plus sign.
                    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                    let number = text
                        .parse()
                        .ok()
                        .filter(|number| digits && (min..=max).contains(number));
                    return number.map(Value::Number);
                }
                Kind::Directory => {
                    return std::path::absolute(text)
                        .ok()?
                        .into_os_string()
                        .into_string()
                        .ok()
                        .map(Value::Text);
                }
                // The host may be empty: postgres:///db?host=/run/postgresql names a socket.
                Kind::DatabaseUrl => after_scheme(text, &["postgres://", "postgresql://"]).is_some(),
                Kind::HttpUrl => {
                    after_scheme(text, &["http://", "https://"]).is_some_and(|rest| !rest.starts_with('/'))
                }
                Kind::Text { max_bytes } | Kind::Prefix { max_bytes } => text.len() <= max_bytes,
                Kind::TwoWords => text.len() <= 100 && items(text).count() == 2 && items(text).all(is_word),
                Kind::Machine => text.len() <= 200 && text != GIT_HOST,
                Kind::Machines => text.len() <= 2000 && items(text).all(|name| name != GIT_HOST),
                Kind::Choice(words) => words.contains(&text),
                Kind::Words(words) => items(text).all(|item| words.contains(&item)),
                Kind::Hosts => matches!(text, "*" | "none") || items(text).all(is_host_pattern),
                Kind::Filter => EnvFilter::try_new(text).is_ok(),
            };
        valid.then(|| Value::Text(text.to_owned()))
    }

    /// The words after "must be" when a value is refused.
    pub(crate) fn expectation(self) -> String {
        match self {
            Kind::Directory => "a directory".to_owned(),
            Kind::DatabaseUrl => "a URL that starts with postgres://".to_owned(),
            Kind::HttpUrl => "a URL that starts with http:// or https://".to_owned(),
            Kind::Text { max_bytes } => format!("one line of text of at most {max_bytes} bytes"),
            Kind::Prefix { max_bytes } => format!("text of at most {max_bytes} bytes"),
            Kind::TwoWords => "two words, separated by a comma".to_owned(),
            Kind::Machine => {
                format!("one line of text of at most 200 bytes, and not {GIT_HOST}, which no machine is called")
            }
            Kind::Machines => {
                format!(
                    "names of at most 2000 bytes, separated by commas, and not {GIT_HOST}, which no machine is called"
                )
            }
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
            Kind::Words(words) => format!("some of {}, separated by commas", words.join(", ")),
            Kind::Hosts => "names of hosts or *.name, separated by commas, or *, or none".to_owned(),
            Kind::Number { min, max } => format!("a whole number from {min} to {max}"),
            Kind::Filter => "log directives such as info or info,quarry_queue=debug".to_owned(),
        }
    }
}

/// The parts of a list, without the spaces around them.
pub(crate) fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

/// Whether it is a word as settings take them: letters, digits, `_` and `-`, ASCII only.
#[must_use]
pub fn is_word(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.bytes().all(is_plain)
}

/// In lower case, so that a comparison is one of bytes.
fn is_host_pattern(item: &str) -> bool {
    let name = item.strip_prefix("*.").unwrap_or(item);
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b':' | b'[' | b']');
    !name.is_empty() && !name.starts_with(['-', '.']) && name != "none" && name.bytes().all(plain)
}

fn after_scheme<'a>(url: &'a str, schemes: &[&str]) -> Option<&'a str> {
    let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme))?;
    (!rest.is_empty() && !rest.contains(char::is_whitespace)).then_some(rest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_number_stays_within_its_bounds() {
        let kind = Kind::Number { min: 1, max: 64 };
        assert!(matches!(kind.parse("64"), Some(Value::Number(64))));
        for refused in ["0", "65", "-1", "+1", "1.5", " 2", "two", "", "18446744073709551616"] {
            assert!(kind.parse(refused).is_none(), "{refused:?} was taken");
        }
    }

    #[test]
    fn a_url_needs_its_scheme_and_a_host() {
        for refused in [
            "localhost:5432",
            "mysql://a",
            "postgres://",
            "postgres://a b",
            "postgres://a\n",
        ] {
            assert!(Kind::DatabaseUrl.parse(refused).is_none(), "{refused:?} was taken");
        }
        assert!(Kind::DatabaseUrl.parse("postgresql://host/db").is_some());
        assert!(Kind::DatabaseUrl.parse("postgres:///db?host=/run/postgresql").is_some());
        for refused in ["file:///etc/passwd", "http:///v1", "https://"] {
            assert!(Kind::HttpUrl.parse(refused).is_none(), "{refused:?} was taken");
        }
    }

    #[test]
    fn a_relative_directory_becomes_absolute() {
        let value = Kind::Directory.parse("here").unwrap().to_string();
        assert_eq!(PathBuf::from(value), std::env::current_dir().unwrap().join("here"));
    }

    #[test]
    fn no_machine_has_the_name_of_repositories_by_url() {
        assert!(Kind::Machine.parse("gitlab").is_some());
        assert!(Kind::Machine.parse("git").is_none());
        assert!(Kind::Machines.parse("nfs, big").is_some());
        assert!(Kind::Machines.parse("nfs, git").is_none());
    }

    #[test]
    fn a_list_of_hosts_is_checked_item_by_item() {
        for taken in [
            "*",
            "none",
            "github.com",
            "github.com, *.example.org",
            "[::1]",
            "10.0.0.7",
        ] {
            assert!(Kind::Hosts.parse(taken).is_some(), "{taken:?} was refused");
        }
        for refused in [
            "",
            ",",
            "a,",
            "*,a",
            "none,a",
            "GitHub.com",
            "https://a",
            "a/b",
            "*.",
            "-a",
            "a b",
        ] {
            assert!(Kind::Hosts.parse(refused).is_none(), "{refused:?} was taken");
        }
        let protocols = Kind::Words(&["https", "ssh"]);
        assert!(protocols.parse("ssh, https").is_some());
        assert!(protocols.parse("https,ext").is_none());
    }

    #[test]
    fn a_prefix_is_taken_as_it_is_with_blanks_and_lines() {
        let kind = Kind::Prefix { max_bytes: 20 };
        for taken in ["search_query: ", " ", "Find:\nQuery:\t", "「検索」"] {
            assert!(
                kind.parse(taken).is_some_and(|value| value.to_string() == taken),
                "{taken:?}"
            );
        }
        for refused in ["", "a\0", "\u{1b}[1m", "\r\n", "twenty-one characters"] {
            assert!(kind.parse(refused).is_none(), "{refused:?} was taken");
        }
    }

    #[test]
    fn two_words_are_two_words() {
        for taken in ["query,passage", "search_query, search_document", "a-1,b"] {
            assert!(Kind::TwoWords.parse(taken).is_some(), "{taken:?} was refused");
        }
        for refused in ["", "query", "query,", ",", "a,b,c", "a b,c", "\"a\",b"] {
            assert!(Kind::TwoWords.parse(refused).is_none(), "{refused:?} was taken");
        }
    }

    #[test]
    fn a_filter_that_cannot_be_understood_is_refused() {
        assert!(Kind::Filter.parse("info,quarry_queue=debug").is_some());
        assert!(Kind::Filter.parse("quarry_queue=loud").is_none());
    }
}
