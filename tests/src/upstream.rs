//! A git repository as a server has it: a test commits to it, rewrites it and hands out its URL.
//! Never reads the configuration of the person who runs the tests.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::tree::Tree;

/// A repository with a working tree.
pub struct Upstream {
    tree: Tree,
}

impl Upstream {
    /// A repository called `name`, with nothing in it, on the branch main.
    #[must_use]
    pub fn new(name: &str) -> Upstream {
        let upstream = Upstream { tree: Tree::new(name) };
        upstream.git(["init", "--quiet", "--initial-branch=main"]);
        upstream
    }

    /// Its working tree: what is written here is in the next commit.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Its URL on this machine's disk.
    #[must_use]
    pub fn file_url(&self) -> String {
        format!("file://{}", self.tree.argument())
    }

    /// Commits everything that lies in the working tree and returns the commit.
    pub fn commit(&self, message: &str) -> String {
        self.git(["add", "--all", "--force"]);
        self.git(["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(["rev-parse", "HEAD"])
    }

    /// Forgets every commit that no branch leads to, as a server does some time after a force push.
    pub fn forget_unreachable(&self) {
        self.git(["reflog", "expire", "--expire=now", "--all"]);
        self.git(["gc", "--quiet", "--prune=now"]);
    }

    /// Runs git here and returns what it said.
    ///
    /// # Panics
    /// When git refuses, or is not installed.
    pub fn git<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> String {
        let arguments: Vec<&str> = arguments.into_iter().collect();
        let output = isolated_git(self.tree.root()).args(&arguments).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {complaint}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// Git without anybody's configuration.
pub(crate) fn isolated_git(directory: &Path) -> Command {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
        command.env_remove(name);
    }
    command
        .current_dir(directory)
        .env("HOME", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "Test")
        .env("GIT_AUTHOR_EMAIL", "test@example.org")
        .env("GIT_COMMITTER_NAME", "Test")
        .env("GIT_COMMITTER_EMAIL", "test@example.org")
        .stdin(Stdio::null());
    command
}
