//! Compares the tree with the stored files and marks what differs as dirty; the marked files are read again and indexed by
//! the `index_files` lanes. Walk and stored files come in the same order and are compared as streams, so memory does not
//! grow with the repository. A file that looks exactly as it did when it was read is not read; else its content decides.

mod compare;
mod findings;
mod known_files;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use quarry_codebase::{FileStamp, RefusedFile, StoredFile};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::compare::{Compared, Paired, Walked, compare};
use self::findings::Findings;
use self::known_files::InWalkOrder;
use super::{Afterwards, JobError, Run, Source};
use crate::pipeline::{Counts, Stage, StageTimes};
use crate::walk::{Entry, SkipReason, WalkOptions, walk};

/// Entries that travel together; large enough that the channel costs nothing, small enough to keep all cores busy.
const ENTRIES_PER_MESSAGE: usize = 128;

/// Messages the walk may be ahead of the comparison.
const MESSAGES_AHEAD: usize = 8;

pub(super) async fn sync_repository(run: &Run) -> Result<Afterwards, JobError> {
    let source = run.newest_source().await?;
    let (repository, root, options) = (&source.repository, &source.root, source.walk);
    quarry_codebase::mark_in_progress(&run.database, &run.fence(), repository.id).await?;
    if run.claim.full {
        quarry_codebase::forget_content(&run.database, &run.fence(), repository.id).await?;
    }
    let times = Arc::new(StageTimes::default());
    let (sender, entries) = mpsc::channel(MESSAGES_AHEAD);
    let walker = {
        let (root, times, stop) = (root.clone(), times.clone(), run.stop.clone());
        tokio::task::spawn_blocking(move || walk_into(&root, &options, &sender, &times, || stop.is_cancelled()))
    };
    // The commit from before the walk: a tree that moves on meanwhile is walked again.
    let (compared, git) = tokio::join!(mark_differences(run, &source, entries, &times), source.git_state());
    let walked = walker.await.map_err(|error| JobError::Transient(error.into()))?;
    // A comparison that fails closes the channel, which ends the walk early: its own error is the one to report.
    let mut counts = compared?;
    walked?;
    run.check_stop()?;
    counts.stage_ms = times.millis();

    let skipped = &counts.files_skipped;
    quarry_codebase::record_walk(&run.database, &run.fence(), repository.id, skipped, git.as_ref()).await?;
    run.count(&counts);
    if counts.files_total == 0 {
        return Err(JobError::Permanent(nothing_to_index(root, &counts)));
    }
    Ok(Afterwards::Nothing)
}

/// What the walk says of one path.
enum Seen {
    File { path: String, stamp: Option<FileStamp> },
    Skipped(SkipReason),
}

fn walk_into(
    root: &Path,
    options: &WalkOptions,
    sender: &mpsc::Sender<Vec<Seen>>,
    times: &StageTimes,
    stopped: impl Fn() -> bool,
) -> Result<(), JobError> {
    let mut message = Vec::with_capacity(ENTRIES_PER_MESSAGE);
    let mut started = Instant::now();
    walk(root, options, |entry| {
        message.push(match entry {
            Entry::Found { path, stamp, .. } => Seen::File { path, stamp },
            Entry::Skipped { reason, .. } => Seen::Skipped(reason),
        });
        if message.len() < ENTRIES_PER_MESSAGE {
            return ControlFlow::Continue(());
        }
        times.add_since(Stage::Walk, started);
        let full = std::mem::replace(&mut message, Vec::with_capacity(ENTRIES_PER_MESSAGE));
        if stopped() || sender.blocking_send(full).is_err() {
            return ControlFlow::Break(());
        }
        started = Instant::now();
        ControlFlow::Continue(())
    })?;
    times.add_since(Stage::Walk, started);
    // The receiver is gone only when the comparison failed, and it reports that itself.
    let _ = sender.blocking_send(message);
    Ok(())
}

/// Pairs walked and known files, compares them on all cores, and marks what differs.
async fn mark_differences(
    run: &Run,
    source: &Source,
    mut entries: mpsc::Receiver<Vec<Seen>>,
    times: &Arc<StageTimes>,
) -> Result<Counts, JobError> {
    let repository_id = source.repository.id;
    let mut known = Known {
        stored: InWalkOrder::new(run.database.clone(), repository_id),
        refused: InWalkOrder::new(run.database.clone(), repository_id),
    };
    let mut counts = Counts::default();
    let mut findings = Findings::new(run, repository_id);

    // Pairing is sequential, because it follows ordered streams; reading is not, and its results are taken in order.
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let mut comparing: VecDeque<JoinHandle<Result<Compared, JobError>>> = VecDeque::with_capacity(cores);
    let mut ended = false;
    while !ended || !comparing.is_empty() {
        if !ended && comparing.len() < cores {
            let message = entries.recv().await;
            ended = message.is_none();
            let paired = known.pair(message.unwrap_or_default(), ended).await?;
            let (root, options, times) = (source.root.clone(), source.walk, times.clone());
            comparing.push_back(tokio::task::spawn_blocking(move || {
                compare(&root, &options, paired, &times)
            }));
            continue;
        }
        run.check_stop()?;
        let next = comparing
            .pop_front()
            .expect("the loop goes on only while something is compared or to be compared");
        let compared = next.await.map_err(|error| JobError::Transient(error.into()))??;
        counts.files_unchanged += compared.unchanged;
        counts.files_read += compared.read;
        counts.files_total += compared.total;
        for reason in &compared.skipped {
            counts.skip(reason.name());
        }
        findings.add(compared).await?;
    }
    findings.finish().await?;
    Ok(counts)
}

/// What the index knows of the repository, followed in step with the walk.
struct Known {
    stored: InWalkOrder<StoredFile>,
    refused: InWalkOrder<RefusedFile>,
}

impl Known {
    async fn pair(&mut self, message: Vec<Seen>, ended: bool) -> Result<Paired, JobError> {
        let mut paired = Paired::default();
        for seen in message {
            match seen {
                Seen::Skipped(reason) => paired.skipped.push(reason),
                Seen::File { path, stamp } => {
                    let stored = self.stored.advance_to(&path, &mut paired.gone).await?;
                    let refused = self.refused.advance_to(&path, &mut paired.forgotten).await?;
                    paired.files.push(Walked {
                        path,
                        stamp,
                        stored,
                        refused,
                    });
                }
            }
        }
        if ended {
            self.stored.drain(&mut paired.gone).await?;
            self.refused.drain(&mut paired.forgotten).await?;
        }
        Ok(paired)
    }
}

fn nothing_to_index(root: &Path, counts: &Counts) -> String {
    if counts.files_skipped.is_empty() {
        return format!("nothing to index: {} holds no files", root.display());
    }
    let reasons: Vec<String> = counts
        .files_skipped
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    format!(
        "nothing to index: every file below {} is left out ({}); see .gitignore and .quarryignore",
        root.display(),
        reasons.join(", ")
    )
}
