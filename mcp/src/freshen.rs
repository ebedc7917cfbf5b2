//! Brings repositories up to date before a search answers, within a bound: what was saved before the call is found by it.
//! Where that does not come off, says why; the search answers all the same.

use std::path::Path;
use std::time::{Duration, Instant};

use quarry_codebase::Repository;
use quarry_queue::{SyncRequest, TicketState};
use quarry_registry::Project;
use uuid::Uuid;

use crate::allowed_roots::is_below_a_root;
use crate::backend::Backend;
use crate::call::Call;
use crate::tool_error::ToolError;

/// How often the tickets are looked at. A look is two short queries.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Compares the repositories with their trees and waits until what differs is searchable. Returns what could not be done,
/// in words.
pub(crate) async fn freshen(
    call: &Call<'_>,
    project: &Project,
    repositories: &[Repository],
    limit: Duration,
) -> Result<Vec<String>, ToolError> {
    if !call.access.may_write() {
        return Ok(vec![
            "this session is read-only: the index was not brought up to date".to_owned(),
        ]);
    }
    let backend = call.backend;
    let until = Instant::now() + limit;
    let registry = backend.registry().await?;
    let mut notes = Vec::new();
    let mut open: Vec<(Uuid, &str)> = Vec::with_capacity(repositories.len());
    for repository in repositories {
        if let Some(reason) = why_not(backend, repository).await? {
            notes.push(format!("{} was not brought up to date: {reason}", repository.root));
            continue;
        }
        let (project, host) = (project.id.0, Some(repository.host.as_str()));
        let request = SyncRequest::new(&call.caller);
        let ticket = quarry_queue::enqueue_sync(registry.pool(), project, repository.id, host, request).await?;
        open.push((ticket.id, &repository.root));
    }
    for (ticket, root) in open {
        if let Some(reason) = wait(backend, ticket, until).await? {
            notes.push(format!("{root} was not brought up to date: {reason}"));
        }
    }
    Ok(notes)
}

/// Why nobody would do it, if nobody would. Starts a worker where that helps.
async fn why_not(backend: &Backend, repository: &Repository) -> Result<Option<String>, ToolError> {
    let registry = backend.registry().await?;
    if repository.remote.is_some() {
        backend.ensure_worker().await?;
    } else if repository.host == backend.host()? {
        if !is_below_a_root(&backend.options.roots, Path::new(&repository.root))? {
            return Ok(Some("it lies outside what this server may index".to_owned()));
        }
        backend.ensure_worker().await?;
    } else if quarry_queue::workers_alive(registry.pool(), &repository.host).await? == 0 {
        return Ok(Some(format!("no worker is alive on {}", repository.host)));
    }
    Ok(None)
}

/// Why the ticket is not done, if it is not.
async fn wait(backend: &Backend, ticket: Uuid, until: Instant) -> Result<Option<String>, ToolError> {
    let registry = backend.registry().await?;
    loop {
        let status = quarry_queue::ticket_status(registry.pool(), ticket).await?;
        match status.state {
            TicketState::Done => return Ok(None),
            TicketState::Failed | TicketState::Cancelled => {
                return Ok(Some(status.error.unwrap_or_else(|| status.state.as_str().to_owned())));
            }
            TicketState::Waiting if backend.worker_failed().await? => return backend.no_worker().await,
            TicketState::Waiting | TicketState::Running => {}
        }
        if Instant::now() >= until {
            let waiting = status.pending_files;
            return Ok(Some(format!("{waiting} files still waited when its time was over")));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
