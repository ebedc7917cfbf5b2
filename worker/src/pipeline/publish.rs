//! Writes batches of files, each in one fenced transaction, then drops exactly the marks the batch dealt with.
//! A crash between the two repeats the batch, which then finds nothing to do.

use std::time::Instant;

use quarry_codebase::NewFile;
use quarry_queue::{DirtyFile, ReportPace};
use tokio::sync::mpsc;

use super::{Counts, Pipeline, Prepared, Stage};
use crate::jobs::JobError;

/// Files in one transaction when they hold few chunks: bounds the marks held in memory.
const BATCH_FILES: usize = 2_000;

/// Files that wait for their transaction.
#[derive(Default)]
struct Batch {
    files: Vec<NewFile>,
    removed: Vec<String>,
    marks: Vec<DirtyFile>,
    chunks: usize,
    counts: Counts,
}

impl Pipeline<'_> {
    pub(super) async fn publish(&self, mut embedded: mpsc::Receiver<Prepared>) -> Result<(), JobError> {
        let mut pace = ReportPace::default();
        let mut batch = Batch::default();
        while let Some(page) = embedded.recv().await {
            batch.counts.add(&page.counts);
            batch.chunks += page.files.iter().map(|file| file.chunks.len()).sum::<usize>();
            batch.files.extend(page.files);
            batch.removed.extend(page.removed);
            batch.marks.extend(page.marks);
            if page.saved || batch.chunks >= self.run.context.batch_chunks || batch.marks.len() >= BATCH_FILES {
                self.publish_batch(std::mem::take(&mut batch)).await?;
                let queue = self.run.context.registry.pool();
                if pace.due(Instant::now()) {
                    let counts = self.run.counts();
                    let done = counts.files_indexed + counts.files_unchanged + counts.files_removed;
                    let done = i64::try_from(done).unwrap_or(i64::MAX);
                    quarry_queue::report_progress(queue, &self.run.claim, "indexing", done, None).await?;
                }
            }
        }
        self.publish_batch(batch).await
    }

    async fn publish_batch(&self, batch: Batch) -> Result<(), JobError> {
        self.run.check_stop()?;
        if !batch.files.is_empty() || !batch.removed.is_empty() {
            let started = Instant::now();
            let fence = self.run.fence();
            quarry_codebase::replace_files_of_model(
                &self.database,
                &fence,
                &self.model,
                self.repository_id,
                batch.files,
                &batch.removed,
            )
            .await?;
            self.times.add_since(Stage::Store, started);
        }
        self.run.count(&batch.counts);
        if !batch.marks.is_empty() {
            let queue = self.run.context.registry.pool();
            if !quarry_queue::drop_dirty(queue, &self.run.claim, &batch.marks).await? {
                return Err(JobError::LeaseLost);
            }
        }
        Ok(())
    }
}
