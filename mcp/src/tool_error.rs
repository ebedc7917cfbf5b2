//! What a tool says when it cannot do what was asked: a result the model reads, with the next call to make.
//! Repository text and connection strings never get in here.

use quarry_codebase::CodebaseError;
use quarry_queue::QueueError;
use quarry_registry::{ProjectNameError, RegistryError};
use quarry_workflow::WorkflowError;
use rmcp::ErrorData;
use rmcp::handler::server::tool::IntoCallToolResult;
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock};

use crate::snippet::visible;

/// Longer reasons are logs, not sentences.
const MOST_CHARACTERS: usize = 1_000;

/// A conflict is told with the current document up to this size.
const MOST_DETAIL_BYTES: usize = 16_000;

/// What to do when Postgres is away.
const POSTGRES_HINT: &str = "is Postgres running? Call again when it is; `quarry status` tells more";

/// A failed call, in a sentence for the model.
#[derive(Debug)]
pub(crate) struct ToolError(pub(crate) String);

impl ToolError {
    pub(crate) fn new(sentence: impl AsRef<str>) -> ToolError {
        let sentence = visible(sentence.as_ref());
        match sentence.char_indices().nth(MOST_CHARACTERS) {
            Some((end, _)) => ToolError(format!("{}…", &sentence[..end])),
            None => ToolError(sentence),
        }
    }

    fn of(error: anyhow::Error, hint: Option<&str>) -> ToolError {
        let told = told(&error);
        tracing::warn!("tool call failed: {told}");
        // A server that refused something is there.
        match hint.filter(|hint| *hint != POSTGRES_HINT || !told.contains("returned from database")) {
            Some(hint) => ToolError::new(format!("{told}; {hint}")),
            None => ToolError::new(told),
        }
    }
}

/// The error and its causes, each once: some repeat their cause in their own words.
fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

impl From<anyhow::Error> for ToolError {
    fn from(error: anyhow::Error) -> ToolError {
        match error.downcast::<RegistryError>() {
            Ok(error) => error.into(),
            Err(error) => ToolError::of(error, None),
        }
    }
}

impl From<RegistryError> for ToolError {
    fn from(error: RegistryError) -> ToolError {
        match &error {
            // Its own message names a command of the command line.
            RegistryError::UnknownProject { name, known } if known.is_empty() => ToolError::new(format!(
                "no project is named {name}, and there are none yet: call index_repository, which creates one"
            )),
            RegistryError::UnknownProject { name, known } => ToolError::new(format!(
                "no project is named {name}; known: {}. Use one of them, or leave out `project`",
                known.join(", ")
            )),
            RegistryError::NameTaken { name } => ToolError::new(format!(
                "a project named {name} exists already: use it, or choose another name"
            )),
            RegistryError::Connect { .. } | RegistryError::Database { .. } => {
                ToolError::of(error.into(), Some(POSTGRES_HINT))
            }
            _ => ToolError::of(error.into(), None),
        }
    }
}

impl From<CodebaseError> for ToolError {
    fn from(error: CodebaseError) -> ToolError {
        let hint = match &error {
            CodebaseError::Database(_) => Some(POSTGRES_HINT),
            CodebaseError::NotFound { what: "chunk", .. } => Some("the index went on since: search again"),
            CodebaseError::NotFound { what: "file", .. } => Some("search_code finds paths too"),
            CodebaseError::NotFound { what: "repository", .. } => Some("list_projects shows what is indexed"),
            _ => None,
        };
        ToolError::of(error.into(), hint)
    }
}

impl From<QueueError> for ToolError {
    fn from(error: QueueError) -> ToolError {
        let hint = match &error {
            QueueError::Database(_) => Some(POSTGRES_HINT),
            QueueError::UnknownTicket(_) => Some("call index_repository: it returns the job to follow"),
            QueueError::RepositoryRemoved(_) => Some("call index_repository again when that is done"),
            _ => None,
        };
        ToolError::of(error.into(), hint)
    }
}

impl From<WorkflowError> for ToolError {
    fn from(error: WorkflowError) -> ToolError {
        match &error {
            WorkflowError::Database { .. } => ToolError::of(error.into(), Some(POSTGRES_HINT)),
            // What the caller goes on with, whole: cut to a sentence it would have to be fetched again.
            WorkflowError::Conflict(conflict) => {
                let details = serde_json::to_string(conflict).unwrap_or_default();
                let sentence = ToolError::new(error.to_string()).0;
                if details.len() > MOST_DETAIL_BYTES {
                    return ToolError(format!("{sentence}; get_entity gives the current data"));
                }
                ToolError(format!("{sentence}\n{details}"))
            }
            _ => match error.faults() {
                Some(faults) => {
                    let lines: Vec<String> = faults
                        .faults
                        .iter()
                        .map(|fault| ToolError::new(format!("- {}: {}", fault.pointer, fault.message)).0)
                        .collect();
                    let more = if faults.truncated { "\n- and more" } else { "" };
                    let told = error.to_string();
                    let headline = told.split(": ").next().unwrap_or_default();
                    ToolError(format!("{}:\n{}{more}", visible(headline), lines.join("\n")))
                }
                None => ToolError::new(error.to_string()),
            },
        }
    }
}

impl From<ProjectNameError> for ToolError {
    fn from(error: ProjectNameError) -> ToolError {
        ToolError::new(error.to_string())
    }
}

impl IntoCallToolResult for ToolError {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        Ok(CallToolResult::error(vec![ContentBlock::text(self.0)]).into())
    }
}
