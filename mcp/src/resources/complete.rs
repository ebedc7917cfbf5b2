//! `completion/complete`: what a part of an address or an argument of a prompt may be, by its beginning. Where Postgres is
//! away there is nothing to offer; that is no error while somebody types.

use std::collections::HashMap;

use quarry_queue::TicketsFilter;
use quarry_registry::PgPool;
use rmcp::model::{CompleteRequestParams, CompletionInfo, Reference};

use crate::call::Call;
use crate::tool_error::ToolError;

/// Paths looked through for a beginning.
const MOST_PATHS: u32 = 50_000;

pub(crate) async fn complete(call: &Call<'_>, request: &CompleteRequestParams) -> CompletionInfo {
    let given = request
        .context
        .as_ref()
        .and_then(|context| context.arguments.clone())
        .unwrap_or_default();
    let begun = request.argument.value.as_str();
    let scheme = match &request.r#ref {
        Reference::Resource(resource) => resource.uri.split("://").next().unwrap_or_default(),
        _ => "prompt",
    };
    let offered = match (scheme, request.argument.name.as_str()) {
        ("project", "name") | (_, "project") => projects(call).await,
        ("job", "id") => jobs(call).await,
        ("schema", "name") => schemas(call, &given).await,
        ("code", "repository") => repositories(call, &given).await,
        ("code", "path") => paths(call, &given, begun).await,
        _ => Ok(Vec::new()),
    };
    let mut fitting = offered.unwrap_or_else(|error| {
        tracing::debug!("nothing to complete with: {}", error.0);
        Vec::new()
    });
    fitting.retain(|value| value.starts_with(begun));
    let total = fitting.len();
    fitting.truncate(CompletionInfo::MAX_VALUES);
    let mut info = CompletionInfo::default();
    info.has_more = Some(total > fitting.len());
    info.total = u32::try_from(total).ok();
    info.values = fitting;
    info
}

async fn projects(call: &Call<'_>) -> Result<Vec<String>, ToolError> {
    let mut projects = call.registry().await?.projects().await?;
    projects.retain(|project| call.access.sees(&project.name));
    Ok(projects
        .into_iter()
        .map(|project| project.name.as_str().to_owned())
        .collect())
}

async fn jobs(call: &Call<'_>) -> Result<Vec<String>, ToolError> {
    let registry = call.registry().await?;
    let mut projects = registry.projects().await?;
    projects.retain(|project| call.access.sees(&project.name));
    let filter = TicketsFilter {
        project_ids: Some(projects.iter().map(|project| project.id.0).collect()),
        limit: 100,
        ..TicketsFilter::default()
    };
    let tickets = quarry_queue::tickets_list(registry.pool(), &filter).await?;
    Ok(tickets.into_iter().map(|ticket| ticket.id.to_string()).collect())
}

async fn schemas(call: &Call<'_>, given: &HashMap<String, String>) -> Result<Vec<String>, ToolError> {
    let (_, database) = call.project(given.get("project").map(String::as_str)).await?;
    let schemas = quarry_workflow::registered_schemas(&database)
        .await
        .map_err(|error| ToolError::from(anyhow::Error::from(error)))?;
    let mut names: Vec<String> = schemas.into_iter().map(|schema| schema.name).collect();
    names.dedup();
    Ok(names)
}

async fn repositories(call: &Call<'_>, given: &HashMap<String, String>) -> Result<Vec<String>, ToolError> {
    let (_, database) = call.project(given.get("project").map(String::as_str)).await?;
    let repositories = quarry_codebase::repositories(&database).await?;
    Ok(repositories.into_iter().map(|repository| repository.name).collect())
}

async fn paths(call: &Call<'_>, given: &HashMap<String, String>, begun: &str) -> Result<Vec<String>, ToolError> {
    let (_, database) = call.project(given.get("project").map(String::as_str)).await?;
    let repositories = quarry_codebase::repositories(&database).await?;
    let wanted = given.get("repository");
    let meant = repositories
        .into_iter()
        .find(|repository| wanted.is_none_or(|wanted| repository.name == *wanted || repository.root == *wanted));
    match meant {
        Some(repository) => paths_from(&database, repository.id, begun).await,
        None => Ok(Vec::new()),
    }
}

/// The first files of a walk that begin so. A walk's order keeps what begins alike together, but for the files of a
/// directory whose name goes on.
async fn paths_from(database: &PgPool, repository_id: uuid::Uuid, begun: &str) -> Result<Vec<String>, ToolError> {
    let directory = begun.rfind('/').map(|slash| &begun[..slash]);
    let files = quarry_codebase::stored_files(database, repository_id, directory, MOST_PATHS).await?;
    let fitting = files.into_iter().map(|file| file.path);
    Ok(fitting.filter(|path| path.starts_with(begun)).collect())
}
