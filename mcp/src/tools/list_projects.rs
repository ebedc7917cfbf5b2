//! `list_projects`.

use quarry_registry::Project;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list_repositories::{RepositoryEntry, entries};
use crate::call::Call;
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
pub(crate) struct ProjectEntry {
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

pub(crate) async fn list_projects(call: &Call<'_>, arguments: ListProjects) -> Result<Projects, ToolError> {
    let only = match arguments.project.as_deref().or(call.access.only_project()) {
        None => None,
        named => call.project_name(named)?,
    };
    let registry = call.registry().await?;
    let mut projects = match only {
        Some(name) => vec![registry.project(&name).await?],
        None => registry.projects().await?,
    };
    projects.retain(|project| call.access.sees(&project.name));
    let left_out = projects.len().saturating_sub(MOST_PROJECTS);
    projects.truncate(MOST_PROJECTS);
    let mut found = Vec::with_capacity(projects.len());
    for project in projects {
        found.push(project_entry(call, project).await);
    }
    let note = if left_out > 0 {
        Some(format!("{left_out} more projects: name one in `project` to see it"))
    } else if found.is_empty() {
        Some("there are no projects yet: index_repository creates one".to_owned())
    } else {
        None
    };
    Ok(Projects { projects: found, note })
}

/// One project. One whose database is away must not hide the others.
pub(crate) async fn project_entry(call: &Call<'_>, project: Project) -> ProjectEntry {
    let mut entry = ProjectEntry {
        project: project.name.as_str().to_owned(),
        description: project.description.as_deref().map(visible),
        database_name: project.database_name.clone(),
        state: project.state.to_string(),
        repositories: Vec::new(),
        error: None,
    };
    match repositories(call, &project).await {
        Ok(repositories) => entry.repositories = repositories,
        Err(error) => entry.error = Some(error.0),
    }
    entry
}

async fn repositories(call: &Call<'_>, project: &Project) -> Result<Vec<RepositoryEntry>, ToolError> {
    let database = call.registry().await?.database(project).await?;
    entries(call, project, &database).await
}
