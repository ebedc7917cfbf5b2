//! `quarry jobs list`: a line per lane.

use anyhow::Result;
use quarry_queue::{JobEntry, JobsFilter};
use quarry_registry::{ProjectName, Registry};

use super::{List, age_of, name_of, next_run_of, progress_of, worker_of};
use crate::cli::output;

/// Characters of an error in a list: the line stays one line. `jobs show` has all of it.
const ERROR_WIDTH: usize = 60;

const HEADER: [&str; 11] = [
    "JOB",
    "KIND",
    "PROJECT",
    "STATE",
    "FILES",
    "TRY",
    "NEXT",
    "WORKER",
    "PROGRESS",
    "AGE",
    "LAST ERROR",
];

pub(super) async fn run(registry: &Registry, list: List) -> Result<()> {
    let project_id = match &list.project {
        Some(name) => Some(registry.project(&ProjectName::parse(name)?).await?.id.0),
        None => None,
    };
    let filter = JobsFilter {
        project_id,
        states: list.state.iter().map(|state| state.word().to_owned()).collect(),
        idle: list.all,
        limit: Some(list.limit),
        ..JobsFilter::default()
    };
    let jobs = quarry_queue::jobs_list(registry.pool(), &filter).await?;
    if list.json {
        return output::json(&jobs);
    }
    if jobs.is_empty() {
        return output::line(if list.state.is_empty() {
            "nothing waits, runs or failed"
        } else {
            "no lane is in that state"
        });
    }
    let rows: Vec<Vec<String>> = jobs.iter().map(row).collect();
    output::table(&HEADER, &rows)?;
    if jobs.len() == list.limit as usize {
        output::notice(format!("the first {}; --limit shows more", list.limit));
    }
    Ok(())
}

fn row(job: &JobEntry) -> Vec<String> {
    vec![
        job.job_id.to_string(),
        name_of(job),
        job.project_name.clone(),
        job.state.clone(),
        job.dirty_files.to_string(),
        job.attempt.to_string(),
        next_run_of(job),
        worker_of(job),
        progress_of(job),
        age_of(job),
        job.last_error.as_deref().map_or_else(|| "-".to_owned(), shortened),
    ]
}

fn shortened(error: &str) -> String {
    let line = output::printable(error);
    if line.chars().count() <= ERROR_WIDTH {
        return line;
    }
    let start: String = line.chars().take(ERROR_WIDTH - 1).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use super::{ERROR_WIDTH, shortened};

    #[test]
    fn an_error_stays_on_its_line() {
        assert_eq!(shortened("no\nroom"), "no\u{fffd}room");
        let long = shortened(&"ä".repeat(100));
        assert_eq!((long.chars().count(), long.ends_with('…')), (ERROR_WIDTH, true));
    }
}
