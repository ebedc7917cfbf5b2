//! `index_repository`: enqueues a sync of a directory or git URL and, with wait_s, follows it for a while. Sees to it that a worker
//! is there; never indexes by itself.

use std::path::Path;

use quarry_codebase::{FollowedBranch, Repository};
use quarry_lifecycle::GIT_HOST;
use quarry_queue::SyncRequest;
use quarry_registry::{GitPolicy, GitUrl, Project, Registry};
use schemars::JsonSchema;
use serde::Deserialize;

use super::get_job::{Job, describe, wait};
use crate::allowed_roots::{allowed_directory, is_below_a_root};
use crate::backend::Backend;
use crate::plain_schema::plain;
use crate::tool_error::ToolError;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct IndexRepository {
    /// The repository's directory (inside an indexed repository: that repository), or a git URL where the server allows it.
    path: String,
    /// Default: the project that holds the directory, or a new one named after it.
    project: Option<String>,
    /// full indexes every file again; default incremental.
    mode: Option<Mode>,
    /// Wait up to so many seconds for the end, default 0.
    #[schemars(range(min = 0, max = 30))]
    wait_s: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Incremental,
    Full,
}

pub(crate) async fn index_repository(
    backend: &Backend,
    arguments: IndexRepository,
    caller: &str,
) -> Result<Job, ToolError> {
    let registry = backend.registry().await?;
    let asked = arguments.project.as_deref();
    let (project, repository) = if GitUrl::is_meant_by(&arguments.path) {
        by_url(backend, &registry, &arguments.path, asked, caller).await?
    } else {
        by_directory(backend, &registry, &arguments.path, asked, caller).await?
    };
    let request = SyncRequest {
        full: arguments.mode == Some(Mode::Full),
        ..SyncRequest::new(caller)
    };
    let ticket = quarry_queue::enqueue_sync(
        registry.pool(),
        project.id.0,
        repository.id,
        Some(&repository.host),
        request,
    )
    .await?;
    backend.ensure_worker().await?;
    let status = wait(backend, ticket.id, arguments.wait_s.unwrap_or(0)).await?;
    let mut job = describe(backend, &project, status).await?;
    job.deduplicated = Some(ticket.deduplicated);
    job.repository = Some(repository.root);
    Ok(job)
}

/// The repository at a directory below the session's roots.
async fn by_directory(
    backend: &Backend,
    registry: &Registry,
    path: &str,
    asked: Option<&str>,
    caller: &str,
) -> Result<(Project, Repository), ToolError> {
    let directory = allowed_directory(&backend.options.roots, Path::new(path))?;
    let (project, root) = place(backend, registry, &directory, asked, caller).await?;
    let name = Path::new(&root)
        .file_name()
        .map_or_else(|| "root".into(), |name| name.to_string_lossy());
    let database = registry.database(&project).await?;
    let repository = quarry_codebase::ensure_repository(&database, &backend.host()?, &root, &name).await?;
    Ok((project, repository))
}

/// The repository at a git URL, where the person who runs the server has listed its host.
async fn by_url(
    backend: &Backend,
    registry: &Registry,
    text: &str,
    asked: Option<&str>,
    caller: &str,
) -> Result<(Project, Repository), ToolError> {
    let url = GitUrl::parse(text).map_err(|error| ToolError::new(error.to_string()))?;
    let policy = GitPolicy::from_config(&backend.config);
    let allowed = policy.check_for_tool(&url).await;
    allowed.map_err(|refusal| ToolError::new(refusal.to_string()))?;
    let (root, name) = (url.canonical(), url.name());
    let project = match backend.project_name(asked)? {
        Some(named) => {
            let project = backend.project_to_index(registry, &named, caller).await?;
            registry.bind_location(GIT_HOST, root, &project).await?;
            project
        }
        None => registry.project_for_new_location(GIT_HOST, root, name).await?,
    };
    let database = registry.database(&project).await?;
    let branch = FollowedBranch::AsItIs;
    let repository =
        quarry_codebase::ensure_remote_repository(&database, GIT_HOST, root, name, url.given(), branch).await?;
    Ok((project, repository))
}

/// Which project and which repository the directory belongs to. What was never indexed becomes a repository of its own.
async fn place(
    backend: &Backend,
    registry: &Registry,
    directory: &Path,
    asked: Option<&str>,
    caller: &str,
) -> Result<(Project, String), ToolError> {
    let named = match backend.project_name(asked)? {
        Some(name) => Some(backend.project_to_index(registry, &name, caller).await?),
        None => None,
    };
    if let Some((project, root)) = backend.project_above(registry, directory).await?
        && named.as_ref().is_none_or(|named| named.id == project.id)
        && is_below_a_root(&backend.options.roots, Path::new(&root))?
    {
        return Ok((project, root));
    }
    let host = backend.host()?;
    let root = directory
        .to_str()
        .ok_or_else(|| ToolError::new("the path is not UTF-8: it cannot be indexed"))?;
    let name = directory
        .file_name()
        .map_or_else(|| "root".into(), |name| name.to_string_lossy());
    let project = match named {
        Some(project) => {
            registry.bind_location(&host, root, &project).await?;
            project
        }
        None => registry.project_for_new_location(&host, root, &name).await?,
    };
    Ok((project, root.to_owned()))
}
