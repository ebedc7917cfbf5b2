//! `quarry project model`: which model a project is embedded with, and embedding it anew with another one. A changed setting
//! alone changes no project: that could cost hours, or money, that nobody meant to spend.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use quarry_codebase::{EmbeddingModels, NextModel};
use quarry_embedding::ModelIdentity;
use quarry_lifecycle::Shutdown;
use quarry_queue::JobKind;
use quarry_registry::{MAX_DIMENSIONS, PgPool, Project, ProjectName, Registry};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::index::wait_for_ticket;
use super::output;
use super::session::{Session, created_by};
use crate::runner::Runner;

/// A part of the key of the cache of vectors, which may take 2 700 bytes.
const MAX_MODEL_BYTES: usize = 1_500;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The project
    name: String,
    /// Embed it anew with this model, in the background; the one it has: stay with it [default: only show]. A name alone
    /// means that its documents are sent as they are, 'NAME + "PREFIX"' with that before each; the line `configured` shows yours
    model: Option<String>,
    /// Return when the project answers from the new vectors
    #[arg(long, requires = "model")]
    wait: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(session: &Session, registry: &Registry, arguments: Arguments) -> Result<()> {
    let project = registry.project(&ProjectName::parse(&arguments.name)?).await?;
    let database = registry.database(&project).await?;
    if let Some(model) = &arguments.model
        && let Some(ticket) = change(session, registry, &project, &database, model).await?
    {
        if arguments.wait {
            work_until_changed(session, registry, &project, ticket).await?;
        } else if !quarry_queue::workers(registry.pool())
            .await?
            .iter()
            .any(|worker| worker.alive)
        {
            output::notice("no worker is running: start one with `quarry worker`, or use --wait");
        }
    }
    show(session, registry, &arguments, &database).await
}

/// Begins the change, or gives up the one under way; none: there is nothing to wait for.
async fn change(
    session: &Session,
    registry: &Registry,
    project: &Project,
    database: &PgPool,
    model: &str,
) -> Result<Option<Uuid>> {
    let name = project.name.as_str();
    let embedding = session.context(registry.clone())?.embedding;
    let model = ModelIdentity::parse(model).to_string();
    let Some(stored) = stored_model(project, database).await? else {
        bail!("nothing is embedded in project {name} yet: its first index run takes the configured model");
    };
    if stored == model {
        if quarry_codebase::cancel_model_change(database).await? {
            output::notice(format!("project {name} stays with {model}"));
        }
        return Ok(None);
    }
    if model.len() > MAX_MODEL_BYTES {
        bail!("a model's name with what goes before its documents takes at most {MAX_MODEL_BYTES} bytes");
    }
    let offered = embedding.client_for(&model).await?.probe().await?;
    if offered.dimensions > MAX_DIMENSIONS {
        bail!(
            "{model} gives vectors of {} dimensions, more than {MAX_DIMENSIONS} cannot be indexed: ask it for fewer, or choose \
             another model",
            offered.dimensions
        );
    }
    // A project from before the table that says so.
    quarry_codebase::note_stored_model(database, &stored).await?;
    quarry_codebase::begin_model_change(database, &model, offered.dimensions).await?;
    let ticket = quarry_queue::enqueue_model_change(registry.pool(), project.id.0, &created_by()).await?;
    Ok(Some(ticket.id))
}

/// The model of the vectors that answer.
pub(super) async fn stored_model(project: &Project, database: &PgPool) -> Result<Option<String>> {
    let stored = quarry_codebase::embedding_models(database).await?.stored;
    Ok(stored.or_else(|| project.embedding.as_ref().map(|pinned| pinned.model.clone())))
}

async fn work_until_changed(session: &Session, registry: &Registry, project: &Project, ticket: Uuid) -> Result<()> {
    let stop = CancellationToken::new();
    let is_alone = !quarry_queue::workers(registry.pool())
        .await?
        .iter()
        .any(|worker| worker.alive);
    let runner = if is_alone {
        let runner = Runner::new(session.context(registry.clone())?, 1)
            .for_projects([project.id.0])
            .for_kinds([JobKind::ChangeModel, JobKind::RebuildVectorIndex]);
        let stop = stop.clone();
        Some(tokio::spawn(async move { runner.run(stop).await }))
    } else {
        None
    };
    let shutdown = Shutdown::on_signals();
    let waited = tokio::select! {
        waited = wait_for_ticket(registry, ticket, project.name.as_str()) => waited,
        () = shutdown.requested() => Err(anyhow::anyhow!(
            "interrupted; the change goes on when a worker runs, `quarry project model` with the old model gives it up"
        )),
    };
    stop.cancel();
    if let Some(runner) = runner {
        runner.await??;
    }
    waited
}

async fn show(session: &Session, registry: &Registry, arguments: &Arguments, database: &PgPool) -> Result<()> {
    let project = registry.project(&ProjectName::parse(&arguments.name)?).await?;
    let stored = stored_model(&project, database).await?;
    let EmbeddingModels { next, .. } = quarry_codebase::embedding_models(database).await?;
    let progress = match next {
        Some(_) => quarry_codebase::model_change_progress(database).await?,
        None => Default::default(),
    };
    let embedding = session.context(registry.clone())?.embedding;
    let configured = async { embedding.client().await?.probe().await }
        .await
        .context("ask the configured endpoint for its model");
    if arguments.json {
        return output::json(&json!({
            "project": project.name.as_str(),
            "model": stored,
            "next_model": next,
            "embedded_chunks": next.as_ref().map(|_| progress.done),
            "chunks": next.as_ref().map(|_| progress.total),
            "configured_model": configured.as_ref().ok().map(|offered| &offered.model),
        }));
    }
    output::line(format!(
        "model        {}",
        stored.as_deref().unwrap_or("not chosen yet")
    ))?;
    if let Some(NextModel { model, since, .. }) = &next {
        output::line(format!(
            "next model   {model}: {} of {} chunks are embedded, asked for at {}",
            progress.done,
            progress.total,
            since.to_rfc3339()
        ))?;
    }
    match configured {
        Ok(offered) => output::line(format!("configured   {}", offered.model)),
        Err(error) => output::line(format!("configured   {error:#}")),
    }
}
