//! A repository's git URL: what of the many spellings is one, and the canonical form under which it is known.
//! Refuses what could be read as an option, a command or a secret, so that whoever holds a [`GitUrl`] can hand it to git.
//! Never asks whether it may be cloned: see git_policy.rs. Never contacts anybody.

use std::fmt;
use std::path::Path;

/// Longer than any that a server gives out, and short enough for a line of a log.
const MAX_BYTES: usize = 1_024;

/// What git is told to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitProtocol {
    /// Encrypted; the server proves its name.
    Https,
    /// Encrypted; the server proves its key.
    Ssh,
    /// Neither.
    Http,
    /// Neither: git's own.
    Git,
    /// A repository on this machine's disk.
    File,
}

/// A URL that git can be given as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitUrl {
    protocol: GitProtocol,
    host: String,
    canonical: String,
    given: String,
    name: String,
}

/// Why a text is no URL to clone from. The text itself is never repeated: it may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GitUrlError {
    /// Give a complete URL.
    #[error("this is no git URL: write https://host/team/repository.git or git@host:team/repository.git")]
    NotAUrl,
    /// Use another protocol.
    #[error("git URLs start with https:// or ssh:// (or http://, git:// and file:// where the settings allow them)")]
    UnknownProtocol,
    /// Take the secret out of the URL, and change it: it may stand in a history by now.
    #[error(
        "the URL holds a user name or password: leave them out and let git's credential helper keep them \
         (`git credential approve`, or see `git help credentials`)"
    )]
    Credentials,
    /// Leave out what follows the path.
    #[error(
        "the URL has a query or a fragment: give the plain URL of the repository; credentials belong to git's helper"
    )]
    QueryOrFragment,
    /// Correct the host.
    #[error("the host of the URL is not valid: use letters, digits, dots and dashes (punycode for other letters)")]
    Host,
    /// Correct the path.
    #[error("the path of the URL is not valid: name a repository, without .., spaces, backslashes or a leading dash")]
    Path,
    /// Shorten it.
    #[error("the URL is longer than {MAX_BYTES} bytes")]
    TooLong,
}

impl GitProtocol {
    /// As it is written in URLs and in `git.allowed_protocols`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            GitProtocol::Https => "https",
            GitProtocol::Ssh => "ssh",
            GitProtocol::Http => "http",
            GitProtocol::Git => "git",
            GitProtocol::File => "file",
        }
    }

    fn default_port(self) -> Option<u16> {
        match self {
            GitProtocol::Https => Some(443),
            GitProtocol::Ssh => Some(22),
            GitProtocol::Http => Some(80),
            GitProtocol::Git => Some(9418),
            GitProtocol::File => None,
        }
    }
}

impl GitUrl {
    /// Whether a text given as a repository means a URL and not a directory. A directory that exists wins over the form
    /// `host:path`; anything with `://` or `::` is a URL, if perhaps not one that is taken.
    #[must_use]
    pub fn is_meant_by(text: &str) -> bool {
        if text.contains("://") {
            return true;
        }
        let before_slash = text.split('/').next().unwrap_or_default();
        before_slash.contains(':') && !Path::new(text).exists()
    }

    /// Parses a URL, or the form `user@host:path`, as somebody typed it.
    ///
    /// # Errors
    /// [`GitUrlError`] says what to write instead.
    pub fn parse(text: &str) -> Result<GitUrl, GitUrlError> {
        if text.len() > MAX_BYTES {
            return Err(GitUrlError::TooLong);
        }
        if text.starts_with('-') || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(GitUrlError::NotAUrl);
        }
        let (protocol, authority, path) = split(text)?;
        let (user, host_and_port) = match authority.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, authority),
        };
        check_user(protocol, user)?;
        if text.contains(['?', '#']) {
            return Err(GitUrlError::QueryOrFragment);
        }
        let (host, port) = host_and_port_of(protocol, host_and_port)?;
        let path = plain_path(path)?;
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let port = port
            .filter(|port| Some(*port) != protocol.default_port())
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        Ok(GitUrl {
            canonical: format!("{}://{user}{host}{port}/{path}", protocol.as_str()),
            protocol,
            host,
            given: text.to_owned(),
            name,
        })
    }

    /// The form under which the repository is known: lower-case host, no default port, no `.git`, no slash at the end.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// What git is given: as it was typed, because some servers need the `.git` that others do without.
    #[must_use]
    pub fn given(&self) -> &str {
        &self.given
    }

    /// What is spoken.
    #[must_use]
    pub fn protocol(&self) -> GitProtocol {
        self.protocol
    }

    /// The server in lower case; empty for a repository on the disk. An IPv6 address keeps its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The last part of the path, without `.git`: what people call the repository.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for GitUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.canonical)
    }
}

/// Whether git takes this for the name of a branch, as `git check-ref-format --branch` does, and it cannot be read as anything
/// else in a command.
#[must_use]
pub fn is_branch_name(name: &str) -> bool {
    let is_plain_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    name.len() <= 200
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && name != "@"
        && !name
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c))
        && name.split('/').all(is_plain_part)
}

/// Protocol, authority and path. `git@host:team/x` is short for `ssh://git@host/team/x`.
fn split(text: &str) -> Result<(GitProtocol, &str, &str), GitUrlError> {
    if let Some((scheme, rest)) = text.split_once("://") {
        let protocol = match scheme.to_ascii_lowercase().as_str() {
            "https" => GitProtocol::Https,
            "ssh" => GitProtocol::Ssh,
            "http" => GitProtocol::Http,
            "git" => GitProtocol::Git,
            "file" => GitProtocol::File,
            _ => return Err(GitUrlError::UnknownProtocol),
        };
        let (authority, path) = rest.split_once('/').ok_or(GitUrlError::Path)?;
        return Ok((protocol, authority, path));
    }
    // `ext::command` and its like make git run a helper.
    if text.contains("::") {
        return Err(GitUrlError::UnknownProtocol);
    }
    let (authority, path) = text.split_once(':').ok_or(GitUrlError::NotAUrl)?;
    // `https:/host/x` is a slip of the finger, not a machine called https.
    let is_slip = path.starts_with('/') && matches!(authority, "https" | "http" | "ssh" | "git" | "file");
    if authority.contains('/') || is_slip {
        return Err(GitUrlError::NotAUrl);
    }
    // `user:secret@host:path`: git would ask a machine called user, and the secret would be its path.
    if path.contains('@') {
        return Err(GitUrlError::Credentials);
    }
    Ok((GitProtocol::Ssh, authority, path.strip_prefix('/').unwrap_or(path)))
}

/// Over ssh a user name says who asks and is no secret; in other URLs it is where people put tokens.
fn check_user(protocol: GitProtocol, user: Option<&str>) -> Result<(), GitUrlError> {
    let Some(user) = user else { return Ok(()) };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_name = !user.is_empty() && user.len() <= 64 && !user.starts_with('-') && user.bytes().all(plain);
    if protocol == GitProtocol::Ssh && is_name {
        Ok(())
    } else {
        Err(GitUrlError::Credentials)
    }
}

fn host_and_port_of(protocol: GitProtocol, text: &str) -> Result<(String, Option<u16>), GitUrlError> {
    if protocol == GitProtocol::File {
        return if text.is_empty() {
            Ok((String::new(), None))
        } else {
            Err(GitUrlError::Host)
        };
    }
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            let address: std::net::Ipv6Addr = address.parse().map_err(|_| GitUrlError::Host)?;
            (
                format!("[{address}]"),
                rest.strip_prefix(':').or_else(|| rest.is_empty().then_some("")),
            )
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host.to_ascii_lowercase(), Some(port)),
            None => (text.to_ascii_lowercase(), Some("")),
        },
    };
    let port = match port.ok_or(GitUrlError::Host)? {
        "" => None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().map_err(|_| GitUrlError::Host)?)
        }
        _ => return Err(GitUrlError::Host),
    };
    // A dot at the end means the same host to a resolver, and another one to a list of names.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_name = !host.starts_with(['-', '.']) && !host.ends_with('.') && host.bytes().all(plain);
    if host.is_empty() || host.len() > 253 || !(is_name || host.starts_with('[')) {
        return Err(GitUrlError::Host);
    }
    Ok((host, port))
}

/// The path without the slashes and the `.git` that mean nothing.
fn plain_path(path: &str) -> Result<String, GitUrlError> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut path = parts.join("/");
    if let Some(stem) = path.strip_suffix(".git")
        && !stem.is_empty()
        && !stem.ends_with('/')
    {
        path.truncate(stem.len());
    }
    let decoded = percent_encoding::percent_decode_str(&path)
        .decode_utf8()
        .map_err(|_| GitUrlError::Path)?;
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.starts_with('-');
    let is_harmless = !decoded
        .chars()
        .any(|character| character.is_control() || character == '\\');
    if is_harmless && decoded.split('/').all(is_plain) {
        Ok(path)
    } else {
        Err(GitUrlError::Path)
    }
}

#[cfg(test)]
#[path = "git_url_tests.rs"]
mod tests;
