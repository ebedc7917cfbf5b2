#![allow(clippy::unwrap_used)] // tests

use super::*;

fn canonical(text: &str) -> String {
    GitUrl::parse(text)
        .unwrap_or_else(|error| panic!("{text:?}: {error}"))
        .canonical()
        .to_owned()
}

#[test]
fn spellings_of_one_repository_are_one_repository() {
    let cases = [
        ("https://github.com/team/repo", "https://github.com/team/repo"),
        ("https://GitHub.com/team/repo.git", "https://github.com/team/repo"),
        ("HTTPS://github.com:443/team//repo.git/", "https://github.com/team/repo"),
        ("https://host:8443/a/b", "https://host:8443/a/b"),
        (
            "git@Host.example.org:team/repo.git",
            "ssh://git@host.example.org/team/repo",
        ),
        (
            "ssh://git@host.example.org:22/team/repo/",
            "ssh://git@host.example.org/team/repo",
        ),
        ("host:/srv/git/repo.git", "ssh://host/srv/git/repo"),
        ("ssh://git@[::1]:2222/r", "ssh://git@[::1]:2222/r"),
        ("file:///srv/git/repo.git", "file:///srv/git/repo"),
        ("https://host/Team/Repo", "https://host/Team/Repo"),
        ("https://host/a%20b", "https://host/a%20b"),
        ("https://host/.git", "https://host/.git"),
    ];
    for (text, expected) in cases {
        assert_eq!(canonical(text), expected, "{text}");
        assert_eq!(canonical(expected), expected, "{expected} is canonical already");
    }
}

#[test]
fn git_is_given_what_was_typed_and_people_are_shown_a_name() {
    let url = GitUrl::parse("git@host:team/My-Repo.git").unwrap();
    assert_eq!(
        (url.given(), url.name(), url.host()),
        ("git@host:team/My-Repo.git", "My-Repo", "host")
    );
    assert_eq!(url.protocol(), GitProtocol::Ssh);
}

#[test]
fn hostile_urls_are_refused() {
    use GitUrlError::{Credentials, Host, NotAUrl, Path, QueryOrFragment, TooLong, UnknownProtocol};
    let long = format!("https://host/{}", "a".repeat(MAX_BYTES));
    let cases = [
        ("", NotAUrl),
        ("repo", NotAUrl),
        ("--upload-pack=touch /tmp/x", NotAUrl),
        ("-oProxyCommand=touch:x", NotAUrl),
        ("ext::sh -c touch% /tmp/x", NotAUrl),
        ("ext::sh", UnknownProtocol),
        ("fd::17", UnknownProtocol),
        ("ext://sh/x", UnknownProtocol),
        ("ftp://host/repo", UnknownProtocol),
        ("javascript://host/x", UnknownProtocol),
        ("-https://host/repo", NotAUrl),
        ("https:/host/repo", NotAUrl),
        ("https://", Path),
        ("https://host", Path),
        ("https://host/", Path),
        ("https:///repo", Host),
        ("https://user:secret@host/repo", Credentials),
        ("https://ghp_token@host/repo", Credentials),
        ("https://@host/repo", Credentials),
        ("ssh://git:secret@host/repo", Credentials),
        ("ssh://-oProxyCommand=x@host/repo", Credentials),
        ("git:secret@host:repo", Credentials),
        ("https://host/repo?private_token=abc", QueryOrFragment),
        ("https://host/repo#main", QueryOrFragment),
        ("ssh://-oProxyCommand=touch/repo", Host),
        ("-host:repo", NotAUrl),
        ("ssh://git@-oProxyCommand=x/repo", Host),
        ("https://host.:443/repo", Host),
        ("https://ho st/repo", NotAUrl),
        ("https://host:port/repo", Host),
        ("https://host:99999/repo", Host),
        ("https://host:+80/repo", Host),
        ("https://[::1/repo", Host),
        ("https://[evil]/repo", Host),
        ("https://h%6fst/repo", Host),
        ("https://host\\@evil/repo", Credentials),
        ("https://host/a/../b", Path),
        ("https://host/%2e%2e/b", Path),
        ("https://host/a/%2e%2e%2fb", Path),
        ("https://host/a%0ab", Path),
        ("https://host/a%00b", Path),
        ("https://host/a\\b", Path),
        ("host:-oProxyCommand=x", Path),
        ("https://host/--upload-pack=x", Path),
        ("https://host/re\npo", NotAUrl),
        ("https://host/re\u{1b}[31mpo", NotAUrl),
        ("https://hóst/repo", NotAUrl),
        ("file://host/repo", Host),
        ("file://", Path),
        (long.as_str(), TooLong),
    ];
    for (text, expected) in cases {
        let refused = GitUrl::parse(text).map(|url| url.canonical);
        assert_eq!(refused, Err(expected), "{text:?}");
    }
}

#[test]
fn a_refusal_does_not_repeat_the_secret() {
    let error = GitUrl::parse("https://user:hunter2@host/repo").unwrap_err().to_string();
    assert!(!error.contains("hunter2") && error.contains("credential"), "{error}");
}

#[test]
fn directories_are_not_taken_for_urls() {
    for text in [
        "https://host/repo",
        "git@host:repo",
        "host:repo",
        "ext::sh",
        "file:///srv/repo",
    ] {
        assert!(GitUrl::is_meant_by(text), "{text}");
    }
    for text in [".", "/srv/a:b", "./a:b", "src/repo", "~/x"] {
        assert!(!GitUrl::is_meant_by(text), "{text}");
    }
}

#[test]
fn names_of_branches_are_those_that_git_takes() {
    for name in ["main", "feature/a-b", "release-1.2", "HEAD", "ünïcode", "a@b"] {
        assert!(is_branch_name(name), "{name}");
    }
    for name in [
        "",
        "-b",
        "--upload-pack=x",
        "a..b",
        "a b",
        "a:b",
        "a^",
        "a~1",
        ".a",
        "a/.b",
        "a.lock",
        "a/",
        "/a",
        "a//b",
        "@",
        "a@{1}",
        "a\nb",
        "a*",
        "a\\b",
        "a.",
    ] {
        assert!(!is_branch_name(name), "{name:?}");
    }
}
