//! Asks git which commit a working tree is at. Only informs answers about freshness; nothing depends on it, so a tree
//! without git, or a machine without git, simply has no commit.

use std::path::Path;
use std::time::Duration;

use quarry_codebase::GitState;
use tokio::process::Command;

/// `git status` walks the tree; a huge one may take longer than anyone wants to wait for a label.
const GIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the state of the tree at `root`; none where there is no commit or no git.
pub(crate) async fn git_state(root: &Path) -> Option<GitState> {
    let commit = git(root, &["rev-parse", "--verify", "--quiet", "HEAD"]).await?;
    let (branch, status) = tokio::join!(
        git(root, &["symbolic-ref", "--short", "--quiet", "HEAD"]),
        git(root, &["status", "--porcelain", "--untracked-files=no", "--no-renames"]),
    );
    Some(GitState {
        commit: Some(commit),
        branch,
        dirty: status.map(|lines| !lines.is_empty()),
    })
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
