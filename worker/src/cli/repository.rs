//! `quarry repository …`.

use std::path::Path;

use anyhow::Result;
use quarry_codebase::Repository;
use serde_json::{Value, json};

use super::arguments::Repository as Command;
use super::session::{Session, created_by};
use super::{index, output};

pub(super) async fn run(session: &Session, command: Command) -> Result<()> {
    match command {
        Command::List { project, json } => {
            let registry = session.registry().await?;
            let project = session.project(&registry, project.as_deref()).await?;
            let repositories = quarry_codebase::repositories(&registry.database(&project).await?).await?;
            if json {
                return output::json(&repositories.iter().map(describe).collect::<Vec<_>>());
            }
            print_table(&repositories)
        }
        Command::Show { path, project, json } => show(session, &path, project.as_deref(), json).await,
        Command::Remove { path, project } => remove(session, &path, project.as_deref()).await,
    }
}

async fn show(session: &Session, path: &Path, project: Option<&str>, json: bool) -> Result<()> {
    let registry = session.registry().await?;
    let located = session.locate(&registry, path, project).await?;
    let repository = &located.repository;
    if json {
        return output::json(&describe(repository));
    }
    let absent = || "-".to_owned();
    let git = repository.git.clone().unwrap_or_default();
    let lines = [
        ("repository", repository.root.clone()),
        ("host", repository.host.clone()),
        ("project", located.project.name.as_str().to_owned()),
        ("status", repository.status.to_string()),
        ("files", repository.total_files.to_string()),
        ("chunks", repository.total_chunks.to_string()),
        (
            "indexed",
            repository.last_indexed_at.map_or_else(absent, |at| at.to_rfc3339()),
        ),
        (
            "duration",
            repository
                .indexing_seconds
                .map_or_else(absent, |seconds| format!("{seconds:.2} s")),
        ),
        ("commit", git.commit.unwrap_or_else(absent)),
        ("branch", git.branch.unwrap_or_else(absent)),
        (
            "fetched",
            repository
                .remote
                .as_ref()
                .and_then(|remote| remote.fetched_at)
                .map_or_else(absent, |at| at.to_rfc3339()),
        ),
        ("last error", repository.last_error.clone().unwrap_or_else(absent)),
    ];
    for (name, value) in lines {
        output::line(format!("{name:<12}{value}"))?;
    }
    for (reason, count) in &repository.skipped_files {
        output::line(format!("skipped     {count} {reason}"))?;
    }
    Ok(())
}

async fn remove(session: &Session, path: &Path, project: Option<&str>) -> Result<()> {
    let registry = session.registry().await?;
    let located = session.locate(&registry, path, project).await?;
    let ticket = quarry_queue::enqueue_remove(
        registry.pool(),
        located.project.id.0,
        located.repository.id,
        &created_by(),
    )
    .await?;
    index::work_until_done(session, &registry, &located, ticket.id).await?;
    registry
        .unbind_location(&located.repository.host, &located.repository.root)
        .await?;
    output::line(format!(
        "removed {} from project {}",
        located.repository.root,
        located.project.name.as_str()
    ))
}

pub(super) fn print_table(repositories: &[Repository]) -> Result<()> {
    if repositories.is_empty() {
        return output::line("no repositories yet: `quarry index PATH` adds one");
    }
    let rows: Vec<Vec<String>> = repositories
        .iter()
        .map(|repository| {
            let age = repository
                .last_indexed_at
                .map(|at| (chrono::Utc::now() - at).num_seconds());
            vec![
                repository.root.clone(),
                repository.status.to_string(),
                repository.total_files.to_string(),
                repository.total_chunks.to_string(),
                age.map_or_else(|| "never".to_owned(), |age| format!("{} ago", output::duration(age))),
                repository.host.clone(),
            ]
        })
        .collect();
    output::table(&["REPOSITORY", "STATUS", "FILES", "CHUNKS", "INDEXED", "HOST"], &rows)
}

pub(super) fn describe(repository: &Repository) -> Value {
    json!({
        "id": repository.id,
        "root": repository.root,
        "host": repository.host,
        "name": repository.name,
        "status": repository.status.to_string(),
        "total_files": repository.total_files,
        "total_chunks": repository.total_chunks,
        "last_indexed_at": repository.last_indexed_at,
        "indexing_seconds": repository.indexing_seconds,
        "skipped_files": repository.skipped_files,
        "git_commit": repository.git.as_ref().and_then(|git| git.commit.as_deref()),
        "git_branch": repository.git.as_ref().and_then(|git| git.branch.as_deref()),
        "git_dirty": repository.git.as_ref().and_then(|git| git.dirty),
        "fetch_url": repository.remote.as_ref().map(|remote| &remote.fetch_url),
        "followed_branch": repository.remote.as_ref().and_then(|remote| remote.branch.as_deref()),
        "fetched_at": repository.remote.as_ref().and_then(|remote| remote.fetched_at),
        "last_error": repository.last_error,
    })
}
