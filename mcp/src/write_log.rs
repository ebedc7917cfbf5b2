//! Notes each call that may have changed something, whatever came of it: who, which tool, which project, what it named.
//! Into the registry, for `quarry token log`, and into the server's own log. Never texts: a name can be told, code cannot.

use std::time::Duration;

use quarry_registry::{ToolWrite, WriteOutcome};
use rmcp::RoleServer;
use rmcp::model::JsonObject;
use rmcp::service::RequestContext;
use serde_json::Value;

use crate::call::{Call, principal};
use crate::snippet::visible;

/// The answer does not wait longer for the note about it.
const NOTE_WITHIN: Duration = Duration::from_secs(2);

/// Arguments that name what a call is about, the most telling first.
const NAMING: [&str; 8] = [
    "job_id",
    "repository",
    "path",
    "id",
    "schema",
    "name",
    "from",
    "batch_id",
];

/// A name that is longer tells no more.
const MOST_CHARACTERS: usize = 200;

pub(crate) struct Write {
    token: Option<String>,
    tool: String,
    project: Option<String>,
    subject: Option<String>,
}

impl Write {
    pub(crate) fn of(context: &RequestContext<RoleServer>, tool: &str, arguments: &JsonObject) -> Write {
        let named = |name: &str| arguments.get(name).and_then(Value::as_str).map(short);
        Write {
            token: principal(context).and_then(|principal| principal.name.clone()),
            tool: tool.to_owned(),
            project: named("project"),
            subject: NAMING.into_iter().find_map(named),
        }
    }

    pub(crate) async fn note(&self, call: &Call<'_>, outcome: WriteOutcome) {
        let write = ToolWrite {
            token: self.token.as_deref(),
            client: &call.caller,
            tool: &self.tool,
            project: self.project.as_deref().or(call.access.only_project()),
            subject: self.subject.as_deref(),
            outcome,
        };
        tracing::info!(
            token = write.token,
            client = write.client,
            tool = write.tool,
            project = write.project,
            subject = write.subject,
            ?outcome,
            "{} by {}: {outcome:?}",
            write.tool,
            write.client
        );
        let noted = async { anyhow::Ok(call.backend.registry().await?.note_tool_write(&write).await?) };
        match tokio::time::timeout(NOTE_WITHIN, noted).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("cannot note what was changed: {error:#}"),
            Err(_) => tracing::warn!("cannot note what was changed within {NOTE_WITHIN:?}"),
        }
    }
}

/// A URL may hold a password, which is refused further on; it is not to be kept either.
fn short(name: &str) -> String {
    let name = match (name.find("://"), name.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://…{}", &name[..scheme], &name[at..]),
        _ => name.to_owned(),
    };
    visible(&name).chars().take(MOST_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_never_holds_a_password() {
        assert_eq!(
            short("https://me:secret@host.example/r.git"),
            "https://…@host.example/r.git"
        );
        assert_eq!(short("/src/shop"), "/src/shop");
        assert!(short(&"x".repeat(1_000)).len() <= MOST_CHARACTERS);
    }
}
