//! Tells the queue what changed. While the database is away it keeps trying, and what is saved meanwhile is kept in the
//! outbox. Never reads the tree.

use std::time::Duration;

use quarry_codebase::CodebaseError;
use quarry_queue::{Debounce, QueueError, SyncRequest};
use quarry_registry::{ProjectId, Registry, RegistryError};
use uuid::Uuid;

use super::outbox::Outbox;
use super::pace::Handed;

/// Between two attempts at a database that does not answer; doubled each time up to the limit.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest pause: a save made while the database restarts is late by this much at most.
const PAUSE_LIMIT: Duration = Duration::from_secs(3);

/// A database that takes longer counts as away. Enqueuing takes milliseconds, and doing it twice does no harm.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// Whom the queue is told about.
#[derive(Clone)]
pub(super) struct Addressee {
    pub(super) registry: Registry,
    pub(super) project_id: Uuid,
    pub(super) repository_id: Uuid,
    pub(super) host: String,
    pub(super) requested_by: String,
}

/// Why something was not told.
#[derive(Debug, thiserror::Error)]
enum Untold {
    /// The repository is not in its project any more, or the project is gone: nobody wants to know.
    #[error("it was removed from its project")]
    Removed,
    /// May work the next time.
    #[error(transparent)]
    ForNow(#[from] anyhow::Error),
}

/// Delivers until the repository or its project is removed; anything else that goes wrong is waited out.
pub(super) async fn deliver(outbox: &Outbox, addressee: &Addressee, name: &str) {
    let mut pause = PAUSE;
    loop {
        let handed = outbox.take().await;
        let trouble = match tokio::time::timeout(ANSWER_LIMIT, tell(&handed, addressee)).await {
            Ok(Ok(())) => {
                if pause != PAUSE {
                    tracing::info!("the queue answers again: changes of {name} are delivered");
                }
                pause = PAUSE;
                continue;
            }
            Ok(Err(Untold::Removed)) => return,
            Ok(Err(Untold::ForNow(error))) => format!("{error:#}"),
            Err(_) => "no answer".to_owned(),
        };
        if pause == PAUSE {
            tracing::warn!("the queue cannot be told about changes of {name}, trying on: {trouble}");
        }
        outbox.add(handed);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_LIMIT);
    }
}

async fn tell(handed: &Handed, to: &Addressee) -> Result<(), Untold> {
    check_existence(to).await?;
    let (queue, project, repository, host) = (to.registry.pool(), to.project_id, to.repository_id, Some(&*to.host));
    if !handed.marks.is_empty() {
        let paths: Vec<String> = handed.marks.iter().cloned().collect();
        let debounce = Debounce::default();
        quarry_queue::mark_dirty(queue, project, repository, host, &paths, debounce, &to.requested_by).await?;
    }
    if handed.sync.is_some() {
        let request = SyncRequest::new(&to.requested_by);
        quarry_queue::enqueue_sync(queue, project, repository, host, request).await?;
    }
    Ok(())
}

/// The queue would take work for a repository that is gone: it does not know the projects' databases.
async fn check_existence(to: &Addressee) -> Result<(), Untold> {
    let project = to.registry.project_by_id(ProjectId(to.project_id)).await?;
    let database = to.registry.database(&project).await?;
    quarry_codebase::find_repository(&database, to.repository_id).await?;
    Ok(())
}

impl From<QueueError> for Untold {
    fn from(error: QueueError) -> Untold {
        match error {
            QueueError::RepositoryRemoved(_) | QueueError::UnknownProject(_) => Untold::Removed,
            other => Untold::ForNow(other.into()),
        }
    }
}

impl From<RegistryError> for Untold {
    fn from(error: RegistryError) -> Untold {
        match error {
            RegistryError::UnknownProjectId(_) => Untold::Removed,
            other => Untold::ForNow(other.into()),
        }
    }
}

impl From<CodebaseError> for Untold {
    fn from(error: CodebaseError) -> Untold {
        match error {
            CodebaseError::NotFound { .. } => Untold::Removed,
            other => Untold::ForNow(other.into()),
        }
    }
}
