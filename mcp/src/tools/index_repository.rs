//! `index_repository`: enqueues a sync of a directory or git URL and, with wait_s, follows it for a while. Sees to it that a worker
//! is there; never indexes by itself.

use std::path::Path;

use quarry_codebase::{FollowedBranch, Repository};
use quarry_lifecycle::GIT_HOST;
use quarry_queue::SyncRequest;
use quarry_registry::{GitPolicy, GitUrl, PgPool, Project, ProjectName, Registry, RegistryError};
use rmcp::handler::server::tool::IntoCallToolResult;
use rmcp::model::{CallToolResponse, CreateTaskResult, Task};
use rmcp::{ErrorData, Json};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::get_job::{Job, describe, has_ended, wait};
use crate::allowed_roots::{allowed_directory, is_below_a_root};
use crate::call::Call;
use crate::plain_schema::plain;
use crate::tasks::task;
use crate::tool_error::ToolError;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct IndexRepository {
    /// Its directory, or a git URL where the server allows it.
    path: String,
    /// Default: the one that holds it, or a new one.
    project: Option<String>,
    /// full indexes every file again; default incremental.
    mode: Option<Mode>,
    /// Seconds to wait.
    #[schemars(range(min = 0, max = 30))]
    wait_s: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Incremental,
    Full,
}

/// The job as it stands, or a task that stands for it.
pub(crate) enum Indexing {
    Job(Job),
    Task(Task),
}

pub(crate) async fn index_repository(call: &Call<'_>, arguments: IndexRepository) -> Result<Indexing, ToolError> {
    let registry = call.registry().await?;
    let asked = arguments.project.as_deref();
    let (project, repository) = if GitUrl::is_meant_by(&arguments.path) {
        by_url(call, &registry, &arguments.path, asked).await?
    } else {
        by_directory(call, &registry, &arguments.path, asked).await?
    };
    let request = SyncRequest {
        full: arguments.mode == Some(Mode::Full),
        ..SyncRequest::new(&call.caller)
    };
    let ticket = quarry_queue::enqueue_sync(
        registry.pool(),
        project.id.0,
        repository.id,
        Some(&repository.host),
        request,
    )
    .await?;
    let _withdrawn = WithdrawOnCancel {
        pool: registry.pool().clone(),
        ticket: ticket.id,
        cancelled: call.cancelled.clone(),
    };
    call.backend.ensure_worker().await?;
    let status = wait(call, ticket.id, arguments.wait_s.unwrap_or(0)).await?;
    if call.takes_tasks && !has_ended(&status) {
        return Ok(Indexing::Task(task(&status)));
    }
    let mut job = describe(call, &project, status).await?;
    job.deduplicated = Some(ticket.deduplicated);
    job.repository = Some(repository.root);
    Ok(Indexing::Job(job))
}

/// A client that gives up a call does not want its job either; what others asked for goes on. Dropped with the call.
struct WithdrawOnCancel {
    pool: PgPool,
    ticket: Uuid,
    cancelled: CancellationToken,
}

impl Drop for WithdrawOnCancel {
    fn drop(&mut self) {
        if !self.cancelled.is_cancelled() {
            return;
        }
        let (pool, ticket) = (self.pool.clone(), self.ticket);
        tokio::spawn(async move {
            if let Err(error) = quarry_queue::cancel_ticket(&pool, ticket).await {
                tracing::warn!(job.id = %ticket, "cannot cancel job {ticket}: {error}");
            }
        });
    }
}

impl IntoCallToolResult for Indexing {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        match self {
            Indexing::Job(job) => Json(job).into_call_tool_result(),
            Indexing::Task(task) => Ok(CallToolResponse::Task(CreateTaskResult::new(task))),
        }
    }
}

/// The repository at a directory below the session's roots.
async fn by_directory(
    call: &Call<'_>,
    registry: &Registry,
    path: &str,
    asked: Option<&str>,
) -> Result<(Project, Repository), ToolError> {
    let directory = allowed_directory(&call.backend.options.roots, Path::new(path))?;
    let (project, root) = place(call, registry, &directory, asked).await?;
    let name = Path::new(&root)
        .file_name()
        .map_or_else(|| "root".into(), |name| name.to_string_lossy());
    let database = registry.database(&project).await?;
    let repository = quarry_codebase::ensure_repository(&database, &call.backend.host()?, &root, &name).await?;
    Ok((project, repository))
}

/// The repository at a git URL, where the person who runs the server has listed its host.
async fn by_url(
    call: &Call<'_>,
    registry: &Registry,
    text: &str,
    asked: Option<&str>,
) -> Result<(Project, Repository), ToolError> {
    let url = GitUrl::parse(text).map_err(|error| ToolError::new(error.to_string()))?;
    let policy = GitPolicy::from_config(&call.backend.config);
    let allowed = policy.check_for_tool(&url).await;
    allowed.map_err(|refusal| ToolError::new(refusal.to_string()))?;
    let (root, name) = (url.canonical(), url.name());
    let project = match call.project_name(asked)? {
        Some(named) => {
            let project = project_to_index(call, registry, &named).await?;
            registry.bind_location(GIT_HOST, root, &project).await?;
            project
        }
        None => new_location(call, registry, GIT_HOST, root, name).await?,
    };
    let database = registry.database(&project).await?;
    let branch = FollowedBranch::AsItIs;
    let repository =
        quarry_codebase::ensure_remote_repository(&database, GIT_HOST, root, name, url.given(), branch).await?;
    Ok((project, repository))
}

/// Which project and which repository the directory belongs to. What was never indexed becomes a repository of its own.
async fn place(
    call: &Call<'_>,
    registry: &Registry,
    directory: &Path,
    asked: Option<&str>,
) -> Result<(Project, String), ToolError> {
    let named = match call.project_name(asked)? {
        Some(name) => Some(project_to_index(call, registry, &name).await?),
        None => None,
    };
    if let Some((project, root)) = call.backend.project_above(registry, directory).await?
        && named.as_ref().is_none_or(|named| named.id == project.id)
        && is_below_a_root(&call.backend.options.roots, Path::new(&root))?
    {
        return Ok((project, root));
    }
    let host = call.backend.host()?;
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
        None => new_location(call, registry, &host, root, &name).await?,
    };
    Ok((project, root.to_owned()))
}

/// The project with this name; made when the session was started for it and nobody has made it yet.
async fn project_to_index(call: &Call<'_>, registry: &Registry, name: &ProjectName) -> Result<Project, ToolError> {
    match registry.project(name).await {
        Err(RegistryError::UnknownProject { .. }) if call.access.only_project() == Some(name.as_str()) => {
            Ok(registry.create_project(name, None, &call.caller).await?)
        }
        found => Ok(found?),
    }
}

/// The project of a location that has none, named after the location: a project like any other, so only who sees all
/// of them gets one made by the way.
async fn new_location(
    call: &Call<'_>,
    registry: &Registry,
    host: &str,
    root: &str,
    name: &str,
) -> Result<Project, ToolError> {
    if let Some(project) = registry.project_at(host, root).await? {
        call.access.check(&project.name)?;
        return Ok(project);
    }
    if !call.access.sees_all() {
        return Err(ToolError::new(
            "nothing is indexed here yet: name the project to index it into",
        ));
    }
    Ok(registry.project_for_new_location(host, root, name).await?)
}
