//! Asks git which commit a working tree is at. Only informs answers about freshness; nothing depends on it, so a tree
//! without git, or a machine without git, simply has no commit.

use std::path::Path;
use std::time::Duration;

use quarry_codebase::GitState;
use tokio::process::Command;

/// `git status` walks the tree; a huge one may take longer than anyone wants to wait for a label.
const GIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the state of the tree at `root`, a repository, a worktree of one or a directory in one; none where there is no git.
pub(crate) async fn git_state(root: &Path) -> Option<GitState> {
    let status = [
        "status",
        "--porcelain=v2",
        "--branch",
        "--untracked-files=no",
        "--no-renames",
        "--",
        ".",
    ];
    if let Some(lines) = git(root, &status).await {
        return Some(parse_status(&lines));
    }
    let commit = git(root, &["rev-parse", "--verify", "--quiet", "HEAD"]).await?;
    Some(GitState {
        commit: Some(commit),
        branch: git(root, &["symbolic-ref", "--short", "--quiet", "HEAD"]).await,
        dirty: None,
    })
}

fn parse_status(lines: &str) -> GitState {
    let mut state = GitState {
        dirty: Some(false),
        ..GitState::default()
    };
    for line in lines.lines() {
        if let Some(commit) = line.strip_prefix("# branch.oid ") {
            state.commit = (commit != "(initial)").then(|| commit.to_owned());
        } else if let Some(branch) = line.strip_prefix("# branch.head ") {
            state.branch = (branch != "(detached)").then(|| branch.to_owned());
        } else if !line.starts_with('#') {
            state.dirty = Some(true);
        }
    }
    state
}

async fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    // A repository's own configuration can name a program for fsmonitor: asking for a label must not run it.
    let run = Command::new("git")
        .args(["-c", "core.fsmonitor=false", "-C"])
        .arg(root)
        .args(arguments)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(GIT_TIMEOUT, run).await.ok()?.ok()?;
    if !output.status.success() {
        return None;
    }
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(commit: Option<&str>, branch: Option<&str>, dirty: bool) -> GitState {
        GitState {
            commit: commit.map(str::to_owned),
            branch: branch.map(str::to_owned),
            dirty: Some(dirty),
        }
    }

    #[test]
    fn every_state_of_a_tree_is_understood() {
        for (lines, expected) in [
            (
                "# branch.oid c0ffee\n# branch.head main\n# branch.upstream origin/main\n# branch.ab +0 -1",
                state(Some("c0ffee"), Some("main"), false),
            ),
            (
                "# branch.oid c0ffee\n# branch.head (detached)\n1 .M N... 100644 100644 100644 1 2 a.rs",
                state(Some("c0ffee"), None, true),
            ),
            (
                "# branch.oid (initial)\n# branch.head trunk",
                state(None, Some("trunk"), false),
            ),
        ] {
            assert_eq!(parse_status(lines), expected, "{lines}");
        }
    }
}
