//! The server value that rmcp drives, over whichever transport: what a client is told about it, and what holds for every
//! call. Which tools there are is in toolsets/, what each does in tools/.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quarry_lifecycle::Config;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::{IntoCallToolResult, ToolCallContext};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, GetTaskParams, GetTaskResult, Implementation,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};

use crate::Options;
use crate::access::Access;
use crate::arguments;
use crate::backend::Backend;
use crate::call::Call;
use crate::instructions::instructions;
use crate::tasks;
use crate::tool_error::ToolError;
use crate::tools::LONGEST_WAIT_S;
use crate::toolsets::{self, Needs, Toolset};

/// A call answers within this time, what it was asked to wait apart. Clients give up after about a minute.
const DEADLINE: Duration = Duration::from_secs(20);

/// Shared by every session and request of this process.
#[derive(Clone)]
pub(crate) struct Server {
    shared: Arc<Shared>,
}

struct Shared {
    backend: Backend,
    toolsets: Vec<Toolset>,
    /// What nobody's rights can widen.
    access: Access,
    tools: ToolRouter<Server>,
}

impl Server {
    pub(crate) fn new(config: Config, options: Options) -> Server {
        let mut toolsets = options.toolsets.clone();
        if toolsets.is_empty() {
            toolsets = Toolset::DEFAULT.to_vec();
        }
        let access = Access::of_options(&options);
        let mut tools = toolsets::router(&toolsets);
        for tool in tools.list_all() {
            if !access.allows(Needs::of(&tool)) || (tool.name == "create_project" && !access.may_create_projects()) {
                tools.remove_route(&tool.name);
            }
        }
        Server {
            shared: Arc::new(Shared {
                backend: Backend::new(config, options),
                toolsets,
                access,
                tools,
            }),
        }
    }

    /// What one request is to the tools.
    pub(crate) fn call(&self, context: &RequestContext<RoleServer>) -> Call<'_> {
        Call::new(&self.shared.backend, self.access(context), context)
    }

    fn access(&self, _context: &RequestContext<RoleServer>) -> Access {
        self.shared.access.clone()
    }
}

fn capabilities() -> ServerCapabilities {
    ServerCapabilities::builder()
        .enable_tools()
        .enable_resources()
        .enable_prompts()
        .enable_completions()
        .enable_tasks()
        .build()
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let mut info = ServerConfig::new(capabilities());
        info.server_info = Implementation::new("quarry", env!("CARGO_PKG_VERSION"));
        info.instructions = Some(instructions(&self.shared.toolsets, self.shared.access.may_write()));
        info
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let access = self.access(&context);
        let mut tools = self.shared.tools.list_all();
        tools.retain(|tool| access.allows(Needs::of(tool)));
        Ok(ListToolsResult::with_all_items(tools))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.shared.tools.get(name).cloned()
    }

    /// What holds for every call: the caller may make it, its arguments are checked, it ends when it is cancelled, and it
    /// has a deadline.
    async fn call_tool(
        &self,
        mut request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.clone();
        let mut given = request.arguments.take().unwrap_or_default();
        if let Some(tool) = self.shared.tools.get(&name) {
            let needs = Needs::of(tool);
            if !self.access(&context).allows(needs) {
                return ToolError::new(format!("{name} needs a token with the scope {}", needs.as_str()))
                    .into_call_tool_result();
            }
            if let Err(refused) = arguments::check(tool, &mut given) {
                return refused.into_call_tool_result();
            }
        }
        let wait_s = given.get("wait_s").and_then(serde_json::Value::as_u64).unwrap_or(0);
        let deadline = DEADLINE + Duration::from_secs(wait_s.min(LONGEST_WAIT_S.into()));
        request.arguments = Some(given);
        let cancelled = context.ct.clone();
        let started = Instant::now();
        let call = self.shared.tools.call(ToolCallContext::new(self, request, context));
        let answer = tokio::select! {
            answer = tokio::time::timeout(deadline, call) => answer,
            () = cancelled.cancelled() => return ToolError::new("cancelled").into_call_tool_result(),
        };
        let duration_ms = started.elapsed().as_millis();
        tracing::debug!(tool = %name, duration_ms, "{name} took {duration_ms} ms");
        answer.unwrap_or_else(|_| {
            let seconds = deadline.as_secs();
            ToolError::new(format!(
                "no answer within {seconds} s: Postgres may be starting or busy; call again, `quarry status` tells more"
            ))
            .into_call_tool_result()
        })
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let task = tasks::get(&self.call(&context), &request.task_id).await?;
        Ok(GetTaskResult::new(task))
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        tasks::update(&self.call(&context), &request.task_id).await
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        tasks::cancel(&self.call(&context), &request.task_id).await
    }
}
