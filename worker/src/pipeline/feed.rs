//! Reads the lane's dirty paths, a page at a time in path order, with what is stored of each.
//! A path marked again behind the cursor is not seen here: it makes the lane ready again when it settles.

use tokio::sync::mpsc;

use super::{PAGE_FILES, Page, Pipeline};
use crate::jobs::JobError;

impl Pipeline<'_> {
    pub(super) async fn feed(&self, pages: mpsc::Sender<Page>) -> Result<(), JobError> {
        let queue = self.run.context.registry.pool();
        let mut after: Option<String> = None;
        loop {
            self.run.check_stop()?;
            let dirty = quarry_queue::dirty_files(queue, &self.run.claim, after.as_deref(), PAGE_FILES).await?;
            let Some(last) = dirty.last() else { return Ok(()) };
            after = Some(last.path.clone());
            let paths: Vec<String> = dirty.iter().map(|file| file.path.clone()).collect();
            let mut stored = quarry_codebase::file_states(&self.database, self.repository_id, &paths).await?;
            let files = dirty.into_iter().map(|file| {
                let row = stored.remove(&file.path);
                (file, row)
            });
            if pages.send(Page { files: files.collect() }).await.is_err() {
                return Ok(());
            }
        }
    }
}
