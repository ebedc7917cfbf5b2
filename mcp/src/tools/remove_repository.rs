//! `remove_repository`: takes a repository out of the index, as a job. The files on disk stay as they are.

use quarry_queue::TicketState;
use schemars::JsonSchema;
use serde::Deserialize;

use super::get_job::{JobHandle, wait};
use super::repository_named::repository_named;
use crate::call::Call;
use crate::plain_schema::plain;
use crate::tool_error::ToolError;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct RemoveRepository {
    /// Its path or git URL, as list_repositories shows it.
    repository: String,
    /// The same once more.
    confirm: String,
    project: Option<String>,
    /// Seconds to wait.
    #[schemars(range(min = 0, max = 30))]
    wait_s: Option<u32>,
}

pub(crate) async fn remove_repository(call: &Call<'_>, arguments: RemoveRepository) -> Result<JobHandle, ToolError> {
    if arguments.confirm != arguments.repository {
        return Err(ToolError::new(
            "removing a repository deletes its index: repeat `repository` in `confirm`, and only if the user wants it",
        ));
    }
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let id = repository_named(&database, &arguments.repository).await?;
    let repository = quarry_codebase::find_repository(&database, id).await?;
    let registry = call.registry().await?;
    let ticket = quarry_queue::enqueue_remove(registry.pool(), project.id.0, id, &call.caller).await?;
    call.backend.ensure_worker().await?;
    let status = wait(call, ticket.id, arguments.wait_s.unwrap_or(0)).await?;
    // A place that stays bound is indexed into the same project again: no harm done when nobody waited for the end.
    if status.state == TicketState::Done {
        registry.unbind_location(&repository.host, &repository.root).await?;
    }
    Ok(JobHandle::new(&project, Some(&repository.root), status))
}
