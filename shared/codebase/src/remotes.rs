//! Repositories that are named by a git URL: what to fetch, and which commit the lanes of the repository read.
//! Hands the target commit from the sync that chose it to the lanes of every machine. Never runs git.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::CodebaseError;
use crate::fences::Fence;
use crate::repositories::{Repository, find_repository_at, lock_for_status};

/// Where the files of a repository come from that is no directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// The URL that git is given. The canonical form, by which the repository is known, is its root.
    pub fetch_url: String,
    /// The branch that is followed; none: the server's default.
    pub branch: Option<String>,
    /// The commit that the lanes read; none before the first fetch.
    pub target_commit: Option<String>,
    /// When the server was last asked with success.
    pub fetched_at: Option<DateTime<Utc>>,
}

/// Which branch a request wants followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowedBranch<'a> {
    /// The one that is followed already; for a new repository the server's default.
    AsItIs,
    /// Whichever the server calls its default.
    Default,
    /// This one.
    Named(&'a str),
}

/// Finds the repository with the canonical URL `root` or adds it, with the status pending. `host` is the name under which
/// repositories by URL are registered.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn ensure_remote_repository(
    pool: &PgPool,
    host: &str,
    root: &str,
    name: &str,
    fetch_url: &str,
    branch: FollowedBranch<'_>,
) -> Result<Repository, CodebaseError> {
    let (keep, branch) = match branch {
        FollowedBranch::AsItIs => (true, None),
        FollowedBranch::Default => (false, None),
        FollowedBranch::Named(name) => (false, Some(name)),
    };
    sqlx::query!(
        "insert into codebase.repositories as known (host, repo_path, name, fetch_url, followed_branch)
         values ($1, $2, $3, $4, $5)
         on conflict (host, repo_path) do update
         set fetch_url = excluded.fetch_url,
             followed_branch = case when $6 then known.followed_branch else excluded.followed_branch end
         where known.fetch_url is distinct from excluded.fetch_url
         or (not $6 and known.followed_branch is distinct from excluded.followed_branch)",
        host,
        root,
        name,
        fetch_url,
        branch,
        keep
    )
    .execute(pool)
    .await?;
    let found = find_repository_at(pool, host, root).await?;
    found.ok_or_else(|| CodebaseError::NotFound {
        what: "repository",
        name: root.to_owned(),
    })
}

/// Notes the commit that every lane of the repository reads from now on. Whether it is another one than before.
///
/// # Errors
/// [`CodebaseError::FenceLost`] or [`CodebaseError::NotFound`]: stop the work.
pub async fn record_target(pool: &PgPool, fence: &Fence, id: Uuid, commit: &str) -> Result<bool, CodebaseError> {
    let mut transaction = lock_for_status(pool, fence, id).await?;
    let before = sqlx::query_scalar!("select target_commit from codebase.repositories where id = $1", id)
        .fetch_one(&mut *transaction)
        .await?;
    sqlx::query!(
        "update codebase.repositories set target_commit = $2, fetched_at = clock_timestamp() where id = $1",
        id,
        commit
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(before.as_deref() != Some(commit))
}

/// The commit that the lanes of the repository read at this moment.
///
/// # Errors
/// [`CodebaseError::NotFound`] when the repository was removed.
pub async fn target_commit(pool: &PgPool, id: Uuid) -> Result<Option<String>, CodebaseError> {
    sqlx::query_scalar!("select target_commit from codebase.repositories where id = $1", id)
        .fetch_optional(pool)
        .await?
        .ok_or_else(|| CodebaseError::no_repository(id))
}
