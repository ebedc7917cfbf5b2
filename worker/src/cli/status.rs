//! `quarry status`: freshness, queue, workers and index health. Starts nothing that is not running.

use anyhow::Result;
use quarry_codebase::{Freshness, NextModel, Repository, VectorIndexHealth};
use quarry_postgres::RunState;
use quarry_registry::{Project, ProjectName, Registry};
use quarry_workflow::{Layout, entity_layout};
use serde_json::{Value, json};

use super::arguments::Status;
use super::output;
use super::project_model::stored_model;
use super::search::freshness;
use super::session::Session;
use crate::runner::is_battery_in_use;

pub(super) async fn run(session: &Session, command: Status) -> Result<()> {
    if session.config.database_url().is_none() && !is_postgres_running(session).await? {
        if command.json {
            return output::json(&json!({ "postgres": "stopped", "projects": [] }));
        }
        return output::line("Postgres is not running: `quarry up` or `quarry index PATH` starts it");
    }
    let registry = session.registry().await?;
    let projects = match &command.project {
        Some(name) => vec![registry.project(&ProjectName::parse(name)?).await?],
        None => registry.projects().await?,
    };
    let workers = quarry_queue::workers(registry.pool()).await?;
    let depth = quarry_queue::queue_depth(registry.pool(), None).await?;
    let paused = session.config.pauses_on_battery() && is_battery_in_use();
    let mut standing = Vec::with_capacity(projects.len());
    for project in &projects {
        standing.push(Standing::of(&registry, project).await?);
    }
    if command.json {
        return output::json(&json!({
            "postgres": "running",
            "workers": workers,
            "paused_on_battery": paused,
            "queue": depth,
            "projects": standing.iter().map(Standing::describe).collect::<Vec<_>>(),
        }));
    }
    output::line(format!(
        "{} workers; queue: {} ready, {} running, {} parked, {} files waiting",
        workers.len(),
        depth.ready,
        depth.leased,
        depth.parked,
        depth.dirty_files
    ))?;
    if paused {
        output::line(
            "this machine runs on its battery: its workers begin nothing until it is plugged in (worker.on_battery)",
        )?;
    }
    for project in &standing {
        project.print()?;
    }
    Ok(())
}

async fn is_postgres_running(session: &Session) -> Result<bool> {
    Ok(quarry_postgres::server_status(session.config.home()).await?.state == RunState::Running)
}

/// One project, as far as people ask for it.
struct Standing {
    name: String,
    model: Option<String>,
    next_model: Option<NextModel>,
    repositories: Vec<RepositoryStanding>,
    index: VectorIndexHealth,
    entities: Layout,
}

struct RepositoryStanding {
    repository: Repository,
    freshness: Freshness,
    /// A comparison of the whole tree waits or runs.
    pending_sync: bool,
}

impl Standing {
    async fn of(registry: &Registry, project: &Project) -> Result<Standing> {
        let database = registry.database(project).await?;
        let mut repositories = Vec::new();
        for repository in quarry_codebase::repositories(&database).await? {
            let (queue, id) = (registry.pool(), repository.id);
            let pending_sync = quarry_queue::pending(queue, project.id.0, Some(id)).await?.sync;
            repositories.push(RepositoryStanding {
                freshness: freshness(registry, project, &database, Some(id)).await?,
                repository,
                pending_sync,
            });
        }
        Ok(Standing {
            name: project.name.as_str().to_owned(),
            model: stored_model(project, &database).await?,
            next_model: quarry_codebase::embedding_models(&database).await?.next,
            repositories,
            index: quarry_codebase::vector_index_health(&database).await?,
            entities: entity_layout(&database).await?,
        })
    }

    fn describe(&self) -> Value {
        let repositories = self.repositories.iter().map(|standing| {
            json!({
                "root": standing.repository.root,
                "host": standing.repository.host,
                "status": standing.repository.status.as_str(),
                "files": standing.repository.total_files,
                "chunks": standing.repository.total_chunks,
                "freshness": standing.freshness,
                "pending_sync": standing.pending_sync,
                "last_error": standing.repository.last_error,
            })
        });
        json!({
            "name": self.name,
            "model": self.model,
            "next_model": self.next_model,
            "repositories": repositories.collect::<Vec<_>>(),
            "vector_index": describe_index(&self.index),
            "entities": self.entities,
        })
    }

    fn print(&self) -> Result<()> {
        let mut model = self.model.clone().unwrap_or_else(|| "-".to_owned());
        if let Some(next) = &self.next_model {
            model.push_str(&format!(", being embedded anew with {}", next.model));
        }
        output::line(format!("\nproject {} (model {model})", self.name))?;
        for standing in &self.repositories {
            standing.print()?;
        }
        let rows = self.index.rows;
        match &self.index.index {
            Some(index) => output::line(format!(
                "  vector index: {} lists, {} probes, recall {:.3}, {rows} rows",
                index.lists, index.probes, index.recall
            ))?,
            None => output::line(format!("  vector index: none, exact scan over {rows} rows"))?,
        }
        match &self.entities.advice {
            Some(advice) => output::line(format!("  {advice}")),
            None => Ok(()),
        }
    }
}

impl RepositoryStanding {
    fn print(&self) -> Result<()> {
        let (repository, freshness) = (&self.repository, &self.freshness);
        output::line(output::printable(&format!(
            "  {}  {}: {} files, {} chunks",
            repository.root,
            freshness.state.as_str(),
            repository.total_files,
            repository.total_chunks,
        )))?;
        let mut facts = vec![match freshness.age_s {
            Some(age) => format!("compared with the tree {} ago", output::duration(age)),
            None => "never completely indexed".to_owned(),
        }];
        if let Some(commit) = &freshness.commit {
            let branch = freshness.branch.as_deref().unwrap_or("detached");
            let dirty = if freshness.dirty == Some(true) {
                ", with changes"
            } else {
                ""
            };
            facts.push(format!("{branch} at {}{dirty}", commit.get(..12).unwrap_or(commit)));
        }
        if freshness.pending_files > 0 {
            facts.push(format!("{} files wait", freshness.pending_files));
        }
        if self.pending_sync {
            facts.push("a comparison of the whole tree waits or runs".to_owned());
        }
        if !freshness.skipped.is_empty() {
            let reasons: Vec<String> = freshness
                .skipped
                .iter()
                .map(|(reason, count)| format!("{count} {reason}"))
                .collect();
            facts.push(format!("left out: {}", reasons.join(", ")));
        }
        output::line(output::printable(&format!("    {}", facts.join("; "))))?;
        match &repository.last_error {
            Some(error) => output::line(output::printable(&format!("    last error: {error}"))),
            None => Ok(()),
        }
    }
}

fn describe_index(health: &VectorIndexHealth) -> Value {
    let index = health.index.as_ref();
    json!({
        "rows": health.rows,
        "dimensions": health.dimensions,
        "exact": health.exact,
        "lists": index.map(|index| index.lists),
        "probes": index.map(|index| index.probes),
        "recall": index.map(|index| (f64::from(index.recall) * 1000.0).round() / 1000.0),
        "built_at": index.map(|index| index.built_at),
        "size_bytes": index.map(|index| index.size_bytes),
        "next": format!("{:?}", health.next),
        "advice": format!("{:?}", health.advice),
    })
}
