//! The kinds of work a worker does, one file each. A job re-reads the truth (tree, stored files, dirty rows), publishes
//! under its fence and returns what it did. Claims and settles nothing: see runner.rs.

mod change_model;
mod index_files;
mod rebuild_vector_index;
mod remove_repository;
mod source;
mod sync_repository;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use quarry_codebase::{CodebaseError, Decision, Fence, IndexingStatus};
use quarry_embedding::EmbeddingError;
use quarry_queue::{Claim, ClaimFilter, JobKind, QueueError, Waiting};
use quarry_registry::{PgPool, Project, ProjectId, RegistryError};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::pipeline::Counts;
use crate::walk::WalkError;

pub(crate) use self::source::Source;

/// One claimed piece of work and everything it touches.
pub(crate) struct Run {
    pub(crate) context: Context,
    pub(crate) claim: Claim,
    pub(crate) project: Project,
    /// The project's own database.
    pub(crate) database: PgPool,
    /// Set when the lease is lost, the job is cancelled or the process is told to stop.
    pub(crate) stop: CancellationToken,
    /// Set when the process is about to stop: whoever can leave the rest to others does so.
    pub(crate) finish_soon: CancellationToken,
    /// What this worker claims, and so who waits for it.
    filter: Arc<ClaimFilter>,
    counts: Mutex<Counts>,
}

/// What its worker can tell a run while it goes on.
#[derive(Clone, Default)]
pub(crate) struct Signals {
    /// End now; nothing more is published.
    pub(crate) stop: CancellationToken,
    /// Come to an end: publish what is in hand and leave the rest.
    pub(crate) finish_soon: CancellationToken,
}

/// What follows a run that went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    Nothing,
    RebuildVectorIndex,
    /// The run gave way to others: the rest of its lane is still to be done.
    RestOfLane,
}

/// How a run ended, and what it had done by then: a run that fails or gives way may have brought files into the index.
pub(crate) struct Ended {
    pub(crate) counts: Counts,
    pub(crate) result: Result<Afterwards, JobError>,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    /// Somebody else holds the lane now; nothing of this run may be published.
    #[error("the lease was lost")]
    LeaseLost,
    /// Told to stop; the work goes back to the queue as it is.
    #[error("stopped")]
    Stopped,
    /// Trying again cannot help until a person changes something.
    #[error("{0}")]
    Permanent(String),
    /// May work the next time.
    #[error(transparent)]
    Transient(#[from] anyhow::Error),
}

impl From<CodebaseError> for JobError {
    fn from(error: CodebaseError) -> Self {
        match error {
            CodebaseError::FenceLost { .. } => JobError::LeaseLost,
            // The next run makes vectors of the model that the project has now.
            CodebaseError::ModelChanged { .. } => JobError::Stopped,
            other => JobError::Transient(other.into()),
        }
    }
}

impl From<QueueError> for JobError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::LeaseLost => JobError::LeaseLost,
            other => JobError::Transient(other.into()),
        }
    }
}

impl From<RegistryError> for JobError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::EmbeddingMismatch { .. } | RegistryError::DimensionsOutOfRange { .. } => {
                JobError::Permanent(error.to_string())
            }
            other => JobError::Transient(other.into()),
        }
    }
}

impl From<WalkError> for JobError {
    fn from(error: WalkError) -> Self {
        JobError::Transient(error.into())
    }
}

impl From<EmbeddingError> for JobError {
    fn from(error: EmbeddingError) -> Self {
        match error {
            EmbeddingError::NotOffered { .. } => JobError::Permanent(format!(
                "{error}: configure an endpoint that has it, or change the project's model with `quarry project model`"
            )),
            other => JobError::Transient(other.into()),
        }
    }
}

/// Does the work of one claim.
pub(crate) async fn run(context: &Context, filter: &Arc<ClaimFilter>, claim: &Claim, signals: Signals) -> Ended {
    let run = match begin(context, filter, claim, signals).await {
        Ok(run) => run,
        Err(error) => {
            return Ended {
                counts: Counts::default(),
                result: Err(error),
            };
        }
    };
    let result = match claim.lane.kind {
        JobKind::SyncRepository => sync_repository::sync_repository(&run).await,
        JobKind::IndexFiles => index_files::index_files(&run).await,
        JobKind::RebuildVectorIndex => rebuild_vector_index::rebuild_vector_index(&run).await,
        JobKind::ChangeModel => change_model::change_model(&run).await,
        JobKind::RemoveRepository => remove_repository::remove_repository(&run).await,
    };
    Ended {
        counts: run.counts(),
        result,
    }
}

async fn begin(context: &Context, filter: &Arc<ClaimFilter>, claim: &Claim, signals: Signals) -> Result<Run, JobError> {
    let project = context.registry.project_by_id(ProjectId(claim.lane.project_id)).await?;
    let database = context.registry.database(&project).await?;
    quarry_codebase::raise_fence(&database, &claim.lane.name(), claim.fence).await?;
    Ok(Run {
        context: context.clone(),
        claim: claim.clone(),
        project,
        database,
        stop: signals.stop,
        finish_soon: signals.finish_soon,
        filter: filter.clone(),
        counts: Mutex::default(),
    })
}

/// Keeps status and counters of the repository true after a lane was settled: failed with its reason, or completed when
/// nothing waits any more.
pub(crate) async fn note_settlement(
    context: &Context,
    claim: &Claim,
    failure: Option<&str>,
    started: Instant,
) -> Result<(), JobError> {
    let (JobKind::SyncRepository | JobKind::IndexFiles, Some(repository_id)) =
        (claim.lane.kind, claim.lane.repository_id)
    else {
        return Ok(());
    };
    let project = context.registry.project_by_id(ProjectId(claim.lane.project_id)).await?;
    let database = context.registry.database(&project).await?;
    let fence = Fence {
        lane: claim.lane.name(),
        fence: claim.fence,
    };
    if let Some(reason) = failure {
        let elapsed = started.elapsed();
        return Ok(quarry_codebase::mark_failed(&database, &fence, repository_id, elapsed, reason).await?);
    }
    let queue = context.registry.pool();
    if !quarry_queue::pending(queue, claim.lane.project_id, Some(repository_id))
        .await?
        .is_settled()
    {
        return Ok(());
    }
    let repository = quarry_codebase::find_repository(&database, repository_id).await?;
    // A whole sync took as long as its walk and all its lanes; a single save took its own run.
    let duration = match repository.status {
        IndexingStatus::InProgress => quarry_queue::since_last_sync(queue, repository_id).await?,
        _ => started.elapsed(),
    };
    quarry_codebase::mark_completed(&database, &fence, repository_id, duration).await?;
    // Two lanes that end at the same moment each take the other for the last one.
    if claim.lane.kind == JobKind::IndexFiles && is_vector_index_outdated(&database).await? {
        quarry_queue::enqueue_rebuild(queue, claim.lane.project_id, "quarry").await?;
    }
    Ok(())
}

/// Whether the policy asks for another vector index than the one that stands.
async fn is_vector_index_outdated(database: &PgPool) -> Result<bool, JobError> {
    let health = quarry_codebase::vector_index_health(database).await?;
    Ok(matches!(health.next, Decision::Build { .. } | Decision::Drop))
}

impl Run {
    /// What every publication of this run is checked against.
    pub(crate) fn fence(&self) -> Fence {
        Fence {
            lane: self.claim.lane.name(),
            fence: self.claim.fence,
        }
    }

    /// Notes what was done, for the history.
    pub(crate) fn count(&self, counts: &Counts) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).add(counts);
    }

    /// What was noted so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who would be served if this run handed its lane back.
    pub(crate) async fn who_waits(&self) -> Result<Waiting, JobError> {
        let queue = self.context.registry.pool();
        Ok(quarry_queue::who_waits(queue, &self.claim, &self.filter).await?)
    }

    /// The error to end with when the run was told to stop.
    pub(crate) fn check_stop(&self) -> Result<(), JobError> {
        if self.stop.is_cancelled() {
            Err(JobError::Stopped)
        } else {
            Ok(())
        }
    }
}
