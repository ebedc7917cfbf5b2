//! Brings the dirty files of one lane into the index. The pipeline publishes in batches and drops the marks of each batch,
//! so a crash repeats at most one of them.

use std::sync::Arc;

use super::{Finished, JobError, Run};
use crate::pipeline::{Pipeline, StageTimes};

pub(super) async fn index_files(run: &Run) -> Result<Finished, JobError> {
    // An endpoint that is slow or gone may keep the pipeline waiting for minutes. Whatever is cut off here is not published,
    // or published and found again by the next run.
    tokio::select! {
        finished = index_lane(run) => finished,
        () = run.stop.cancelled() => Err(JobError::Stopped),
    }
}

async fn index_lane(run: &Run) -> Result<Finished, JobError> {
    let (repository, root) = run.repository().await?;
    let client = run.context.embedding.client().await?;
    let model = client.probe().await?;
    let project = run
        .context
        .registry
        .pin_embedding(&run.project, &model.model, model.dimensions)
        .await?;
    let pipeline = Pipeline {
        run,
        repository_id: repository.id,
        root,
        database: run.context.registry.database(&project).await?,
        client,
        model: model.model,
        times: Arc::new(StageTimes::default()),
    };
    let counts = pipeline.index_dirty_files().await?;
    while quarry_codebase::merge_segments(&pipeline.database, repository.id)
        .await?
        .is_some()
    {
        run.check_stop()?;
    }
    // While other lanes still load, an index would be built from too little: the last one asks for it.
    let (queue, lane) = (run.context.registry.pool(), &run.claim.lane);
    let pending = quarry_queue::pending(queue, lane.project_id, None).await?;
    let is_last = !pending.sync && pending.lanes <= 1;
    let wants_vector_index = is_last && super::is_vector_index_outdated(&pipeline.database).await?;
    Ok(Finished {
        counts,
        wants_vector_index,
    })
}
