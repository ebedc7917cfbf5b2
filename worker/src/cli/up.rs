//! `quarry up`: Postgres, embedding endpoint, worker and watcher by one command. Indexes the given repositories, says how to
//! connect Claude Code, keeps the index fresh until Ctrl-C and then stops all of it.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use quarry_lifecycle::{Key, Shutdown, Source};
use quarry_registry::Registry;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::arguments::Up;
use super::project_model::stored_model;
use super::session::{Located, Session};
use super::{down, index, output, watch};
use crate::runner::Runner;
use crate::watch::Ended;

pub(super) async fn run(session: &Session, command: Up) -> Result<()> {
    let shutdown = Shutdown::on_signals();
    let outcome = serve(session, command, shutdown.token()).await;
    if session.config.database_url().is_none() {
        down::run(session).await?;
    }
    outcome
}

async fn serve(session: &Session, command: Up, stop: CancellationToken) -> Result<()> {
    let registry = session.registry().await?;
    output::notice("Postgres is ready");
    let context = session.context(registry.clone())?;
    let model = context.embedding.client().await?.probe().await?;
    output::notice(format!(
        "embedding model is ready: {}, {} dimensions",
        model.model, model.dimensions
    ));
    let configured = model.model;
    let runner = Runner::new(context, session.config.worker_concurrency())
        .with_pause_on_battery(session.config.pauses_on_battery());
    let (working, ended) = (runner.run(stop.clone()), stop.clone());
    let serving = async {
        let served = serve_repositories(session, &registry, command, &configured, &ended).await;
        ended.cancel();
        served
    };
    let (worked, served) = tokio::join!(working, serving);
    served.and(worked)
}

async fn serve_repositories(
    session: &Session,
    registry: &Registry,
    command: Up,
    configured_model: &str,
    stop: &CancellationToken,
) -> Result<()> {
    let mut watching = JoinSet::new();
    let served = tokio::select! {
        begun = index_and_watch(session, registry, command, configured_model, &mut watching, stop) => begun,
        () = stop.cancelled() => Ok(()),
    };
    if served.is_err() {
        stop.cancel();
    }
    stop.cancelled().await;
    watching.join_all().await;
    served
}

/// Begins to watch each repository before it is indexed, so that nothing saved in between is missed.
async fn index_and_watch(
    session: &Session,
    registry: &Registry,
    command: Up,
    configured_model: &str,
    watching: &mut JoinSet<Ended>,
    stop: &CancellationToken,
) -> Result<()> {
    let paths = if command.paths.is_empty() {
        vec![PathBuf::from(".")]
    } else {
        command.paths
    };
    let mut projects: Vec<String> = Vec::new();
    for path in &paths {
        let located: Located = session
            .locate_or_create(registry, path, command.project.as_deref())
            .await?;
        let name = located.project.name.as_str();
        let database = registry.database(&located.project).await?;
        if let Some(stored) = stored_model(&located.project, &database).await?
            && stored != configured_model
        {
            output::notice(format!(
                "project {name} stays with the model {stored}; to embed it anew: quarry project model {name} {configured_model}"
            ));
        }
        let mut watched = None;
        // The server of a git URL is asked by the worker.
        if located.repository.remote.is_none() {
            let watch = watch::begin(session, registry, &located).await?;
            watched = Some(watch::describe(&located, &watch));
            watching.spawn(watch::run_one(watch, located.repository.root.clone(), stop.clone()));
        }
        let report = index::bring_up_to_date(session, registry, &located, false).await?;
        output::line(report.summary())?;
        if let Some(line) = watched {
            output::line(line)?;
        }
        projects.push(report.project);
    }
    projects.dedup();
    output::line("\nConnect Claude Code:")?;
    for project in projects {
        output::line(format!("  {}", connect_line(session, &project)?))?;
    }
    output::line("\nWorking; Ctrl-C stops everything.")
}

/// The command that connects Claude Code to this very installation. A password stays in the environment it comes from.
fn connect_line(session: &Session, project: &str) -> Result<String> {
    let program = std::env::current_exe().context("find the quarry program")?;
    let config = &session.config;
    let mut line = "claude mcp add quarry".to_owned();
    if config.database_url().is_some() {
        line.push_str(" -e QUARRY_DATABASE_URL=\"$QUARRY_DATABASE_URL\"");
    }
    line.push_str(&format!(" -- {} mcp", program.display()));
    if *config.source(Key::Home) != Source::Default {
        line.push_str(&format!(" --home {}", config.home().display()));
    }
    line.push_str(&format!(" --project {project}"));
    Ok(line)
}
