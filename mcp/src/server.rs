//! The server value that rmcp drives, over whichever transport: what a client is told about it, and what holds for every
//! call. Which tools there are is in toolsets/, what each does in tools/.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quarry_lifecycle::Config;
use quarry_registry::{Registry, WriteOutcome};
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::{IntoCallToolResult, ToolCallContext};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams, CompleteResult,
    GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, MetaObject, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig, Tool, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};

use crate::Options;
use crate::access::Access;
use crate::arguments;
use crate::as_written;
use crate::backend::Backend;
use crate::call::{Call, http_request, principal};
use crate::instructions::instructions;
use crate::prompts;
use crate::resources;
use crate::snippet::visible;
use crate::tasks;
use crate::tool_error::ToolError;
use crate::tools::LONGEST_WAIT_S;
use crate::toolsets::{self, Needs, Toolset};
use crate::write_log::Write;

/// A call answers within this time, what it was asked to wait apart. Clients give up after about a minute.
const DEADLINE: Duration = Duration::from_secs(20);

/// What clients call this server.
const NAME: &str = "quarry";

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

    /// For who has no call yet: see http/bearer.rs.
    pub(crate) async fn registry(&self) -> anyhow::Result<Registry> {
        self.shared.backend.registry().await
    }

    /// Runs a tool until it has answered, the client gives up, or the time is over.
    async fn run(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> (WriteOutcome, Result<CallToolResponse, ErrorData>) {
        let name = request.name.clone();
        let wait_s = request
            .arguments
            .as_ref()
            .and_then(|given| given.get("wait_s"))
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0);
        let deadline = DEADLINE + Duration::from_secs(wait_s.min(LONGEST_WAIT_S.into()));
        let disconnected = context.ct.clone();
        let withdrawn = http_request(&context).map(|request| request.cancelled.clone());
        let withdrawn = async {
            match withdrawn {
                Some(withdrawn) => withdrawn.cancelled_owned().await,
                None => std::future::pending().await,
            }
        };
        let started = Instant::now();
        let call = self.shared.tools.call(ToolCallContext::new(self, request, context));
        let answer = tokio::select! {
            answer = tokio::time::timeout(deadline, call) => answer,
            () = disconnected.cancelled() => return cancelled(),
            () = withdrawn => return cancelled(),
        };
        let duration_ms = started.elapsed().as_millis();
        tracing::debug!(tool = %name, duration_ms, "{name} took {duration_ms} ms");
        match answer {
            Ok(answer) => {
                let refused =
                    matches!(&answer, Ok(CallToolResponse::Complete(result)) if result.is_error == Some(true));
                let outcome = if refused || answer.is_err() {
                    WriteOutcome::Refused
                } else {
                    WriteOutcome::Done
                };
                (outcome, answer)
            }
            Err(_) => {
                let seconds = deadline.as_secs();
                let late = ToolError::new(format!(
                    "no answer within {seconds} s: Postgres may be starting or busy; call again, `quarry status` tells more"
                ));
                (WriteOutcome::TimedOut, late.into_call_tool_result())
            }
        }
    }

    fn access(&self, context: &RequestContext<RoleServer>) -> Access {
        let access = self.shared.access.clone();
        match principal(context) {
            Some(principal) => principal.limit(access),
            None => access,
        }
    }
}

/// From 2026-07-28 on each result says which server gave it.
fn signed(context: &RequestContext<RoleServer>) -> Option<MetaObject> {
    context.meta.protocol_version()?;
    let mut meta = MetaObject::new();
    meta.insert(
        "io.modelcontextprotocol/serverInfo".to_owned(),
        serde_json::json!({ "name": NAME, "version": env!("CARGO_PKG_VERSION") }),
    );
    Some(meta)
}

async fn within_deadline<T>(answer: impl Future<Output = Result<T, ErrorData>>) -> Result<T, ErrorData> {
    let late = |_| ErrorData::internal_error("no answer in time: Postgres may be starting or busy; ask again", None);
    tokio::time::timeout(DEADLINE, answer).await.map_err(late)?
}

fn cancelled() -> (WriteOutcome, Result<CallToolResponse, ErrorData>) {
    (
        WriteOutcome::Cancelled,
        ToolError::new("cancelled").into_call_tool_result(),
    )
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
        info.server_info = Implementation::new(NAME, env!("CARGO_PKG_VERSION"));
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
        let mut listed = ListToolsResult::with_all_items(tools);
        listed.meta = signed(&context);
        Ok(listed)
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
        let access = self.access(&context);
        let Some(tool) = self.shared.tools.get(&name) else {
            return Err(ErrorData::invalid_params(
                format!("unknown tool {}", visible(&name)),
                None,
            ));
        };
        let needs = Needs::of(tool);
        let write = (needs > Needs::Read).then(|| Write::of(&context, &name, &given));
        let call = self.call(&context);
        let (outcome, answer) = if !access.allows(needs) {
            let refused = format!("{name} needs a token with the scope {}", needs.as_str());
            (WriteOutcome::Refused, ToolError::new(refused).into_call_tool_result())
        } else if let Err(refused) = as_written::refuse(&context.meta).and_then(|()| arguments::check(tool, &mut given))
        {
            (WriteOutcome::Refused, refused.into_call_tool_result())
        } else {
            request.arguments = Some(given);
            self.run(request, context).await
        };
        if let Some(write) = write {
            write.note(&call, outcome).await;
        }
        answer
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let call = self.call(&context);
        let mut listed = ListResourcesResult::with_all_items(within_deadline(resources::list(&call)).await?);
        listed.meta = signed(&context);
        Ok(listed)
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let mut listed = ListResourceTemplatesResult::with_all_items(resources::templates());
        listed.meta = signed(&context);
        Ok(listed)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let call = self.call(&context);
        within_deadline(resources::read(&call, &request.uri))
            .await
            .map(ReadResourceResponse::from)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let offered = async { Ok(resources::complete(&self.call(&context), &request).await) };
        within_deadline(offered).await.map(CompleteResult::new)
    }

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let mut listed = ListPromptsResult::with_all_items(prompts::prompts());
        listed.meta = signed(&context);
        Ok(listed)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        prompts::get(&request.name, request.arguments.as_ref()).map(GetPromptResponse::from)
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
