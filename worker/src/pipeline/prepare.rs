//! Reads, hashes and chunks files on blocking threads, as many pages at once as there are cores.
//! Decides per path whether it is indexed, removed or left as it is; writes nothing.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Instant;

use quarry_codebase::{FileStamp, StoredFile};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::cut_file::cut_file;
use super::{Counts, Page, Pipeline, Prepared, Stage, StageTimes};
use crate::chunk::CHUNKER_VERSION;
use crate::jobs::JobError;
use crate::walk::{FileText, PathRules, ReadOutcome, Verdict, WalkError, WalkOptions, read_stamped};

impl Pipeline<'_> {
    pub(super) async fn prepare(
        &self,
        mut pages: mpsc::Receiver<Page>,
        prepared: mpsc::Sender<Prepared>,
    ) -> Result<(), JobError> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let mut working: VecDeque<JoinHandle<Result<Prepared, WalkError>>> = VecDeque::with_capacity(cores);
        let mut ended = false;
        while !ended || !working.is_empty() {
            if !ended && working.len() < cores {
                let Some(page) = pages.recv().await else {
                    ended = true;
                    continue;
                };
                let (root, options, times) = (self.source.root.clone(), self.source.walk, self.times.clone());
                let work = move || prepare_page(&root, &options, page, &times);
                working.push_back(tokio::task::spawn_blocking(work));
                continue;
            }
            self.run.check_stop()?;
            let next = working
                .pop_front()
                .expect("the loop goes on only while a page is in work or to come");
            let page = tokio::select! {
                page = next => page.map_err(|error| JobError::Transient(error.into()))??,
                // The share is over: what is still being read is left for the next run.
                () = prepared.closed() => return Ok(()),
            };
            if prepared.send(page).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Blocks.
fn prepare_page(root: &Path, options: &WalkOptions, page: Page, times: &StageTimes) -> Result<Prepared, WalkError> {
    // Read after the page's marks: a mark that tells of a changed ignore file must not be judged by the old one.
    let mut rules = PathRules::new(root, options)?;
    let mut prepared = Prepared {
        files: Vec::new(),
        texts: Vec::new(),
        removed: Vec::new(),
        marks: Vec::with_capacity(page.files.len()),
        counts: Counts::default(),
        saved: page.saved,
    };
    for (mark, stored) in page.files {
        let started = Instant::now();
        let (outcome, stamp) = match rules.verdict(&mark.path) {
            Verdict::Index => read_stamped(root, &mark.path, options)?,
            Verdict::Skip(reason) => (ReadOutcome::Skipped(reason), None),
        };
        times.add_since(Stage::Read, started);
        match outcome {
            ReadOutcome::Text(file) if is_current(stored.as_ref(), &file) => prepared.counts.files_unchanged += 1,
            ReadOutcome::Text(file) => {
                let started = Instant::now();
                prepared.add(&mark.path, file, stamp);
                times.add_since(Stage::Chunk, started);
            }
            ReadOutcome::Skipped(_) | ReadOutcome::Gone => {
                if stored.is_some() {
                    prepared.counts.files_removed += 1;
                    prepared.removed.push(mark.path.clone());
                }
            }
        }
        prepared.marks.push(mark);
    }
    Ok(prepared)
}

fn is_current(stored: Option<&StoredFile>, file: &FileText) -> bool {
    stored.is_some_and(|row| row.content_hash == file.content_hash && row.chunker_version == CHUNKER_VERSION)
}

impl Prepared {
    fn add(&mut self, path: &str, file: FileText, stamp: Option<FileStamp>) {
        let cut = cut_file(path, file, stamp);
        self.counts.files_indexed += 1;
        self.counts.chunks += cut.file.chunks.len() as u64;
        self.files.push(cut.file);
        self.texts.extend(cut.texts);
    }
}
