//! Takes a repository out of its project: files, chunks and index entries. Its other lanes are held back by the queue
//! while this one waits or runs, and their fences stay behind, so a straggler cannot bring rows back.

use super::{Afterwards, JobError, Run};
use crate::pipeline::Counts;

pub(super) async fn remove_repository(run: &Run) -> Result<Afterwards, JobError> {
    let id = run.claim.lane.repository_id.expect("a removal names its repository");
    let removed = quarry_codebase::remove_repository(&run.database, &run.fence(), id).await?;
    run.count(&Counts {
        files_removed: removed.files,
        ..Counts::default()
    });
    Ok(Afterwards::Nothing)
}
