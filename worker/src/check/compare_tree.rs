//! The first look: the walk and the stored files, paired as two streams in the same order, read and cut on all cores.
//! Hands on the paths that seem to differ; believes none of them: see confirm.rs.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use quarry_codebase::{StoredContent, walk_key};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Check;
use super::look::look_at_file;
use crate::walk::{Entry, WalkError, WalkOptions, walk};

/// Files read by one task: enough that the channel and the pages of rows cost nothing, some megabytes of text.
const FILES_AT_ONCE: usize = 64;

/// Messages the walk may be ahead of the comparison.
const MESSAGES_AHEAD: usize = 8;

/// Paths that are looked at again; beyond them the tree and the index have little in common, and the walk ends.
const MOST_SUSPECTS: usize = 10_000;

#[derive(Default)]
pub(super) struct Compared {
    pub(super) files: u64,
    pub(super) chunks: u64,
    pub(super) suspects: Vec<String>,
    /// The walk was ended early.
    pub(super) more: bool,
}

impl Check {
    pub(super) async fn compare_tree(&self) -> Result<Compared> {
        let (sender, entries) = mpsc::channel(MESSAGES_AHEAD);
        let (root, options) = (self.root.clone(), self.walk);
        let walker = tokio::task::spawn_blocking(move || walk_into(&root, &options, &sender));
        let compared = self.compare_entries(entries).await;
        let walked = walker.await?;
        // A comparison that fails closes the channel, which ends the walk early: its own error is the one to report.
        let compared = compared?;
        walked?;
        Ok(compared)
    }

    async fn compare_entries(&self, mut entries: mpsc::Receiver<Vec<String>>) -> Result<Compared> {
        let mut stored = StoredContents::new(self);
        let mut compared = Compared::default();
        // Pairing is sequential, because it follows two ordered streams; reading and cutting are not.
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let mut reading: VecDeque<JoinHandle<Result<Compared, WalkError>>> = VecDeque::with_capacity(cores);
        let mut ended = false;
        while !ended || !reading.is_empty() {
            if !ended && reading.len() < cores {
                let message = entries.recv().await;
                ended = message.is_none();
                let paired = stored.pair(message.unwrap_or_default(), ended).await?;
                let (root, options) = (self.root.clone(), self.walk);
                reading.push_back(tokio::task::spawn_blocking(move || {
                    read_and_compare(&root, &options, paired)
                }));
                continue;
            }
            let next = reading
                .pop_front()
                .expect("the loop goes on only while something is read or to be read");
            let page = next.await??;
            compared.files += page.files;
            compared.chunks += page.chunks;
            compared.suspects.extend(page.suspects);
            if compared.suspects.len() > MOST_SUSPECTS {
                compared.more = true;
                break;
            }
        }
        Ok(compared)
    }
}

fn walk_into(root: &Path, options: &WalkOptions, sender: &mpsc::Sender<Vec<String>>) -> Result<(), WalkError> {
    let mut message = Vec::with_capacity(FILES_AT_ONCE);
    walk(root, options, |entry| {
        if let Entry::Found { path, .. } = entry {
            message.push(path);
        }
        if message.len() < FILES_AT_ONCE {
            return ControlFlow::Continue(());
        }
        let full = std::mem::replace(&mut message, Vec::with_capacity(FILES_AT_ONCE));
        match sender.blocking_send(full) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    // The receiver is gone only when the comparison ended early, and it reports that itself.
    let _ = sender.blocking_send(message);
    Ok(())
}

/// Walked files with what is stored of them, and the stored paths that the walk passed over.
struct Paired {
    files: Vec<(String, Option<StoredContent>)>,
    gone: Vec<String>,
}

/// Blocks.
fn read_and_compare(root: &Path, options: &WalkOptions, paired: Paired) -> Result<Compared, WalkError> {
    let mut compared = Compared {
        suspects: paired.gone,
        ..Compared::default()
    };
    for (path, stored) in paired.files {
        let looked = look_at_file(root, options, &path, stored.as_ref(), None)?;
        compared.files += u64::from(looked.belongs);
        compared.chunks += looked.chunks;
        if !looked.differences.is_empty() {
            compared.suspects.push(path);
        }
    }
    Ok(compared)
}

/// The stored files of the repository with their chunks in walk order, a page at a time.
struct StoredContents<'check> {
    check: &'check Check,
    page: VecDeque<StoredContent>,
    last: Option<String>,
    exhausted: bool,
}

impl<'check> StoredContents<'check> {
    fn new(check: &'check Check) -> StoredContents<'check> {
        StoredContents {
            check,
            page: VecDeque::new(),
            last: None,
            exhausted: false,
        }
    }

    async fn pair(&mut self, walked: Vec<String>, ended: bool) -> Result<Paired> {
        let mut paired = Paired {
            files: Vec::with_capacity(walked.len()),
            gone: Vec::new(),
        };
        for path in walked {
            let row = self.advance_to(&path, &mut paired.gone).await?;
            paired.files.push((path, row));
        }
        while ended && self.peek().await?.is_some() {
            paired.gone.extend(self.page.drain(..).map(|file| file.path));
        }
        Ok(paired)
    }

    /// What is stored at `path`. Rows that come before it belong to no walked file and go to `gone`.
    async fn advance_to(&mut self, path: &str, gone: &mut Vec<String>) -> Result<Option<StoredContent>> {
        while let Some(next) = self.peek().await? {
            match walk_key(&next.path).cmp(&walk_key(path)) {
                Ordering::Less => gone.extend(self.page.pop_front().map(|file| file.path)),
                Ordering::Equal => return Ok(self.page.pop_front()),
                Ordering::Greater => return Ok(None),
            }
        }
        Ok(None)
    }

    async fn peek(&mut self) -> Result<Option<&StoredContent>> {
        if self.page.is_empty() && !self.exhausted {
            let (database, repository_id) = (&self.check.database, self.check.repository_id);
            let (model, after) = (self.check.model(), self.last.as_deref());
            let limit = u32::try_from(FILES_AT_ONCE).expect("a small constant");
            let page = quarry_codebase::stored_contents(database, repository_id, model, after, limit).await?;
            self.exhausted = page.is_empty();
            self.last = page.last().map(|file| file.path.clone()).or(self.last.take());
            self.page = page.into();
        }
        Ok(self.page.front())
    }
}
