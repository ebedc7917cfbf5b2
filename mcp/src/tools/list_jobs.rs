//! `list_jobs`: the jobs of the projects that the caller may see, newest first.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use quarry_queue::{TicketEntry, TicketState, TicketsFilter};
use quarry_registry::Project;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::call::Call;
use crate::plain_schema::plain;
use crate::snippet::visible;
use crate::tool_error::ToolError;

const DEFAULT_LIMIT: u32 = 20;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct ListJobs {
    /// Default: all projects.
    project: Option<String>,
    state: Option<JobState>,
    /// Default 20.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// A next_cursor.
    cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum JobState {
    Waiting,
    Running,
    Done,
    Failed,
    Cancelled,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct Jobs {
    jobs: Vec<JobEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
struct JobEntry {
    job_id: String,
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    state: String,
    requested_by: String,
    age_s: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) async fn list_jobs(call: &Call<'_>, arguments: ListJobs) -> Result<Jobs, ToolError> {
    let after = arguments.cursor.as_deref().map(parse_cursor).transpose()?;
    let limit = arguments.limit.unwrap_or(DEFAULT_LIMIT);
    let projects = projects(call, arguments.project.as_deref()).await?;
    let filter = TicketsFilter {
        project_ids: Some(projects.keys().copied().collect()),
        state: arguments.state.map(JobState::of_ticket),
        after,
        limit: limit + 1,
    };
    let mut tickets = quarry_queue::tickets_list(call.registry().await?.pool(), &filter).await?;
    let more = tickets.len() > limit as usize;
    tickets.truncate(limit as usize);
    let next_cursor = tickets.last().filter(|_| more).map(cursor);
    let roots = roots(call, &projects, &tickets).await;
    let jobs = tickets.into_iter().map(|ticket| JobEntry {
        job_id: ticket.id.to_string(),
        project: projects
            .get(&ticket.project_id)
            .map_or_else(String::new, |project| project.name.as_str().to_owned()),
        repository: ticket.repository_id.and_then(|id| roots.get(&id).cloned()),
        state: ticket.state.as_str().to_owned(),
        requested_by: visible(&ticket.requested_by),
        age_s: (Utc::now() - ticket.created_at).num_seconds().max(0),
        error: ticket.error.as_deref().map(visible),
    });
    Ok(Jobs {
        jobs: jobs.collect(),
        next_cursor,
    })
}

/// The projects that are meant, by id.
async fn projects(call: &Call<'_>, asked: Option<&str>) -> Result<HashMap<Uuid, Project>, ToolError> {
    let registry = call.registry().await?;
    let mut projects = match asked.or(call.access.only_project()) {
        Some(named) => match call.project_name(Some(named))? {
            Some(name) => vec![registry.project(&name).await?],
            None => Vec::new(),
        },
        None => registry.projects().await?,
    };
    projects.retain(|project| call.access.sees(&project.name));
    Ok(projects.into_iter().map(|project| (project.id.0, project)).collect())
}

/// Where the repositories of the jobs are. One that was removed, or whose database is away, has no name any more.
async fn roots(call: &Call<'_>, projects: &HashMap<Uuid, Project>, tickets: &[TicketEntry]) -> HashMap<Uuid, String> {
    let mut roots = HashMap::new();
    for (id, project) in projects {
        if !tickets.iter().any(|ticket| ticket.project_id == *id) {
            continue;
        }
        let Ok(registry) = call.registry().await else { continue };
        let Ok(database) = registry.database(project).await else {
            continue;
        };
        let found = quarry_codebase::repositories(&database).await.unwrap_or_default();
        roots.extend(
            found
                .into_iter()
                .map(|repository| (repository.id, visible(&repository.root))),
        );
    }
    roots
}

impl JobState {
    fn of_ticket(self) -> TicketState {
        match self {
            JobState::Waiting => TicketState::Waiting,
            JobState::Running => TicketState::Running,
            JobState::Done => TicketState::Done,
            JobState::Failed => TicketState::Failed,
            JobState::Cancelled => TicketState::Cancelled,
        }
    }
}

fn cursor(last: &TicketEntry) -> String {
    format!("{}.{}", last.created_at.timestamp_micros(), last.id.simple())
}

fn parse_cursor(cursor: &str) -> Result<(DateTime<Utc>, Uuid), ToolError> {
    let parse = || {
        let (micros, id) = cursor.split_once('.')?;
        let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
        Some((at, Uuid::parse_str(id).ok()?))
    };
    parse().ok_or_else(|| ToolError::new("this cursor is not one of list_jobs': leave it out to start again"))
}
