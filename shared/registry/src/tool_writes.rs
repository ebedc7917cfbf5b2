//! What was changed over MCP, by whom: the table `tool_writes`. A row is added by the server after each such call; people
//! read them with the command line. Names only, never texts or secrets.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::error::{RegistryError, doing};
use crate::open::Registry;

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteOutcome {
    /// The tool did it.
    Done,
    /// The tool, or the rights of the caller, refused it.
    Refused,
    /// The client gave the call up.
    Cancelled,
    /// It took too long; whether it was done is open.
    TimedOut,
}

/// A call that may have changed something.
#[derive(Debug, Clone)]
pub struct ToolWrite<'a> {
    /// The name of the token; none: a session without one.
    pub token: Option<&'a str>,
    /// Name and version of the client.
    pub client: &'a str,
    /// Which tool.
    pub tool: &'a str,
    /// The project it named.
    pub project: Option<&'a str>,
    /// What it named beside that: a path, a job, an entity.
    pub subject: Option<&'a str>,
    /// What came of it.
    pub outcome: WriteOutcome,
}

/// A call as it is listed.
#[derive(Debug, Clone, Serialize)]
pub struct ToolWriteEntry {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// The name of the token; none: a session without one.
    pub token: Option<String>,
    /// Name and version of the client.
    pub client: String,
    /// Which tool.
    pub tool: String,
    /// The project it named.
    pub project: Option<String>,
    /// What it named beside that.
    pub subject: Option<String>,
    /// What came of it: `done`, `refused`, `cancelled` or `timed_out`.
    pub outcome: String,
}

impl WriteOutcome {
    fn as_str(self) -> &'static str {
        match self {
            WriteOutcome::Done => "done",
            WriteOutcome::Refused => "refused",
            WriteOutcome::Cancelled => "cancelled",
            WriteOutcome::TimedOut => "timed_out",
        }
    }
}

impl Registry {
    /// Notes a call, and forgets a few that are older than 90 days.
    pub async fn note_tool_write(&self, write: &ToolWrite<'_>) -> Result<(), RegistryError> {
        sqlx::query!(
            "with old as (
                delete from tool_writes
                where id in (
                    select id
                    from tool_writes
                    where at < clock_timestamp() - interval '90 days'
                    order by at
                    limit 10
                    for update skip locked
                )
            )
            insert into tool_writes (token, client, tool, project, subject, outcome)
            values ($1, $2, $3, $4, $5, $6)",
            write.token,
            write.client,
            write.tool,
            write.project,
            write.subject,
            write.outcome.as_str(),
        )
        .execute(self.pool())
        .await
        .map_err(doing("note what was changed"))?;
        Ok(())
    }

    /// The latest of these calls, newest first.
    pub async fn tool_writes(&self, limit: u32) -> Result<Vec<ToolWriteEntry>, RegistryError> {
        sqlx::query_as!(
            ToolWriteEntry,
            "select at, token, client, tool, project, subject, outcome
            from tool_writes
            order by at desc, id desc
            limit $1",
            i64::from(limit),
        )
        .fetch_all(self.pool())
        .await
        .map_err(doing("list what was changed"))
    }
}
