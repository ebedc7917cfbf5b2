//! The second look at the paths that seemed to differ, beside the queue. A file that waits is pending, not wrong; one that
//! differs and does not wait may have been saved a moment ago, so it is believed only after some looks.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use quarry_codebase::{Difference, DifferenceKind, RefusedFile, StoredContent};
use quarry_queue::WaitingFile;

use super::look::{left_out, look_at_file};
use super::{Check, MOST_DIFFERENCES};
use crate::walk::{PathRules, Verdict, WalkError, WalkOptions};

/// Paths looked at together.
const PATHS_AT_ONCE: usize = 256;

/// Looks at what differs although nothing waits, and the pause between two: a watcher needs some milliseconds to tell of a
/// save.
const LOOKS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Default)]
pub(super) struct Confirmed {
    pub(super) wrong: Vec<Difference>,
    /// Files that differ and wait.
    pub(super) pending: u64,
}

impl Check {
    pub(super) async fn confirm(&self, suspects: Vec<String>) -> Result<Confirmed> {
        let mut confirmed = Confirmed::default();
        for batch in suspects.chunks(PATHS_AT_ONCE) {
            let mut wrong: Vec<Difference> = Vec::new();
            let mut open = batch.to_vec();
            for look in 1..=LOOKS {
                if look > 1 && !open.is_empty() {
                    tokio::time::sleep(PAUSE).await;
                }
                wrong = self.look_beside_queue(&open, &mut confirmed).await?;
                // Sorted and unique: the differences of a path stand together.
                open = wrong.iter().map(|found| found.path.clone()).collect();
                open.dedup();
            }
            confirmed.wrong.extend(wrong);
            if confirmed.wrong.len() > MOST_DIFFERENCES {
                break;
            }
        }
        Ok(confirmed)
    }

    /// The differences of these paths that do not wait. The queue is asked before and after: what was marked when the look
    /// began may be indexed when it ends.
    async fn look_beside_queue(&self, paths: &[String], confirmed: &mut Confirmed) -> Result<Vec<Difference>> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let before = self.waiting(paths).await?;
        let found = self.look_at(paths.to_vec()).await?;
        let after = self.waiting(paths).await?;
        let sync_waits = before.sync || after.sync;
        let mut wrong = Vec::new();
        let mut pending = HashSet::new();
        for difference in found {
            let waiting = after.files.get(&difference.path).or(before.files.get(&difference.path));
            let parked = waiting.and_then(why_nobody_works_on_it);
            if let Some(reason) = parked {
                if !confirmed.wrong.iter().any(|known| known.path == difference.path) {
                    let parked = Difference::new(difference.path, DifferenceKind::Parked, reason);
                    confirmed.wrong.push(parked);
                }
            } else if waiting.is_some() || (sync_waits && difference.kind.is_seen_by_a_sync()) {
                pending.insert(difference.path);
            } else {
                wrong.push(difference);
            }
        }
        confirmed.pending += pending.len() as u64;
        Ok(wrong)
    }

    async fn look_at(&self, paths: Vec<String>) -> Result<Vec<Difference>> {
        let stored =
            quarry_codebase::stored_contents_at(&self.database, self.repository_id, self.model(), &paths).await?;
        let refused = quarry_codebase::refused_files_at(&self.database, self.repository_id, &paths).await?;
        let known = Known {
            stored: stored.into_iter().map(|file| (file.path.clone(), file)).collect(),
            refused: refused.into_iter().map(|file| (file.path.clone(), file)).collect(),
        };
        let (root, options) = (self.root.clone(), self.walk);
        let looking = tokio::task::spawn_blocking(move || look_at_paths(&root, &options, &paths, &known));
        Ok(looking.await??)
    }

    async fn waiting(&self, paths: &[String]) -> Result<Waiting> {
        let (queue, project) = (self.registry.pool(), self.project.id.0);
        let files = quarry_queue::waiting_files(queue, project, self.repository_id, paths).await?;
        Ok(Waiting {
            files: files.into_iter().map(|file| (file.path.clone(), file)).collect(),
            sync: self.pending().await?.sync,
        })
    }

    /// The model whose vectors the project holds.
    pub(super) fn model(&self) -> Option<&str> {
        self.project.embedding.as_ref().map(|pinned| pinned.model.as_str())
    }
}

struct Waiting {
    files: HashMap<String, WaitingFile>,
    sync: bool,
}

/// Why a marked file is not going to be indexed, if it is not.
fn why_nobody_works_on_it(file: &WaitingFile) -> Option<String> {
    match file.state.as_str() {
        "parked" => Some(file.last_error.clone().unwrap_or_default()),
        "idle" => Some("it is marked, and nobody was asked to work on it: its job was cancelled".to_owned()),
        _ => None,
    }
}

/// What the index says of some paths.
struct Known {
    stored: HashMap<String, StoredContent>,
    refused: HashMap<String, RefusedFile>,
}

/// Blocks.
fn look_at_paths(
    root: &Path,
    options: &WalkOptions,
    paths: &[String],
    known: &Known,
) -> Result<Vec<Difference>, WalkError> {
    let mut rules = PathRules::new(root, options)?;
    let mut differences = Vec::new();
    for path in paths {
        let stored = known.stored.get(path);
        let looked = match rules.verdict(path) {
            Verdict::Index => look_at_file(root, options, path, stored, known.refused.get(path))?,
            Verdict::Skip(reason) => left_out(path, stored, &format!("is left out of the index: {reason}")),
        };
        differences.extend(looked.differences);
    }
    Ok(differences)
}
