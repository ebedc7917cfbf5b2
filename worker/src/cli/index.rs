//! `quarry index`: enqueues a sync and, with --wait, sees it through. Where a worker of this machine is alive the command
//! waits for it; where none is, it does the work itself.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use quarry_codebase::FollowedBranch;
use quarry_lifecycle::Shutdown;
use quarry_queue::{SyncRequest, Ticket, TicketState, TicketStatus};
use quarry_registry::{Registry, is_branch_name};
use serde::Serialize;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::arguments::Index;
use super::output;
use super::place::Place;
use super::progress_bar::ProgressBar;
use super::session::{Located, Session, created_by};
use crate::pipeline::Counts;
use crate::runner::Runner;

/// How often the ticket is looked at. A look is one indexed query.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// After this long the pace is eased: a long load needs no fifty looks a second.
const EASE_AFTER: Duration = Duration::from_secs(2);

/// So long nobody may be at work on what is waited for: every worker that is alive may be told to do something else.
const NOBODY_COMES_AFTER: Duration = Duration::from_secs(5);

/// What `quarry index --json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) project: String,
    pub(super) repository: String,
    pub(super) files_total: u64,
    pub(super) files_read: u64,
    pub(super) files_indexed: u64,
    pub(super) files_unchanged: u64,
    pub(super) files_removed: u64,
    pub(super) files_skipped: std::collections::BTreeMap<String, u64>,
    pub(super) chunks: u64,
    pub(super) embedded: u64,
    pub(super) reused: u64,
    pub(super) seconds: f64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) refused: u64,
    pub(super) stage_ms: crate::pipeline::StageMillis,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form serde asks for")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

pub(super) async fn run(session: &Session, command: Index) -> Result<()> {
    let registry = session.registry().await?;
    let located = session
        .locate_or_follow(
            &registry,
            &command.path,
            command.project.as_deref(),
            followed(&command)?,
        )
        .await?;
    if !command.wait {
        let ticket = enqueue(&registry, &located, command.full).await?;
        let alive = alive_for(session, &registry, &located).await?;
        if command.json {
            return output::json(&serde_json::json!({
                "project": located.project.name.as_str(),
                "repository": located.repository.root,
                "ticket": ticket.id,
                "deduplicated": ticket.deduplicated,
                "workers": alive,
            }));
        }
        output::line(format!(
            "queued {} in project {}",
            located.repository.root,
            located.project.name.as_str()
        ))?;
        if alive == 0 {
            output::notice("no worker is running: start one with `quarry worker`, or use --wait");
        }
        return Ok(());
    }
    let report = bring_up_to_date(session, &registry, &located, command.full).await?;
    if command.json {
        output::json(&report)
    } else {
        output::line(report.summary())
    }
}

/// Enqueues a sync, waits until everything it found is searchable and returns what was done.
pub(super) async fn bring_up_to_date(
    session: &Session,
    registry: &Registry,
    located: &Located,
    full: bool,
) -> Result<Report> {
    let started = Instant::now();
    let ticket = enqueue(registry, located, full).await?;
    work_until_done(session, registry, located, ticket.id).await?;
    let mut counts = Counts::default();
    for run in quarry_queue::ticket_counts(registry.pool(), ticket.id).await? {
        counts.add(&serde_json::from_value(run)?);
    }
    Ok(Report {
        project: located.project.name.as_str().to_owned(),
        repository: located.repository.root.clone(),
        files_total: counts.files_total,
        files_read: counts.files_read,
        files_indexed: counts.files_indexed,
        files_unchanged: counts.files_unchanged,
        files_removed: counts.files_removed,
        files_skipped: counts.files_skipped,
        chunks: counts.chunks,
        embedded: counts.embedded,
        reused: counts.reused,
        refused: counts.refused,
        seconds: started.elapsed().as_secs_f64(),
        stage_ms: counts.stage_ms,
    })
}

/// What `--branch` says. A directory has the branch that is checked out in it.
fn followed(command: &Index) -> Result<FollowedBranch<'_>> {
    match command.branch.as_deref() {
        None => Ok(FollowedBranch::AsItIs),
        Some(_) if !Place::is_url(&command.path) => {
            bail!(
                "--branch is for git URLs: check the branch out in {}",
                command.path.display()
            )
        }
        Some("HEAD") => Ok(FollowedBranch::Default),
        Some(name) if is_branch_name(name) => Ok(FollowedBranch::Named(name)),
        Some(name) => bail!("{name:?} is no name of a branch"),
    }
}

/// Workers that may take the repository up: those of its host, or of any for a git URL.
pub(super) async fn alive_for(session: &Session, registry: &Registry, located: &Located) -> Result<i64> {
    let host = &located.repository.host;
    if located.repository.remote.is_some() {
        let workers = quarry_queue::workers(registry.pool()).await?;
        return Ok(workers.iter().filter(|worker| worker.alive).map(|_| 1).sum());
    }
    // Who carries a label nobody can tell.
    let host = if session.hosts()?.contains(host) {
        &session.host()?
    } else {
        host
    };
    Ok(quarry_queue::workers_alive(registry.pool(), host).await?)
}

pub(super) async fn enqueue(registry: &Registry, located: &Located, full: bool) -> Result<Ticket> {
    let request = SyncRequest {
        full,
        ..SyncRequest::new(created_by())
    };
    let (project, repository) = (located.project.id.0, &located.repository);
    Ok(quarry_queue::enqueue_sync(registry.pool(), project, repository.id, Some(&repository.host), request).await?)
}

/// Waits for a ticket, with a runner of its own where no worker of this machine is alive, or none takes it up. Who carries
/// a label nobody can tell: a repository under one the command helps with at once.
pub(super) async fn work_until_done(
    session: &Session,
    registry: &Registry,
    located: &Located,
    ticket: Uuid,
) -> Result<()> {
    let until_it_ends = std::future::pending();
    work_until(session, registry, located, ticket, until_it_ends).await
}

/// The same, but no longer than until `given_up`. What is not done then stays queued, and is an error.
pub(super) async fn work_until(
    session: &Session,
    registry: &Registry,
    located: &Located,
    ticket: Uuid,
    given_up: impl Future<Output = anyhow::Error>,
) -> Result<()> {
    let host = session.host()?;
    let shutdown = Shutdown::on_signals();
    let stop = CancellationToken::new();
    let is_url = located.repository.remote.is_some();
    let is_reached = session.reaches(&located.repository).await?;
    if is_url && !is_reached && alive_for(session, registry, located).await? == 0 {
        bail!(
            "git is not installed on this machine, or may not clone: install it, or start `quarry worker` on a machine \
             that has it"
        );
    }
    let has_label = !is_url && located.repository.host != host;
    let is_alone = is_reached && (has_label || quarry_queue::workers_alive(registry.pool(), &host).await? == 0);
    let mut runner = match is_alone {
        true => Some(start_runner(session, registry, located, &stop)?),
        false => None,
    };
    let waiting = wait_for_ticket(registry, ticket, &located.repository.root);
    tokio::pin!(waiting, given_up);
    let waited = loop {
        tokio::select! {
            waited = &mut waiting => break waited,
            reason = &mut given_up => break Err(reason),
            () = shutdown.requested() => break Err(anyhow::anyhow!(
                "interrupted; what is queued stays queued: `quarry worker` or the next run takes it up"
            )),
            left = left_alone(registry, ticket), if is_reached && runner.is_none() => match left {
                Ok(()) => runner = Some(start_runner(session, registry, located, &stop)?),
                Err(error) => break Err(error),
            },
        }
    };
    stop.cancel();
    if let Some(runner) = runner {
        runner.await??;
    }
    waited
}

fn start_runner(
    session: &Session,
    registry: &Registry,
    located: &Located,
    stop: &CancellationToken,
) -> Result<JoinHandle<Result<()>>> {
    let runner = Runner::new(session.context(registry.clone())?, session.config.worker_concurrency())
        .for_projects([located.project.id.0]);
    let stop = stop.clone();
    Ok(tokio::spawn(async move { runner.run(stop).await }))
}

/// Returns once nobody has been at work on a ticket for a while.
async fn left_alone(registry: &Registry, ticket: Uuid) -> Result<()> {
    let mut since = Instant::now();
    while since.elapsed() < NOBODY_COMES_AFTER {
        tokio::time::sleep(NOBODY_COMES_AFTER / 10).await;
        if quarry_queue::ticket_status(registry.pool(), ticket).await?.state != TicketState::Waiting {
            since = Instant::now();
        }
    }
    Ok(())
}

/// Waits for a ticket and shows how far it has come.
pub(super) async fn wait_for_ticket(registry: &Registry, ticket: Uuid, name: &str) -> Result<()> {
    let started = Instant::now();
    let mut bar = ProgressBar::new(Path::new(name));
    loop {
        let status: TicketStatus = quarry_queue::ticket_status(registry.pool(), ticket).await?;
        match status.state {
            TicketState::Done => {
                bar.finish();
                return Ok(());
            }
            TicketState::Failed => {
                bar.finish();
                bail!(
                    "{}",
                    status
                        .error
                        .unwrap_or_else(|| "the job failed without a reason".to_owned())
                );
            }
            TicketState::Cancelled => bail!("the job was cancelled"),
            TicketState::Waiting | TicketState::Running => bar.show(&status),
        }
        let pace = if started.elapsed() < EASE_AFTER {
            LOOK_EVERY
        } else {
            LOOK_EVERY * 5
        };
        tokio::time::sleep(pace).await;
    }
}

impl Report {
    /// One paragraph for a person.
    pub(super) fn summary(&self) -> String {
        let mut text = format!(
            "indexed {} in project {}: {} files ({} indexed, {} unchanged, {} removed), {} chunks ({} embedded, {} reused) in {:.1} s",
            self.repository,
            self.project,
            self.files_total,
            self.files_indexed,
            self.files_unchanged,
            self.files_removed,
            self.chunks,
            self.embedded,
            self.reused,
            self.seconds,
        );
        if !self.files_skipped.is_empty() {
            let reasons: Vec<String> = self
                .files_skipped
                .iter()
                .map(|(reason, count)| format!("{count} {reason}"))
                .collect();
            text.push_str(&format!("\nleft out: {}", reasons.join(", ")));
        }
        if self.refused > 0 {
            text.push_str(&format!(
                "\nwithout a vector (found by words only): {} chunks",
                self.refused
            ));
        }
        text
    }
}
