//! `get_job`: what became of a job. A job is a queue ticket: done when everything it asked for is searchable.

use std::time::{Duration, Instant};

use quarry_queue::{TicketState, TicketStatus};
use quarry_registry::{Project, ProjectId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::call::Call;
use crate::plain_schema::plain;
use crate::snippet::visible;
use crate::tool_error::ToolError;

/// Clients give a call about a minute.
pub(crate) const LONGEST_WAIT_S: u32 = 30;

/// How often a waiting call looks. A look is two short queries.
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct GetJob {
    /// What index_repository returned.
    job_id: String,
    /// Seconds to wait.
    #[schemars(range(min = 0, max = 30))]
    wait_s: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct Job {
    job_id: String,
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) repository: Option<String>,
    /// waiting, running, done, failed or cancelled.
    state: String,
    /// What runs at the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    /// How far that is, as done/total.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<String>,
    pending_files: u64,
    /// What a job that is done did.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<JobCounts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JobError>,
    /// The request joined one that was waiting already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deduplicated: Option<bool>,
    /// Ask again after so many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    poll_after_s: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(transform = plain)]
struct JobCounts {
    /// Files that belong into the index.
    files_total: u64,
    files_indexed: u64,
    files_removed: u64,
    /// Files left out by rule.
    files_skipped: u64,
    chunks: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
struct JobError {
    /// failed or cancelled.
    code: String,
    message: String,
    hint: String,
}

impl JobError {
    fn new(state: TicketState, message: &str) -> JobError {
        let hint = match state {
            TicketState::Cancelled => "call index_repository again if the index is still wanted",
            _ => "put right what the message names, then call index_repository again",
        };
        JobError {
            code: state.as_str().to_owned(),
            message: visible(message),
            hint: hint.to_owned(),
        }
    }
}

/// A job in short, for tools whose jobs have nothing to count.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct JobHandle {
    job_id: String,
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JobError>,
}

impl JobHandle {
    pub(super) fn new(project: &Project, repository: Option<&str>, status: TicketStatus) -> JobHandle {
        JobHandle {
            job_id: status.id.to_string(),
            project: project.name.as_str().to_owned(),
            repository: repository.map(visible),
            state: status.state.as_str().to_owned(),
            error: status.error.map(|message| JobError::new(status.state, &message)),
        }
    }
}

pub(crate) async fn get_job(call: &Call<'_>, arguments: GetJob) -> Result<Job, ToolError> {
    let (project, status) = find(call, &arguments.job_id).await?;
    let status = wait(call, status.id, arguments.wait_s.unwrap_or(0)).await?;
    describe(call, &project, status).await
}

/// The job with this id, if the caller may see its project.
pub(crate) async fn find(call: &Call<'_>, job_id: &str) -> Result<(Project, TicketStatus), ToolError> {
    let id = Uuid::parse_str(job_id)
        .map_err(|_| ToolError::new("job_id is not an id that index_repository returned; list_jobs shows them"))?;
    let registry = call.registry().await?;
    let status = quarry_queue::ticket_status(registry.pool(), id).await?;
    let project = registry.project_by_id(ProjectId(status.project_id)).await?;
    call.access.check(&project.name)?;
    Ok((project, status))
}

/// The status when the job has ended or nobody is there to work on it, else after `wait_s`.
pub(super) async fn wait(call: &Call<'_>, id: Uuid, wait_s: u32) -> Result<TicketStatus, ToolError> {
    let until = Instant::now() + Duration::from_secs(wait_s.min(LONGEST_WAIT_S).into());
    let registry = call.registry().await?;
    loop {
        let status = quarry_queue::ticket_status(registry.pool(), id).await?;
        if has_ended(&status) || Instant::now() >= until {
            return Ok(status);
        }
        call.progress.note(doing(&status)).await;
        if status.state == TicketState::Waiting && call.backend.worker_failed().await? {
            return Ok(status);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What a waiting client is told.
fn doing(status: &TicketStatus) -> String {
    let waiting = status.pending_files;
    let running = status.open_lanes.iter().find_map(|lane| lane.progress.as_ref());
    match running {
        Some(progress) => match progress.total {
            Some(total) => format!("{} {}/{total}", progress.stage, progress.done),
            None => format!("{} {}", progress.stage, progress.done),
        },
        None => format!("{}, {waiting} files to go", status.state.as_str()),
    }
}

pub(super) fn has_ended(status: &TicketStatus) -> bool {
    !matches!(status.state, TicketState::Waiting | TicketState::Running)
}

pub(crate) async fn describe(call: &Call<'_>, project: &Project, status: TicketStatus) -> Result<Job, ToolError> {
    let ended = has_ended(&status);
    let running = status.open_lanes.iter().filter_map(|lane| lane.progress.as_ref());
    let counts = match status.state {
        TicketState::Done => Some(counts(call, status.id).await?),
        _ => None,
    };
    let note = match (&counts, status.state) {
        (Some(counts), _) if counts.files_total == 0 && counts.files_skipped > 0 => Some(format!(
            "no file of this directory is in the index: {} were left out by rule; `quarry why PATH` tells which",
            counts.files_skipped
        )),
        (Some(counts), _) if counts.files_total == 0 => Some("this directory holds no file to index".to_owned()),
        (_, TicketState::Waiting) => {
            let reason = call.backend.no_worker().await?;
            reason.map(|reason| format!("{reason}; index_repository starts a worker, or run `quarry worker`"))
        }
        _ => None,
    };
    Ok(Job {
        job_id: status.id.to_string(),
        project: project.name.as_str().to_owned(),
        repository: None,
        state: status.state.as_str().to_owned(),
        stage: running.clone().next().map(|progress| progress.stage.clone()),
        progress: running
            .clone()
            .find_map(|progress| Some(format!("{}/{}", progress.done, progress.total?))),
        pending_files: status.pending_files.unsigned_abs(),
        counts,
        error: status.error.map(|message| JobError::new(status.state, &message)),
        deduplicated: None,
        poll_after_s: (!ended).then_some(2),
        note: note.map(|note| visible(&note)),
    })
}

/// Adds up what the runs of a job counted. Newer workers may count more than is told here.
async fn counts(call: &Call<'_>, id: Uuid) -> Result<JobCounts, ToolError> {
    let registry = call.registry().await?;
    let mut sum = JobCounts::default();
    for run in quarry_queue::ticket_counts(registry.pool(), id).await? {
        let number = |name: &str| run[name].as_u64().unwrap_or(0);
        sum.files_total += number("files_total");
        sum.files_indexed += number("files_indexed");
        sum.files_removed += number("files_removed");
        sum.chunks += number("chunks");
        let skipped = run["files_skipped"]
            .as_object()
            .into_iter()
            .flat_map(|reasons| reasons.values());
        sum.files_skipped += skipped.filter_map(Value::as_u64).sum::<u64>();
    }
    Ok(sum)
}
