//! `list_repositories`: what a project has indexed, and how fresh each index is.

use quarry_registry::{PgPool, Project};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::search_code::short_commit;
use crate::call::Call;
use crate::plain_schema::plain;
use crate::snippet::visible;
use crate::tool_error::ToolError;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct ListRepositories {
    project: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct Repositories {
    project: String,
    repositories: Vec<RepositoryEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct RepositoryEntry {
    path: String,
    files: i32,
    chunks: i32,
    /// fresh, pending, failed or empty.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_s: Option<i64>,
    pending_files: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

pub(crate) async fn list_repositories(call: &Call<'_>, arguments: ListRepositories) -> Result<Repositories, ToolError> {
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let repositories = entries(call, &project, &database).await?;
    let note = repositories
        .is_empty()
        .then(|| "nothing is indexed in this project: call index_repository".to_owned());
    Ok(Repositories {
        project: project.name.as_str().to_owned(),
        repositories,
        note,
    })
}

pub(super) async fn entries(
    call: &Call<'_>,
    project: &Project,
    database: &PgPool,
) -> Result<Vec<RepositoryEntry>, ToolError> {
    let mut entries = Vec::new();
    for repository in quarry_codebase::repositories(database).await? {
        let freshness = call.backend.freshness(project, database, Some(repository.id)).await?;
        entries.push(RepositoryEntry {
            path: visible(&repository.root),
            files: repository.total_files,
            chunks: repository.total_chunks,
            state: freshness.state.as_str().to_owned(),
            commit: freshness.commit.as_deref().map(short_commit),
            age_s: freshness.age_s,
            pending_files: freshness.pending_files,
            last_error: repository.last_error.as_deref().map(visible),
        });
    }
    Ok(entries)
}
