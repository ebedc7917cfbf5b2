//! `cancel_job`: nobody waits for this request any more. Work that others wait for goes on.

use schemars::JsonSchema;
use serde::Deserialize;

use super::get_job::{JobHandle, find};
use crate::call::Call;
use crate::plain_schema::plain;
use crate::tool_error::ToolError;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct CancelJob {
    job_id: String,
}

pub(crate) async fn cancel_job(call: &Call<'_>, arguments: CancelJob) -> Result<JobHandle, ToolError> {
    let (project, status) = find(call, &arguments.job_id).await?;
    let registry = call.registry().await?;
    quarry_queue::cancel_ticket(registry.pool(), status.id).await?;
    let status = quarry_queue::ticket_status(registry.pool(), status.id).await?;
    Ok(JobHandle::new(&project, None, status))
}
