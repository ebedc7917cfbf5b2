//! `quarry jobs show`: all that is known of one lane, with its history, or of one request.

use anyhow::Result;
use quarry_queue::{JobEntry, RunEntry, TicketStatus};
use quarry_registry::{ProjectId, Registry};
use serde_json::json;
use uuid::Uuid;

use super::{age_of, ago, name_of, next_run_of, progress_of, worker_of};
use crate::cli::output;

pub(super) async fn job(registry: &Registry, job_id: i64, as_json: bool) -> Result<()> {
    let (job, runs) = quarry_queue::job_show(registry.pool(), job_id).await?;
    let root = root_of(registry, &job).await;
    if as_json {
        return output::json(&json!({ "job": job, "root": root, "runs": runs }));
    }
    output::line(format!("job         {} {}", job.job_id, name_of(&job)))?;
    output::line(format!("project     {}", job.project_name))?;
    if let Some(root) = root {
        output::line(format!("repository  {}", output::printable(&root)))?;
    }
    output::line(format!(
        "host        {}",
        job.host.as_deref().unwrap_or("any worker can do it")
    ))?;
    output::line(format!("state       {}", state_of(&job)))?;
    output::line(format!("files       {} marked", job.dirty_files))?;
    output::line(format!("age         {}", age_of(&job)))?;
    output::line(format!("next run    {}", next_run_of(&job)))?;
    output::line(format!("worker      {}", worker_of(&job)))?;
    output::line(format!("progress    {}", progress_of(&job)))?;
    output::line(format!(
        "failures    {} in a row, {} lost workers",
        job.attempt - i16::from(job.state == "leased"),
        job.losses
    ))?;
    if let Some(error) = &job.last_error {
        let when = job
            .last_failed_at
            .map_or_else(String::new, |at| format!(" ({})", ago(at)));
        output::line(format!("last error  {}{when}", output::printable(error)))?;
    }
    if runs.is_empty() {
        return output::line("\nno runs yet");
    }
    output::line("")?;
    let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
    output::table(&["ENDED", "TOOK", "OUTCOME", "TRY", "FILES", "HOST", "ERROR"], &rows)
}

/// Where the lane's files are; none also where its project does not answer.
async fn root_of(registry: &Registry, job: &JobEntry) -> Option<String> {
    let project = registry.project_by_id(ProjectId(job.project_id)).await.ok()?;
    let database = registry.database(&project).await.ok()?;
    let repository = quarry_codebase::find_repository(&database, job.repository_id?)
        .await
        .ok()?;
    Some(repository.root)
}

fn state_of(job: &JobEntry) -> String {
    let state = match job.state.as_str() {
        "idle" => "idle: nothing to do",
        "ready" => "ready: waits for a worker or for its time",
        "leased" if job.cancel_requested => "leased: runs and is asked to stop",
        "leased" => "leased: runs",
        "parked" => "parked: failed too often; `quarry jobs retry` runs it again",
        "removing" => "removing: its repository is being removed",
        other => other,
    };
    state.to_owned()
}

fn row(run: &RunEntry) -> Vec<String> {
    let files = &run.counts["files_indexed"];
    vec![
        ago(run.finished_at),
        format!("{} ms", (run.finished_at - run.started_at).num_milliseconds()),
        run.outcome.clone(),
        run.attempt.to_string(),
        files.as_u64().map_or_else(|| "-".to_owned(), |files| files.to_string()),
        if run.host.is_empty() { "-" } else { &run.host }.to_owned(),
        run.error.as_deref().map_or_else(|| "-".to_owned(), output::printable),
    ]
}

pub(super) async fn ticket(registry: &Registry, id: Uuid, as_json: bool) -> Result<()> {
    let ticket: TicketStatus = quarry_queue::ticket_status(registry.pool(), id).await?;
    if as_json {
        return output::json(&ticket);
    }
    output::line(format!("ticket      {}", ticket.id))?;
    output::line(format!("state       {}", ticket.state.as_str()))?;
    let age = i64::try_from(ticket.age.as_secs()).unwrap_or(i64::MAX);
    output::line(format!(
        "asked       {} ago by {}",
        output::duration(age),
        output::printable(&ticket.requested_by)
    ))?;
    output::line(format!("files       {} marked in its repository", ticket.pending_files))?;
    if let Some(error) = &ticket.error {
        output::line(format!("error       {}", output::printable(error)))?;
    }
    if ticket.open_lanes.is_empty() {
        return Ok(());
    }
    let rows: Vec<Vec<String>> = ticket
        .open_lanes
        .iter()
        .map(|lane| {
            vec![
                lane.job_id.to_string(),
                format!("{}/{}", lane.kind.as_str(), lane.shard),
                lane.state.clone(),
                lane.last_error
                    .as_deref()
                    .map_or_else(|| "-".to_owned(), output::printable),
            ]
        })
        .collect();
    output::line("\nwaits for:")?;
    output::table(&["JOB", "KIND", "STATE", "LAST ERROR"], &rows)
}
