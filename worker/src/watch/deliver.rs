//! Tells the queue what changed. While the database is away it keeps trying, and what is saved meanwhile is kept in the
//! outbox. Never reads the tree.

use std::time::Duration;

use quarry_queue::{Debounce, QueueError, SyncRequest};
use quarry_registry::PgPool;
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
#[derive(Debug, Clone)]
pub(super) struct Addressee {
    pub(super) queue: PgPool,
    pub(super) project_id: Uuid,
    pub(super) repository_id: Uuid,
    pub(super) host: String,
    pub(super) requested_by: String,
}

/// Delivers for ever, or until the repository or its project is removed.
///
/// # Errors
/// [`QueueError::RepositoryRemoved`] and [`QueueError::UnknownProject`]; all others are waited out.
pub(super) async fn deliver(outbox: &Outbox, addressee: &Addressee, name: &str) -> Result<(), QueueError> {
    let mut pause = PAUSE;
    loop {
        let handed = outbox.take().await;
        let answer = tokio::time::timeout(ANSWER_LIMIT, tell(&handed, addressee)).await;
        let trouble = match answer {
            Ok(Ok(())) if pause == PAUSE => continue,
            Ok(Ok(())) => {
                tracing::info!("the queue answers again: changes of {name} are delivered");
                pause = PAUSE;
                continue;
            }
            Ok(Err(error @ (QueueError::RepositoryRemoved(_) | QueueError::UnknownProject(_)))) => return Err(error),
            Ok(Err(error)) => format!("{:#}", anyhow::Error::from(error)),
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

async fn tell(handed: &Handed, to: &Addressee) -> Result<(), QueueError> {
    let (project, repository, host) = (to.project_id, to.repository_id, Some(to.host.as_str()));
    if !handed.marks.is_empty() {
        let paths: Vec<String> = handed.marks.iter().cloned().collect();
        let debounce = Debounce::default();
        quarry_queue::mark_dirty(&to.queue, project, repository, host, &paths, debounce, &to.requested_by).await?;
    }
    if handed.sync.is_some() {
        let request = SyncRequest::new(&to.requested_by);
        quarry_queue::enqueue_sync(&to.queue, project, repository, host, request).await?;
    }
    Ok(())
}
