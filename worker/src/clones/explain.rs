//! What git's complaints mean for the person who reads them: whether trying again helps, and what to do otherwise.
//! Never passes on a secret that git or a server repeats.

use super::CloneError;

/// Lines of git's own words that go into an error.
const MOST_LINES: usize = 3;

/// A sentence, not a page.
const MOST_CHARACTERS: usize = 400;

/// What git says, and what is to be done about it. The first that fits counts.
const REFUSALS: [(&[&str], &str); 7] = [
    (
        &[
            "could not read Username",
            "could not read Password",
            "unable to get password",
            "Authentication failed",
            "returned error: 401",
            "returned error: 403",
        ],
        "the server wants credentials that git does not have: let git's credential helper of the user that runs the \
         worker keep them",
    ),
    (
        &["Permission denied (publickey", "Host key verification failed"],
        "ssh cannot log in: the user that runs the worker needs a key that the server knows (an agent, or ~/.ssh), and \
         the server's key in ~/.ssh/known_hosts",
    ),
    (
        &[
            "returned error: 301",
            "returned error: 302",
            "returned error: 307",
            "returned error: 308",
        ],
        "the server redirects, which is not followed: give the URL that it leads to (often the same with .git)",
    ),
    (
        &["' not allowed"],
        "the protocol is not allowed: git.allowed_protocols (QUARRY_GIT_ALLOWED_PROTOCOLS) decides",
    ),
    (&["invalid path"], "the commit has a path that git writes to no disk"),
    (
        &["does not support shallow"],
        "the server cannot cut history off: set git.depth to 0 (QUARRY_GIT_DEPTH=0)",
    ),
    (
        &[
            "not found",
            "does not exist",
            "does not appear to be a git repository",
            "returned error: 404",
            "access denied or repository not exported",
            "dubious ownership",
            "no such repository",
        ],
        "there is no repository at this URL, or not for this user",
    ),
];

/// Said of a commit that was asked for by name.
const GONE: [&str; 5] = [
    "not our ref",
    "unadvertised object",
    "couldn't find remote ref",
    "no such ref was fetched",
    "Server does not allow request",
];

/// The error behind what git wrote on standard error.
pub(super) fn explain(complaint: &str) -> CloneError {
    let words = shown(complaint);
    if GONE.iter().any(|phrase| complaint.contains(phrase)) {
        return CloneError::CommitGone(words);
    }
    for (phrases, advice) in REFUSALS {
        if phrases.iter().any(|phrase| complaint.contains(phrase)) {
            return CloneError::Refused(format!("{advice} (git: {words})"));
        }
    }
    CloneError::Failed(format!("git failed: {words}"))
}

/// The last lines, without control characters and without what stands before an `@`.
fn shown(complaint: &str) -> String {
    let mut lines: Vec<&str> = complaint
        .split(['\n', '\r'])
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let first = lines.len().saturating_sub(MOST_LINES);
    let masked: Vec<String> = lines.drain(first..).map(without_secrets).collect();
    let plain = masked
        .join("; ")
        .chars()
        .filter(|character| !character.is_control())
        .collect::<String>();
    plain.chars().take(MOST_CHARACTERS).collect()
}

/// The user's own configuration may rewrite URLs into ones with credentials, and servers repeat what they were asked.
fn without_secrets(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        shown.push_str(before);
        let end = after
            .find(|c: char| c == '/' || c.is_whitespace() || c == '\'')
            .unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => shown.push_str(&format!("***@{host}")),
            None => shown.push_str(authority),
        }
        rest = tail;
    }
    shown.push_str(rest);
    match shown.split_once('?') {
        Some((before, _)) => format!("{before}?***"),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_say_what_to_do() {
        let cases = [
            (
                "fatal: could not read Username for 'https://h': terminal prompts disabled",
                "credential helper",
            ),
            (
                "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.",
                "known_hosts",
            ),
            (
                "fatal: unable to access 'https://h/r/': The requested URL returned error: 301",
                "redirects",
            ),
            ("fatal: transport 'ext' not allowed", "git.allowed_protocols"),
            (
                "fatal: dumb http transport does not support shallow capabilities",
                "QUARRY_GIT_DEPTH=0",
            ),
            (
                "remote: Repository not found.\nfatal: repository 'https://h/r/' not found",
                "no repository",
            ),
        ];
        for (complaint, advice) in cases {
            let error = explain(complaint);
            assert!(
                matches!(&error, CloneError::Refused(text) if text.contains(advice)),
                "{error}"
            );
        }
        assert!(matches!(
            explain("fatal: remote error: upload-pack: not our ref 0123"),
            CloneError::CommitGone(_)
        ));
        assert!(matches!(
            explain("fatal: Could not resolve host: h"),
            CloneError::Failed(_)
        ));
    }

    #[test]
    fn secrets_and_escape_sequences_are_not_passed_on() {
        let error =
            explain("fatal: unable to access 'https://user:hunter2@h/r?token=hunter2': \u{1b}[31mbroken").to_string();
        assert!(!error.contains("hunter2") && !error.contains('\u{1b}'), "{error}");
        assert!(error.contains("https://***@h/r"), "{error}");
    }
}
