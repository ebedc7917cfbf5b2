//! `quarry jobs list`: what waits, runs and failed.

use anyhow::Result;
use quarry_queue::{JobEntry, JobsFilter};
use quarry_registry::ProjectName;

use super::arguments::Jobs;
use super::output;
use super::session::Session;

pub(super) async fn run(session: &Session, command: Jobs) -> Result<()> {
    let Jobs::List { project, all, json } = command;
    let registry = session.registry().await?;
    let project_id = match project {
        Some(name) => Some(registry.project(&ProjectName::parse(&name)?).await?.id.0),
        None => None,
    };
    let filter = JobsFilter {
        project_id,
        idle: all,
        ..JobsFilter::default()
    };
    let jobs = quarry_queue::jobs_list(registry.pool(), &filter).await?;
    if json {
        return output::json(&jobs);
    }
    if jobs.is_empty() {
        return output::line("nothing waits, runs or failed");
    }
    let rows: Vec<Vec<String>> = jobs.iter().map(row).collect();
    output::table(
        &[
            "JOB",
            "KIND",
            "PROJECT",
            "STATE",
            "FILES",
            "ATTEMPT",
            "WORKER",
            "AGE",
            "LAST ERROR",
        ],
        &rows,
    )
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "an age in whole seconds is enough, and never near the limit"
)]
fn row(job: &JobEntry) -> Vec<String> {
    vec![
        job.job_id.to_string(),
        format!("{}/{}", job.kind.as_str(), job.shard),
        job.project_name.clone(),
        job.state.to_string(),
        job.dirty_files.to_string(),
        job.attempt.to_string(),
        worker_of(job),
        job.age_seconds
            .map_or_else(|| "-".to_owned(), |seconds| output::duration(seconds as i64)),
        job.last_error.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}

fn worker_of(job: &JobEntry) -> String {
    match (&job.worker_host, job.worker_process_id) {
        (Some(host), Some(process)) => format!("{host}:{process}"),
        _ => "-".to_owned(),
    }
}
