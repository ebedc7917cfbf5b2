//! `list_projects`.

use quarry_registry::Project;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::plain_schema::plain;
use crate::snippet::visible;
use crate::tool_error::ToolError;

/// Projects of one answer: each costs about 100 tokens, and a connection to its database.
const MOST_PROJECTS: usize = 50;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct ListProjects {
    /// Only this one.
    project: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct Projects {
    projects: Vec<ProjectEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
struct ProjectEntry {
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    database_name: String,
    state: String,
    repositories: Vec<RepositoryEntry>,
    /// Why the repositories could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
struct RepositoryEntry {
    path: String,
    files: i32,
    chunks: i32,
    /// fresh, pending, failed or empty.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_s: Option<i64>,
    pending_files: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

pub(crate) async fn list_projects(backend: &Backend, arguments: ListProjects) -> Result<Projects, ToolError> {
    let only = match (&arguments.project, &backend.options.project) {
        (None, None) => None,
        (asked, _) => backend.project_name(asked.as_deref())?,
    };
    let registry = backend.registry().await?;
    let mut projects = match only {
        Some(name) => vec![registry.project(&name).await?],
        None => registry.projects().await?,
    };
    let left_out = projects.len().saturating_sub(MOST_PROJECTS);
    projects.truncate(MOST_PROJECTS);
    let mut entries = Vec::with_capacity(projects.len());
    for project in projects {
        let mut entry = ProjectEntry {
            project: project.name.as_str().to_owned(),
            description: project.description.as_deref().map(visible),
            database_name: project.database_name.clone(),
            state: project.state.to_string(),
            repositories: Vec::new(),
            error: None,
        };
        // One project whose database is away must not hide the others.
        match repositories(backend, &project).await {
            Ok(repositories) => entry.repositories = repositories,
            Err(error) => entry.error = Some(error.0),
        }
        entries.push(entry);
    }
    let note = if left_out > 0 {
        Some(format!("{left_out} more projects: name one in `project` to see it"))
    } else if entries.is_empty() {
        Some("there are no projects yet: index_repository creates one".to_owned())
    } else {
        None
    };
    Ok(Projects {
        projects: entries,
        note,
    })
}

async fn repositories(backend: &Backend, project: &Project) -> Result<Vec<RepositoryEntry>, ToolError> {
    let database = backend.registry().await?.database(project).await?;
    let mut entries = Vec::new();
    for repository in quarry_codebase::repositories(&database).await? {
        let freshness = backend.freshness(project, &database, Some(repository.id)).await?;
        entries.push(RepositoryEntry {
            path: visible(&repository.root),
            files: repository.total_files,
            chunks: repository.total_chunks,
            state: freshness.state.as_str().to_owned(),
            age_s: freshness.age_s,
            pending_files: freshness.pending_files,
            last_error: repository.last_error.as_deref().map(visible),
        });
    }
    Ok(entries)
}
