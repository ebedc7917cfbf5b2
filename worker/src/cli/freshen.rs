//! Brings repositories up to date before a search answers, within a bound: what was saved before the search is found by it.
//! Where that does not come off, says why; the search answers all the same.

use std::time::Duration;

use anyhow::{Result, anyhow};
use quarry_codebase::Repository;
use quarry_registry::{Project, Registry};
use tokio::time::Instant;

use super::index::{alive_for, enqueue, work_until};
use super::session::{Located, Session};

/// Compares every one of the repositories with its tree and waits until what differs is searchable. Returns what could not
/// be done, in words; nothing when the answer will be as fresh as it can be.
pub(super) async fn freshen(
    session: &Session,
    registry: &Registry,
    project: &Project,
    repositories: Vec<Repository>,
    limit: Duration,
) -> Result<Vec<String>> {
    let until = Instant::now() + limit;
    let mut notes = Vec::new();
    let mut asked = Vec::with_capacity(repositories.len());
    for repository in repositories {
        let located = Located {
            project: project.clone(),
            repository,
        };
        let host = &located.repository.host;
        if alive_for(session, registry, &located).await? == 0 && !session.reaches(&located.repository).await? {
            notes.push(format!(
                "{} is not brought up to date: no worker is alive on {host}",
                located.repository.root
            ));
            continue;
        }
        let ticket = enqueue(registry, &located, false).await?;
        asked.push((located, ticket.id));
    }
    for (located, ticket) in asked {
        let given_up = async {
            tokio::time::sleep_until(until).await;
            anyhow!("gave up after {} s", limit.as_secs())
        };
        if let Err(error) = work_until(session, registry, &located, ticket, given_up).await {
            notes.push(format!(
                "{} is not brought up to date: {error:#}",
                located.repository.root
            ));
        }
    }
    Ok(notes)
}
