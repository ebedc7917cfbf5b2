//! Jobs as tasks, for clients that declare the tasks extension: the task is the job under the same id, so either name
//! finds the same rows, also after a restart.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use quarry_queue::{KEEP_TICKETS, TicketState, TicketStatus};
use rmcp::ErrorData;
use rmcp::model::{CallToolResult, DetailedTask, Task, TaskPayload, TaskStatus};
use serde_json::Value;

use crate::call::Call;
use crate::tool_error::ToolError;
use crate::tools::{describe, find};

/// A look is two short queries.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// The job, as the client of a task sees it.
pub(crate) fn task(status: &TicketStatus) -> Task {
    let now = Utc::now();
    let created = now - TimeDelta::from_std(status.age).unwrap_or_default();
    Task::new(
        status.id.to_string(),
        task_status(status.state),
        time(created),
        time(now),
    )
    .with_ttl_ms(millis(KEEP_TICKETS))
    .with_poll_interval_ms(millis(POLL_EVERY))
    .with_status_message(status.state.as_str())
}

/// `tasks/get`: a job that has ended comes with what get_job says of it.
pub(crate) async fn get(call: &Call<'_>, id: &str) -> Result<DetailedTask, ErrorData> {
    let (project, status) = find(call, id).await.map_err(refused)?;
    let task = task(&status);
    let payload = match status.state {
        TicketState::Waiting | TicketState::Running => TaskPayload::Working,
        TicketState::Cancelled => TaskPayload::Cancelled,
        TicketState::Done | TicketState::Failed => {
            let job = describe(call, &project, status).await.map_err(refused)?;
            let job = serde_json::to_value(job).map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
            let result = serde_json::to_value(CallToolResult::structured(job));
            match result {
                Ok(Value::Object(result)) => TaskPayload::Completed { result },
                _ => return Err(ErrorData::internal_error("a result is an object", None)),
            }
        }
    };
    Ok(DetailedTask::new(task, payload))
}

/// `tasks/cancel`: asks for it; a later `tasks/get` shows what came of that.
pub(crate) async fn cancel(call: &Call<'_>, id: &str) -> Result<(), ErrorData> {
    let (_, status) = find(call, id).await.map_err(refused)?;
    let registry = call.registry().await.map_err(refused)?;
    quarry_queue::cancel_ticket(registry.pool(), status.id)
        .await
        .map_err(|error| refused(error.into()))
}

/// `tasks/update`: a job never asks its client for anything, so whatever comes is to be ignored.
pub(crate) async fn update(call: &Call<'_>, id: &str) -> Result<(), ErrorData> {
    find(call, id).await.map(drop).map_err(refused)
}

fn refused(error: ToolError) -> ErrorData {
    ErrorData::invalid_params(error.0, None)
}

fn task_status(state: TicketState) -> TaskStatus {
    match state {
        TicketState::Waiting | TicketState::Running => TaskStatus::Working,
        TicketState::Done | TicketState::Failed => TaskStatus::Completed,
        TicketState::Cancelled => TaskStatus::Cancelled,
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("a duration of days fits")
}
