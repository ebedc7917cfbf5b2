//! What the disk, the rules, the index and the queue say of one path, and the one word that follows from it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Result;
use quarry_codebase::{Repository, StoredFile};
use quarry_queue::WaitingFile;
use quarry_registry::{PgPool, Registry};
use serde::Serialize;

use crate::walk::{Entry, LeftOut, ReadOutcome, WalkOptions, explain, read_file, walk};

/// Why, in one word. The names are stable: scripts read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// In the index as it is on the disk.
    Indexed,
    /// Waits to be indexed, or is being indexed.
    Pending,
    /// Work on it stands with an error.
    Failed,
    /// Left out by a rule.
    Skipped,
    /// In the index with another content than on the disk, and nobody has been told.
    Changed,
    /// Belongs into the index, is not in it, and nobody has been told.
    NotIndexed,
    /// In the index and no longer on the disk, and nobody has been told.
    Deleted,
    /// Neither on the disk nor in the index.
    Missing,
    /// A directory that is walked.
    Directory,
    /// Its repository was never indexed.
    RepositoryNotIndexed,
}

/// What the disk, the rules, the index and the queue say of a path.
pub(super) struct Facts {
    pub(super) left_out: Option<LeftOut>,
    pub(super) on_disk: OnDisk,
    pub(super) stored: Option<StoredFile>,
    pub(super) waiting: Option<WaitingFile>,
    pub(super) pending_sync: bool,
}

pub(super) enum OnDisk {
    Gone,
    Directory,
    /// With the hash of its content, where that can be read.
    File(Option<[u8; 32]>),
}

#[derive(Debug, Serialize)]
pub(super) struct Below {
    pub(super) files: u64,
    pub(super) chunks: u64,
    pub(super) waiting: u64,
    /// What is left out below it by name, by reason; a directory counts once.
    pub(super) skipped: BTreeMap<&'static str, u64>,
}

/// Blocks.
pub(super) fn look(root: &Path, options: &WalkOptions, relative: &str) -> Result<(Option<LeftOut>, OnDisk)> {
    let Ok(metadata) = std::fs::symlink_metadata(root.join(relative)) else {
        let left_out = explain(root, options, relative)?;
        return Ok((left_out, OnDisk::Gone));
    };
    if relative.is_empty() {
        return Ok((None, OnDisk::Directory));
    }
    let left_out = explain(root, options, relative)?;
    if metadata.is_dir() {
        return Ok((left_out, OnDisk::Directory));
    }
    let hash = match left_out {
        Some(_) => None,
        None => match read_file(root, relative, options)? {
            ReadOutcome::Text(file) => Some(file.content_hash),
            ReadOutcome::Skipped(_) | ReadOutcome::Gone => None,
        },
    };
    Ok((left_out, OnDisk::File(hash)))
}

pub(super) fn state_of(facts: &Facts) -> State {
    let waits = facts.waiting.as_ref().map(|waiting| waiting.state.as_str());
    match (&facts.on_disk, &facts.left_out, &facts.stored) {
        _ if waits == Some("parked") => State::Failed,
        _ if matches!(waits, Some("ready" | "leased")) => State::Pending,
        (OnDisk::Directory, None, _) => State::Directory,
        (OnDisk::Directory | OnDisk::File(_), Some(_), _) => State::Skipped,
        (OnDisk::Gone, _, Some(_)) => State::Deleted,
        (OnDisk::Gone, _, None) => State::Missing,
        (OnDisk::File(_), None, None) => State::NotIndexed,
        (OnDisk::File(hash), None, Some(stored)) if *hash == Some(stored.content_hash) => State::Indexed,
        (OnDisk::File(_), None, Some(_)) => State::Changed,
    }
}

pub(super) async fn below(
    registry: &Registry,
    database: &PgPool,
    repository: &Repository,
    directory: &str,
    options: WalkOptions,
) -> Result<Below> {
    let (files, chunks) = quarry_codebase::files_below(database, repository.id, directory).await?;
    let waiting = quarry_queue::waiting_below(registry.pool(), repository.id, directory).await?;
    let (root, prefix) = (PathBuf::from(&repository.root), format!("{directory}/"));
    let is_root = directory.is_empty();
    let walking = tokio::task::spawn_blocking(move || {
        let mut skipped = BTreeMap::new();
        walk(&root, &options, |entry| {
            if let Entry::Skipped { path, reason } = entry
                && (is_root || path.starts_with(&prefix))
            {
                *skipped.entry(reason.name()).or_default() += 1;
            }
            ControlFlow::Continue(())
        })?;
        anyhow::Ok(skipped)
    });
    Ok(Below {
        files,
        chunks,
        waiting,
        skipped: walking.await??,
    })
}
