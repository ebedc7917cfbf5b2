//! `quarry jobs …`: what waits, runs and failed, and what an operator can do about it.

mod change;
mod list;
mod show;

use std::str::FromStr;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use quarry_queue::JobEntry;
use uuid::Uuid;

use super::output;
use super::session::Session;

#[derive(Debug, Subcommand)]
pub(super) enum Arguments {
    /// List the lanes of work: running ones first, then what waits, by urgency
    List(List),
    /// Show one lane with its latest runs, or what a ticket still waits for
    Show {
        /// A job's number from `jobs list`, or the id of a ticket
        id: Id,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Run parked lanes again, and those that wait for their next attempt, at once and with all their attempts
    Retry(Retry),
    /// Stop a lane and whatever waits for it, or withdraw one request
    Cancel {
        /// A job's number from `jobs list`, or the id of a ticket
        id: Id,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only this project
    #[arg(long)]
    project: Option<String>,
    /// Only lanes in these states
    #[arg(long, value_enum, value_delimiter = ',', conflicts_with = "all")]
    state: Vec<State>,
    /// Also lanes with nothing to do
    #[arg(long)]
    all: bool,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Retry {
    /// Numbers of jobs from `jobs list`
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<i64>,
    /// Every parked lane
    #[arg(long)]
    all: bool,
    /// With --all: only of this project
    #[arg(long, requires = "all")]
    project: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// As they stand in lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    /// Has nothing to do
    Idle,
    /// Waits for a worker or for its time
    Ready,
    /// Runs
    Leased,
    /// Failed too often and stands until somebody asks anew
    Parked,
    /// Its repository is being removed
    Removing,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Idle => "idle",
            State::Ready => "ready",
            State::Leased => "leased",
            State::Parked => "parked",
            State::Removing => "removing",
        }
    }
}

/// A lane or a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Id {
    Job(i64),
    Ticket(Uuid),
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Id, String> {
        if let Ok(number) = text.parse() {
            return Ok(Id::Job(number));
        }
        Uuid::parse_str(text)
            .map(Id::Ticket)
            .map_err(|_| "neither the number of a job nor the id of a ticket".to_owned())
    }
}

pub(super) async fn run(session: &Session, arguments: Arguments) -> Result<()> {
    let registry = session.registry().await?;
    match arguments {
        Arguments::List(list) => list::run(&registry, list).await,
        Arguments::Show {
            id: Id::Job(number),
            json,
        } => show::job(&registry, number, json).await,
        Arguments::Show {
            id: Id::Ticket(id),
            json,
        } => show::ticket(&registry, id, json).await,
        Arguments::Retry(retry) => change::retry(&registry, retry).await,
        Arguments::Cancel { id, json } => change::cancel(&registry, id, json).await,
    }
}

fn name_of(job: &JobEntry) -> String {
    format!("{}/{}", job.kind.as_str(), job.shard)
}

fn worker_of(job: &JobEntry) -> String {
    match (&job.worker_host, job.worker_process_id) {
        (Some(host), Some(process)) => format!("{host}:{process}"),
        _ => "-".to_owned(),
    }
}

fn progress_of(job: &JobEntry) -> String {
    match &job.progress {
        Some(progress) => match progress.total {
            Some(total) => format!("{} {}/{total}", progress.stage, progress.done),
            None => format!("{} {}", progress.stage, progress.done),
        },
        None => "-".to_owned(),
    }
}

/// When it runs next, from now.
fn next_run_of(job: &JobEntry) -> String {
    match job.next_run_at.map(|at| (at - chrono::Utc::now()).num_seconds()) {
        None => "-".to_owned(),
        Some(..=0) => "now".to_owned(),
        Some(seconds) => format!("in {}", output::duration(seconds)),
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "an age in whole seconds is enough, and never near the limit"
)]
fn age_of(job: &JobEntry) -> String {
    job.age_seconds
        .map_or_else(|| "-".to_owned(), |seconds| output::duration(seconds as i64))
}

fn ago(at: chrono::DateTime<chrono::Utc>) -> String {
    format!("{} ago", output::duration((chrono::Utc::now() - at).num_seconds()))
}

#[cfg(test)]
mod tests {
    use super::Id;

    #[test]
    fn numbers_are_jobs_and_uuids_are_tickets() {
        assert_eq!("12".parse(), Ok(Id::Job(12)));
        let ticket = uuid::Uuid::now_v7();
        assert_eq!(ticket.to_string().parse(), Ok(Id::Ticket(ticket)));
        assert!("index_files/3".parse::<Id>().is_err());
    }
}
