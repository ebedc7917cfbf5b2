//! Brings the vector index of a project in line with its size: built beside the old one, measured, swapped.
//! Searches and writes go on meanwhile.

use std::time::Instant;

use quarry_codebase::RebuildMode;

use super::{Finished, JobError, Run};
use crate::pipeline::{Stage, StageTimes};

pub(super) async fn rebuild_vector_index(run: &Run) -> Result<Finished, JobError> {
    let times = StageTimes::default();
    let started = Instant::now();
    let built = tokio::select! {
        built = quarry_codebase::rebuild_vector_index(&run.database, RebuildMode::WhenOutdated) => built?,
        () = run.stop.cancelled() => return Err(JobError::Stopped),
    };
    times.add_since(Stage::Index, started);
    tracing::info!(project = %run.project.name.as_str(), outcome = ?built, "vector index: {built:?}");
    let mut finished = Finished::default();
    finished.counts.stage_ms = times.millis();
    Ok(finished)
}
