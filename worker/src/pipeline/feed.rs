//! Reads the lane's dirty paths, a page at a time in path order, with what is stored of each; what somebody saved comes
//! before what a sync marked. A path marked again behind the cursor is not seen here: it makes the lane ready again when
//! it settles.

use std::collections::HashSet;

use quarry_queue::DirtyFile;
use tokio::sync::mpsc;

use super::{PAGE_FILES, Page, Pipeline};
use crate::jobs::JobError;

impl Pipeline<'_> {
    pub(super) async fn feed(&self, pages: mpsc::Sender<Page>) -> Result<(), JobError> {
        let queue = self.run.context.registry.pool();
        let claim = &self.run.claim;
        // Bounded by what watchers may leave waiting.
        let mut fed: HashSet<(String, i64)> = HashSet::new();
        let mut after: Option<String> = None;
        loop {
            let saved = quarry_queue::saved_files(queue, claim, after.as_deref(), PAGE_FILES).await?;
            let Some(last) = saved.last() else { break };
            after = Some(last.path.clone());
            fed.extend(saved.iter().map(|file| (file.path.clone(), file.revision)));
            if !self.hand_on(saved, true, &pages).await? {
                return Ok(());
            }
        }
        after = None;
        loop {
            let dirty = quarry_queue::dirty_files(queue, claim, after.as_deref(), PAGE_FILES).await?;
            let Some(last) = dirty.last() else { return Ok(()) };
            after = Some(last.path.clone());
            let rest: Vec<DirtyFile> = dirty
                .into_iter()
                .filter(|file| fed.is_empty() || !fed.contains(&(file.path.clone(), file.revision)))
                .collect();
            if !rest.is_empty() && !self.hand_on(rest, false, &pages).await? {
                return Ok(());
            }
        }
    }

    /// Passes one page on. False: no more are wanted.
    async fn hand_on(&self, dirty: Vec<DirtyFile>, saved: bool, pages: &mpsc::Sender<Page>) -> Result<bool, JobError> {
        self.run.check_stop()?;
        // What is marked for a newer commit is read from that one, by the next run.
        if self.share.is_over() || !self.source.is_current(self.run).await? {
            self.share.leave_rest();
            return Ok(false);
        }
        let paths: Vec<String> = dirty.iter().map(|file| file.path.clone()).collect();
        let mut stored = quarry_codebase::file_states(&self.database, self.repository_id, &paths).await?;
        let files = dirty.into_iter().map(|file| {
            let row = stored.remove(&file.path);
            (file, row)
        });
        let page = Page {
            files: files.collect(),
            saved,
        };
        Ok(pages.send(page).await.is_ok())
    }
}
