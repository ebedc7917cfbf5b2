//! `quarry up`: Postgres, embedding endpoint, worker and watcher by one command. Indexes the given repositories, says how to
//! connect Claude Code, keeps the index fresh until Ctrl-C and then stops all of it.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use quarry_lifecycle::Shutdown;
use quarry_registry::Registry;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::arguments::Up;
use super::connect_line::connect_line;
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
    let mcp = serve_mcp(session, &command, &stop).await?;
    let runner = Runner::new(context, session.config.worker_concurrency())
        .with_pause_on_battery(session.config.pauses_on_battery());
    let (working, ended) = (runner.run(stop.clone()), stop.clone());
    let serving = async {
        let served = serve_repositories(session, &registry, command, &configured, &ended).await;
        ended.cancel();
        served
    };
    let (worked, served) = tokio::join!(working, serving);
    if let Some(mcp) = mcp {
        mcp.await.context("serve MCP")??;
    }
    served.and(worked)
}

/// MCP over HTTP beside the rest. An address that is taken stops nothing: clients can also start a server of their own.
async fn serve_mcp(
    session: &Session,
    command: &Up,
    stop: &CancellationToken,
) -> Result<Option<JoinHandle<Result<()>>>> {
    if command.no_http {
        return Ok(None);
    }
    let options = quarry_mcp::Options {
        project: command.project.clone(),
        roots: command.paths.iter().filter(|path| path.is_dir()).cloned().collect(),
        http: quarry_mcp::HttpOptions {
            listen: Some(command.http),
            ..quarry_mcp::HttpOptions::default()
        },
        program: std::env::current_exe().context("find the quarry program")?,
        ..quarry_mcp::Options::default()
    };
    match quarry_mcp::bind_http(session.config.clone(), options, stop.clone()).await {
        Ok(server) => {
            let url = server.url();
            output::notice(format!(
                "serving MCP at {url}: claude mcp add --transport http quarry {url}"
            ));
            Ok(Some(tokio::spawn(server.serve())))
        }
        Err(error) => {
            output::notice(format!(
                "not serving MCP over HTTP: {error:#}; --http takes another address"
            ));
            Ok(None)
        }
    }
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
                "project {name} stays with the model {stored}; to embed it anew: quarry project model {name} {}",
                output::shell_word(configured_model)
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
        output::line(format!("  {}", connect_line(session, Some(&project))?))?;
    }
    output::line("\nWorking; Ctrl-C stops everything.")
}
