//! `quarry worker`: one worker process.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use quarry_lifecycle::Shutdown;
use quarry_queue::JobKind;
use quarry_registry::{ProjectName, Registry};
use uuid::Uuid;

use super::session::Session;
use super::wrong_usage::{WrongUsage, label};
use crate::runner::Runner;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Jobs at the same time [default: QUARRY_WORKER_CONCURRENCY]
    #[arg(long)]
    concurrency: Option<usize>,
    /// Take work of these projects only [default: all]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    projects: Vec<String>,
    /// Do these kinds of work only [default: all]
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', value_parser = kinds())]
    kinds: Vec<JobKind>,
    /// Also take repositories that were indexed under these labels: their paths must be the same here. Added to
    /// QUARRY_WORKER_LABELS
    #[arg(long, value_name = "LABEL,…", value_delimiter = ',', value_parser = label)]
    labels: Vec<String>,
    /// Exit after this many seconds without work
    #[arg(long, value_name = "SECONDS")]
    idle_exit_s: Option<u64>,
}

fn kinds() -> impl TypedValueParser<Value = JobKind> {
    let words = JobKind::ALL.map(JobKind::as_str);
    PossibleValuesParser::new(words).map(|word| word.parse().expect("only words of kinds are let through"))
}

pub(super) async fn run(session: &Session, arguments: Arguments) -> Result<()> {
    let registry = session.registry().await?;
    let projects = projects(&registry, &arguments.projects).await?;
    let context = session.context(registry)?;
    let concurrency = arguments
        .concurrency
        .unwrap_or_else(|| session.config.worker_concurrency());
    let shutdown = Shutdown::on_signals();
    tracing::info!(concurrency, host = %context.host, "worker started on {}: {concurrency} jobs at a time", context.host);
    let mut runner = Runner::new(context, concurrency)
        .with_labels(arguments.labels)
        .with_idle_exit(arguments.idle_exit_s.map(Duration::from_secs))
        .with_pause_on_battery(session.config.pauses_on_battery());
    if !projects.is_empty() {
        runner = runner.for_projects(projects);
    }
    if !arguments.kinds.is_empty() {
        runner = runner.for_kinds(arguments.kinds);
    }
    runner.run(shutdown.token()).await
}

/// The projects of these names. A worker that waits for a project nobody has would wait for ever.
async fn projects(registry: &Registry, names: &[String]) -> Result<Vec<Uuid>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let known = registry.projects().await?;
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        let name = ProjectName::parse(name).map_err(|error| WrongUsage(error.to_string()))?;
        match known.iter().find(|project| project.name == name) {
            Some(project) => ids.push(project.id.0),
            None => {
                let known: Vec<&str> = known.iter().map(|project| project.name.as_str()).collect();
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                return Err(WrongUsage(format!("there is no project {}; known: {known}", name.as_str())).into());
            }
        }
    }
    Ok(ids)
}
