//! Which tools there are, in sets that a session can choose from. A set is a file with one method a tool; the method
//! describes the tool and hands on to tools/. Every set is listed here once.

mod entities;
mod index;
mod projects;
mod search;

use std::sync::Arc;

use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::model::{Tool, ToolAnnotations};

use crate::plain_schema::{listed_arguments, listed_documents, listed_result};
use crate::server::Server;

/// A group of tools that is offered or left out as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Toolset {
    /// Find and read code.
    Search,
    /// Bring indexes up to date and follow jobs.
    Index,
    /// Make, change and delete projects.
    Projects,
    /// Keep tasks, decisions and other documents that fit a schema.
    Entities,
}

impl Toolset {
    /// What a session offers unless it is told otherwise.
    pub const DEFAULT: [Toolset; 3] = [Toolset::Search, Toolset::Index, Toolset::Projects];

    /// Every one.
    pub const ALL: [Toolset; 4] = [Toolset::Search, Toolset::Index, Toolset::Projects, Toolset::Entities];

    fn router(self) -> ToolRouter<Server> {
        match self {
            Toolset::Search => Server::search_toolset(),
            Toolset::Index => Server::index_toolset(),
            Toolset::Projects => Server::projects_toolset(),
            Toolset::Entities => Server::entities_toolset(),
        }
    }
}

/// What a caller must be allowed to do to call a tool. Ordered: who may change may also read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Needs {
    Read,
    Write,
    Admin,
}

/// Tools that make, rename or delete what others use.
const ADMIN_TOOLS: [&str; 4] = [
    "create_project",
    "update_project",
    "delete_project",
    "remove_repository",
];

impl Needs {
    pub(crate) fn of(tool: &Tool) -> Needs {
        if tool.annotations.as_ref().and_then(|hints| hints.read_only_hint) == Some(true) {
            Needs::Read
        } else if ADMIN_TOOLS.contains(&tool.name.as_ref()) {
            Needs::Admin
        } else {
            Needs::Write
        }
    }

    /// The scope of a token that allows it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Needs::Read => "read",
            Needs::Write => "write",
            Needs::Admin => "admin",
        }
    }
}

/// The tools of these sets.
pub(crate) fn router(toolsets: &[Toolset]) -> ToolRouter<Server> {
    let mut router = ToolRouter::new();
    for toolset in toolsets {
        let mut tools = toolset.router();
        for route in tools.map.values_mut() {
            let tool = &mut route.attr;
            tool.input_schema = Arc::new(listed_arguments(&tool.input_schema));
            tool.output_schema = tool.output_schema.take().map(|schema| {
                Arc::new(match toolset {
                    Toolset::Entities => listed_documents(),
                    _ => listed_result(&schema),
                })
            });
            if let Some(hints) = &mut tool.annotations {
                leave_out_defaults(hints);
            }
        }
        router.merge(tools);
    }
    router
}

/// What the protocol takes for granted need not be said to every session.
fn leave_out_defaults(hints: &mut ToolAnnotations) {
    for hint in [&mut hints.read_only_hint, &mut hints.idempotent_hint] {
        *hint = hint.filter(|holds| *holds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_session_pays_for_is_small() {
        // The entities are eighteen tools, and no session has them that does not name them.
        for (toolsets, most) in [(&Toolset::DEFAULT[..], 12_000), (&Toolset::ALL[..], 20_000)] {
            let tools = serde_json::to_string(&router(toolsets).list_all()).expect("tools are JSON");
            assert!(
                tools.len() < most,
                "tools/list of {toolsets:?} has {} bytes",
                tools.len()
            );
        }
    }

    #[test]
    fn every_tool_refuses_unknown_arguments_and_describes_its_result() {
        for tool in router(&Toolset::ALL).list_all() {
            let name = &tool.name;
            assert_eq!(
                tool.input_schema.get("additionalProperties"),
                Some(&false.into()),
                "{name}"
            );
            assert!(tool.output_schema.is_some(), "{name}");
            let hints = tool.annotations.as_ref().expect("a tool has annotations");
            assert_eq!(hints.open_world_hint, Some(false), "{name}");
            // A tool that changes something says whether it may destroy.
            assert_eq!(
                hints.destructive_hint.is_some(),
                hints.read_only_hint.is_none(),
                "{name}"
            );
            let text = serde_json::to_string(&tool).expect("a tool is JSON");
            assert!(!text.contains("\"format\"") && !text.contains("null"), "{text}");
        }
    }
}
