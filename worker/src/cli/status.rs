//! `quarry status`: freshness, queue, workers and index health. Starts nothing that is not running.

use anyhow::Result;
use quarry_codebase::VectorIndexHealth;
use quarry_postgres::RunState;
use quarry_registry::{Project, ProjectName, Registry};
use serde_json::{Value, json};

use super::arguments::Status;
use super::output;
use super::search::freshness;
use super::session::Session;

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
    let mut described = Vec::with_capacity(projects.len());
    for project in &projects {
        described.push(describe(&registry, project).await?);
    }
    if command.json {
        return output::json(&json!({
            "postgres": "running",
            "workers": workers,
            "queue": depth,
            "projects": described,
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
    for project in &described {
        print_project(project)?;
    }
    Ok(())
}

async fn is_postgres_running(session: &Session) -> Result<bool> {
    Ok(quarry_postgres::server_status(session.config.home()).await?.state == RunState::Running)
}

async fn describe(registry: &Registry, project: &Project) -> Result<Value> {
    let database = registry.database(project).await?;
    let repositories = quarry_codebase::repositories(&database).await?;
    let mut rows = Vec::with_capacity(repositories.len());
    for repository in &repositories {
        let fresh = freshness(registry, project, &database, Some(repository.id)).await?;
        rows.push(json!({
            "root": repository.root,
            "status": repository.status.as_str(),
            "files": repository.total_files,
            "chunks": repository.total_chunks,
            "freshness": fresh,
            "last_error": repository.last_error,
        }));
    }
    Ok(json!({
        "name": project.name.as_str(),
        "model": project.embedding.as_ref().map(|pinned| &pinned.model),
        "repositories": rows,
        "vector_index": describe_index(&quarry_codebase::vector_index_health(&database).await?),
    }))
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

fn print_project(project: &Value) -> Result<()> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    output::line(format!(
        "\nproject {} (model {})",
        text(&project["name"]),
        text(&project["model"])
    ))?;
    for repository in project["repositories"].as_array().into_iter().flatten() {
        let freshness = &repository["freshness"];
        output::line(format!(
            "  {}  {}: {} files, {} chunks, {} waiting, {} left out",
            text(&repository["root"]),
            text(&freshness["state"]),
            repository["files"],
            repository["chunks"],
            freshness["pending_files"],
            freshness["skipped_files"],
        ))?;
        if let Some(error) = repository["last_error"].as_str() {
            output::line(format!("    last error: {error}"))?;
        }
    }
    let index = &project["vector_index"];
    match index["lists"].as_i64() {
        Some(lists) => output::line(format!(
            "  vector index: {lists} lists, {} probes, recall {}, {} rows",
            index["probes"], index["recall"], index["rows"]
        )),
        None => output::line(format!("  vector index: none, exact scan over {} rows", index["rows"])),
    }
}
