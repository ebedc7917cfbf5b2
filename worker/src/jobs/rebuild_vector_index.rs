//! Brings the vector index of a project in line with its size: built beside the old one, measured, swapped.
//! Searches and writes go on meanwhile.

use std::time::Instant;

use quarry_codebase::RebuildMode;

use super::{Afterwards, JobError, Run};
use crate::pipeline::{Counts, Stage, StageTimes};

pub(super) async fn rebuild_vector_index(run: &Run) -> Result<Afterwards, JobError> {
    let times = StageTimes::default();
    let started = Instant::now();
    let built = tokio::select! {
        built = quarry_codebase::rebuild_vector_index(&run.database, RebuildMode::WhenOutdated) => built?,
        () = run.stop.cancelled() => return Err(JobError::Stopped),
    };
    times.add_since(Stage::Index, started);
    tracing::info!(project = %run.project.name.as_str(), outcome = ?built, "vector index: {built:?}");
    run.count(&Counts {
        stage_ms: times.millis(),
        ..Counts::default()
    });
    Ok(Afterwards::Nothing)
}
