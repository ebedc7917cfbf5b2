//! Brings the dirty files of one lane into the index. The pipeline publishes in batches and drops the marks of each batch,
//! so a crash repeats at most one of them. A long lane is handed back between batches when others wait: see
//! pipeline/share.rs.

use std::sync::Arc;

use quarry_queue::Waiting;
use uuid::Uuid;

use super::change_model::Vectors;
use super::{Afterwards, JobError, Run};
use crate::pipeline::{Counts, Pipeline, Share, StageTimes};

pub(super) async fn index_files(run: &Run) -> Result<Afterwards, JobError> {
    // An endpoint that is slow or gone may keep the pipeline waiting for minutes. Whatever is cut off here is not published,
    // or published and found again by the next run.
    tokio::select! {
        ended = index_lane(run) => ended,
        () = run.stop.cancelled() => Err(JobError::Stopped),
    }
}

async fn index_lane(run: &Run) -> Result<Afterwards, JobError> {
    let source = run.source().await?;
    let repository_id = source.repository.id;
    let Vectors { model, client } = run.vectors().await?;
    let pipeline = Pipeline {
        run,
        repository_id,
        source,
        database: run.database.clone(),
        client,
        model,
        times: Arc::new(StageTimes::default()),
        share: Share::begin(),
    };
    let indexed = pipeline.index_dirty_files().await;
    run.count(&Counts {
        stage_ms: pipeline.times.millis(),
        ..Counts::default()
    });
    indexed?;
    if pipeline.share.has_rest() || !merge_all_segments(run, repository_id).await? {
        return Ok(Afterwards::RestOfLane);
    }
    // While other lanes still load, an index would be built from too little: the last one asks for it.
    let (queue, lane) = (run.context.registry.pool(), &run.claim.lane);
    let pending = quarry_queue::pending(queue, lane.project_id, None).await?;
    let is_last = !pending.sync && pending.lanes <= 1;
    if is_last && super::is_vector_index_outdated(&run.database).await? {
        return Ok(Afterwards::RebuildVectorIndex);
    }
    Ok(Afterwards::Nothing)
}

/// False: somebody came to wait meanwhile. At least one merge is done each time, so that all are in the end.
async fn merge_all_segments(run: &Run, repository_id: Uuid) -> Result<bool, JobError> {
    while quarry_codebase::merge_segments(&run.database, repository_id)
        .await?
        .is_some()
    {
        run.check_stop()?;
        if run.finish_soon.is_cancelled() || run.who_waits().await? == Waiting::Urgent {
            return Ok(false);
        }
    }
    Ok(true)
}
