//! `index_repository`: enqueues a sync of a directory and, with wait_s, follows it for a while. Sees to it that a worker
//! is there; never indexes by itself.

use std::path::Path;

use quarry_queue::SyncRequest;
use quarry_registry::{Project, Registry};
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
    /// The repository's directory. Inside an indexed repository: that repository.
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
    let directory = allowed_directory(&backend.options.roots, Path::new(&arguments.path))?;
    let registry = backend.registry().await?;
    let (project, root) = place(backend, &registry, &directory, arguments.project.as_deref(), caller).await?;
    let host = backend.host()?;
    let name = Path::new(&root)
        .file_name()
        .map_or_else(|| "root".into(), |name| name.to_string_lossy());
    let database = registry.database(&project).await?;
    let repository = quarry_codebase::ensure_repository(&database, &host, &root, &name).await?;
    let request = SyncRequest {
        full: arguments.mode == Some(Mode::Full),
        ..SyncRequest::new(caller)
    };
    let ticket = quarry_queue::enqueue_sync(registry.pool(), project.id.0, repository.id, Some(&host), request).await?;
    backend.ensure_worker().await?;
    let status = wait(backend, ticket.id, arguments.wait_s.unwrap_or(0)).await?;
    let mut job = describe(backend, &project, status).await?;
    job.deduplicated = Some(ticket.deduplicated);
    job.repository = Some(root);
    Ok(job)
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
