//! `quarry jobs retry` and `quarry jobs cancel`.

use anyhow::{Result, bail};
use quarry_queue::{JobsFilter, TicketState};
use quarry_registry::{ProjectName, Registry};
use serde_json::json;

use super::{Id, Retry, State};
use crate::cli::output;

pub(super) async fn retry(registry: &Registry, retry: Retry) -> Result<()> {
    let ids = if retry.all {
        parked(registry, retry.project.as_deref()).await?
    } else {
        retry.ids
    };
    let mut retried = Vec::with_capacity(ids.len());
    for job_id in ids {
        if quarry_queue::retry_job(registry.pool(), job_id).await? {
            retried.push(job_id);
        } else if !retry.all {
            let (job, _) = quarry_queue::job_show(registry.pool(), job_id).await?;
            bail!(
                "job {job_id} is {}: only parked and waiting jobs are tried again",
                job.state
            );
        }
    }
    if retry.json {
        return output::json(&json!({ "retried": retried }));
    }
    if retried.is_empty() {
        return output::line("nothing is parked");
    }
    let numbers: Vec<String> = retried.iter().map(ToString::to_string).collect();
    output::line(format!("due at once, with all attempts: {}", numbers.join(", ")))
}

/// The lanes that stand with an error.
async fn parked(registry: &Registry, project: Option<&str>) -> Result<Vec<i64>> {
    let project_id = match project {
        Some(name) => Some(registry.project(&ProjectName::parse(name)?).await?.id.0),
        None => None,
    };
    let filter = JobsFilter {
        project_id,
        states: vec![State::Parked.word().to_owned()],
        limit: Some(u32::MAX),
        ..JobsFilter::default()
    };
    let jobs = quarry_queue::jobs_list(registry.pool(), &filter).await?;
    Ok(jobs.iter().map(|job| job.job_id).collect())
}

pub(super) async fn cancel(registry: &Registry, id: Id, as_json: bool) -> Result<()> {
    let queue = registry.pool();
    match id {
        Id::Job(job_id) => {
            quarry_queue::cancel_job(queue, job_id).await?;
            let (job, _) = quarry_queue::job_show(queue, job_id).await?;
            if as_json {
                return output::json(&job);
            }
            output::line(match job.state.as_str() {
                "leased" => format!("job {job_id} is asked to stop; its worker hears of it within seconds"),
                "parked" => format!("job {job_id} stands parked already: nothing runs"),
                state => format!("job {job_id} is {state}; what is marked stays marked for the next request"),
            })
        }
        Id::Ticket(ticket_id) => {
            quarry_queue::cancel_ticket(queue, ticket_id).await?;
            let ticket = quarry_queue::ticket_status(queue, ticket_id).await?;
            if as_json {
                return output::json(&ticket);
            }
            output::line(match ticket.state {
                TicketState::Done => format!("ticket {ticket_id} is done already"),
                state => format!("ticket {ticket_id} is {}", state.as_str()),
            })
        }
    }
}
