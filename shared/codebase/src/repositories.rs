//! The repositories of a project: where each one lies, how far its index is and how the last attempt ended.
//! Hands statuses and counters to search answers, `quarry status` and the tools, which show them as they are.
//! Never touches files or chunks: see replace_files.rs and remove_repository.rs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::CodebaseError;
use crate::fences::{Fence, hold_fence};
use crate::remotes::Remote;

/// A source tree that is, or will be, indexed.
#[derive(Debug, Clone, PartialEq)]
pub struct Repository {
    /// Its identity in lanes, files and chunks.
    pub id: Uuid,
    /// The machine that can read it, or the name that stands for any machine with git.
    pub host: String,
    /// Its root directory on that machine, or its canonical git URL.
    pub root: String,
    /// What people call it: by default the last component of the root.
    pub name: String,
    /// How far its index is.
    pub status: IndexingStatus,
    /// When it last was completely indexed.
    pub last_indexed_at: Option<DateTime<Utc>>,
    /// Files in the index, as of the last settled attempt.
    pub total_files: i32,
    /// Chunks in the index, as of the last settled attempt.
    pub total_chunks: i32,
    /// How long the last settled attempt took.
    pub indexing_seconds: Option<f64>,
    /// Files the last walk left out, by reason.
    pub skipped_files: BTreeMap<String, u64>,
    /// What git said at the last walk.
    pub git: Option<GitState>,
    /// Where its files come from; none: from the directory at its root.
    pub remote: Option<Remote>,
    /// Why the last attempt failed. None after one that succeeded.
    pub last_error: Option<String>,
    /// When it was first named.
    pub created_at: DateTime<Utc>,
    /// When its row last changed.
    pub updated_at: DateTime<Utc>,
}

/// How far the index of a repository is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexingStatus {
    /// Nothing was ever indexed.
    Pending,
    /// Work runs or waits; what is searchable may be partial when there was no completion before.
    InProgress,
    /// The index held the whole tree when it was last compared.
    Completed,
    /// The last attempt failed; `last_error` says why. What was published before stays searchable.
    Failed,
}

/// The commit a tree stood on when it was walked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitState {
    /// Full hash; none before the first commit.
    pub commit: Option<String>,
    /// None when detached.
    pub branch: Option<String>,
    /// Whether files that git tracks differed from the commit. Untracked files do not count, as in `git describe --dirty`.
    pub dirty: Option<bool>,
}

/// Finds the repository at a location or adds it, with the status pending.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn ensure_repository(pool: &PgPool, host: &str, root: &str, name: &str) -> Result<Repository, CodebaseError> {
    sqlx::query!(
        "insert into codebase.repositories (host, repo_path, name)
         values ($1, $2, $3)
         on conflict (host, repo_path) do nothing",
        host,
        root,
        name
    )
    .execute(pool)
    .await?;
    let found = find_repository_at(pool, host, root).await?;
    found.ok_or_else(|| CodebaseError::NotFound {
        what: "repository",
        name: root.to_owned(),
    })
}

/// All repositories of the project, by name, then location.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn repositories(pool: &PgPool) -> Result<Vec<Repository>, CodebaseError> {
    let rows = sqlx::query_file_as!(
        RepositoryRow,
        "queries/repositories.sql",
        None::<Uuid>,
        None::<&str>,
        None::<&str>
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Repository::from).collect())
}

/// The repository with this id.
///
/// # Errors
/// [`CodebaseError::NotFound`] when it was removed.
pub async fn find_repository(pool: &PgPool, id: Uuid) -> Result<Repository, CodebaseError> {
    let row = sqlx::query_file_as!(
        RepositoryRow,
        "queries/repositories.sql",
        Some(id),
        None::<&str>,
        None::<&str>
    )
    .fetch_optional(pool)
    .await?;
    let row = row.ok_or_else(|| CodebaseError::no_repository(id))?;
    Ok(Repository::from(row))
}

/// The repository at a location, when the project has one there.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn find_repository_at(pool: &PgPool, host: &str, root: &str) -> Result<Option<Repository>, CodebaseError> {
    let row = sqlx::query_file_as!(
        RepositoryRow,
        "queries/repositories.sql",
        None::<Uuid>,
        Some(host),
        Some(root)
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(Repository::from))
}

/// Notes that work on the repository began.
///
/// # Errors
/// [`CodebaseError::FenceLost`] or [`CodebaseError::NotFound`]: stop the work.
pub async fn mark_in_progress(pool: &PgPool, fence: &Fence, id: Uuid) -> Result<(), CodebaseError> {
    let mut transaction = lock_for_status(pool, fence, id).await?;
    sqlx::query!(
        "update codebase.repositories set indexing_status = 'in_progress' where id = $1",
        id
    )
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.commit().await?)
}

/// Notes what a finished walk saw beside the files: those it left out, by reason, and the commit it stood on.
///
/// # Errors
/// [`CodebaseError::FenceLost`] or [`CodebaseError::NotFound`]: stop the work.
pub async fn record_walk(
    pool: &PgPool,
    fence: &Fence,
    id: Uuid,
    skipped_files: &BTreeMap<String, u64>,
    git: Option<&GitState>,
) -> Result<(), CodebaseError> {
    let mut transaction = lock_for_status(pool, fence, id).await?;
    sqlx::query!(
        "update codebase.repositories
         set skipped_files = $2, git_commit = $3, git_branch = $4, git_dirty = $5
         where id = $1",
        id,
        Json(skipped_files) as _,
        git.and_then(|git| git.commit.as_deref()),
        git.and_then(|git| git.branch.as_deref()),
        git.and_then(|git| git.dirty)
    )
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.commit().await?)
}

/// Notes that everything that was asked for is searchable, and counts what the index now holds.
///
/// # Errors
/// [`CodebaseError::FenceLost`] or [`CodebaseError::NotFound`]: somebody else will settle.
pub async fn mark_completed(pool: &PgPool, fence: &Fence, id: Uuid, duration: Duration) -> Result<(), CodebaseError> {
    let mut transaction = lock_for_status(pool, fence, id).await?;
    count(&mut transaction, id, duration).await?;
    sqlx::query!(
        "update codebase.repositories
         set indexing_status = 'completed', last_indexed_at = clock_timestamp(), last_error = null
         where id = $1",
        id
    )
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.commit().await?)
}

/// Notes why an attempt failed. The counters are those of what it left behind.
///
/// # Errors
/// [`CodebaseError::FenceLost`] or [`CodebaseError::NotFound`]: somebody else will settle.
pub async fn mark_failed(
    pool: &PgPool,
    fence: &Fence,
    id: Uuid,
    duration: Duration,
    error: &str,
) -> Result<(), CodebaseError> {
    let mut transaction = lock_for_status(pool, fence, id).await?;
    count(&mut transaction, id, duration).await?;
    sqlx::query!(
        "update codebase.repositories set indexing_status = 'failed', last_error = $2 where id = $1",
        id,
        error.replace('\0', " ")
    )
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.commit().await?)
}

/// Locks the row before anything is counted: a count that waited for the lock afterwards would store an old snapshot's
/// numbers over newer ones.
pub(crate) async fn lock_for_status(
    pool: &PgPool,
    fence: &Fence,
    id: Uuid,
) -> Result<sqlx::Transaction<'static, sqlx::Postgres>, CodebaseError> {
    let mut transaction = pool.begin().await?;
    hold_fence(&mut transaction, fence).await?;
    sqlx::query_scalar!(
        "select id from codebase.repositories where id = $1 for no key update",
        id
    )
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or_else(|| CodebaseError::no_repository(id))?;
    Ok(transaction)
}

/// Each file's row knows its chunks, written in the same transaction: adding them up is exact and ten times cheaper than
/// counting chunks after every save.
async fn count(connection: &mut PgConnection, id: Uuid, duration: Duration) -> Result<(), CodebaseError> {
    sqlx::query!(
        "update codebase.repositories
         set total_files = counted.files,
             total_chunks = counted.chunks,
             indexing_duration_seconds = least($2::float8, 99999999)::numeric(10, 2)
         from (
             select count(*)::integer as files, coalesce(sum(chunk_count), 0)::integer as chunks
             from codebase.files
             where repository_id = $1
         ) as counted
         where id = $1",
        id,
        duration.as_secs_f64()
    )
    .execute(connection)
    .await?;
    Ok(())
}

impl IndexingStatus {
    /// As it stands in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            IndexingStatus::Pending => "pending",
            IndexingStatus::InProgress => "in_progress",
            IndexingStatus::Completed => "completed",
            IndexingStatus::Failed => "failed",
        }
    }

    fn of_column(text: &str) -> IndexingStatus {
        match text {
            "in_progress" => IndexingStatus::InProgress,
            "completed" => IndexingStatus::Completed,
            "failed" => IndexingStatus::Failed,
            _ => IndexingStatus::Pending, // the column's constraint leaves nothing else
        }
    }
}

impl fmt::Display for IndexingStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

struct RepositoryRow {
    id: Uuid,
    host: String,
    repo_path: String,
    name: String,
    indexing_status: String,
    last_indexed_at: Option<DateTime<Utc>>,
    total_files: i32,
    total_chunks: i32,
    indexing_seconds: Option<f64>,
    skipped_files: Json<BTreeMap<String, u64>>,
    git_commit: Option<String>,
    git_branch: Option<String>,
    git_dirty: Option<bool>,
    fetch_url: Option<String>,
    followed_branch: Option<String>,
    target_commit: Option<String>,
    fetched_at: Option<DateTime<Utc>>,
    last_error: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<RepositoryRow> for Repository {
    fn from(row: RepositoryRow) -> Repository {
        let git = GitState {
            commit: row.git_commit,
            branch: row.git_branch,
            dirty: row.git_dirty,
        };
        let is_known = git.commit.is_some() || git.branch.is_some() || git.dirty.is_some();
        Repository {
            id: row.id,
            host: row.host,
            root: row.repo_path,
            name: row.name,
            status: IndexingStatus::of_column(&row.indexing_status),
            last_indexed_at: row.last_indexed_at,
            total_files: row.total_files,
            total_chunks: row.total_chunks,
            indexing_seconds: row.indexing_seconds,
            skipped_files: row.skipped_files.0,
            git: is_known.then_some(git),
            remote: row.fetch_url.map(|fetch_url| Remote {
                fetch_url,
                branch: row.followed_branch,
                target_commit: row.target_commit,
                fetched_at: row.fetched_at,
            }),
            last_error: row.last_error,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
