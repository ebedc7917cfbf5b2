//! What a comparison found, on its way to the queue and to the project: collected into batches, so that other workers can
//! begin while the walk goes on and no statement is small. Everything is written under the sync's fence.

use quarry_codebase::{RefusedFile, TouchedFile};
use quarry_queue::{Priority, SAVED_BY_HAND_LIMIT};
use uuid::Uuid;

use super::compare::Compared;
use super::{JobError, Run};

/// Rows written in one statement.
const BATCH: usize = 1_000;

pub(super) struct Findings<'run> {
    run: &'run Run,
    repository_id: Uuid,
    dirty: Vec<String>,
    /// So few as somebody saves by hand go first; what has begun as bulk stays bulk.
    priority: Priority,
    touched: Vec<TouchedFile>,
    refused: Vec<RefusedFile>,
    forgotten: Vec<String>,
}

impl<'run> Findings<'run> {
    pub(super) fn new(run: &'run Run, repository_id: Uuid) -> Findings<'run> {
        Findings {
            run,
            repository_id,
            dirty: Vec::new(),
            priority: Priority::Save,
            touched: Vec::new(),
            refused: Vec::new(),
            forgotten: Vec::new(),
        }
    }

    pub(super) async fn add(&mut self, compared: Compared) -> Result<(), JobError> {
        self.dirty.extend(compared.dirty);
        self.touched.extend(compared.touched);
        self.refused.extend(compared.refused);
        self.forgotten.extend(compared.forgotten);
        if self.dirty.len() >= BATCH {
            self.mark_dirty().await?;
        }
        if self.touched.len() >= BATCH {
            self.note_touched().await?;
        }
        if self.refused.len() + self.forgotten.len() >= BATCH {
            self.note_refused().await?;
        }
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<(), JobError> {
        self.mark_dirty().await?;
        self.note_touched().await?;
        self.note_refused().await
    }

    async fn mark_dirty(&mut self) -> Result<(), JobError> {
        let queue = self.run.context.registry.pool();
        if self.dirty.len() > SAVED_BY_HAND_LIMIT {
            self.priority = Priority::Bulk;
        }
        for batch in std::mem::take(&mut self.dirty).chunks(BATCH) {
            quarry_queue::mark_dirty_from_sync(queue, &self.run.claim, batch, self.priority).await?;
        }
        Ok(())
    }

    async fn note_touched(&mut self) -> Result<(), JobError> {
        let touched = std::mem::take(&mut self.touched);
        if !touched.is_empty() {
            quarry_codebase::touch_files(&self.run.database, &self.run.fence(), self.repository_id, &touched).await?;
        }
        Ok(())
    }

    async fn note_refused(&mut self) -> Result<(), JobError> {
        let refused = std::mem::take(&mut self.refused);
        let forgotten = std::mem::take(&mut self.forgotten);
        if !refused.is_empty() || !forgotten.is_empty() {
            let (database, fence) = (&self.run.database, self.run.fence());
            quarry_codebase::note_refused(database, &fence, self.repository_id, &refused, &forgotten).await?;
        }
        Ok(())
    }
}
