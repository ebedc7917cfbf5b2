//! Brings indexes up to date and follows what becomes of that.

use rmcp::handler::server::common::schema_for_output;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::service::RequestContext;
use rmcp::{Json, RoleServer, tool, tool_router};

use crate::server::Server;
use crate::tool_error::ToolError;
use crate::tools::{
    CancelJob, GetJob, IndexRepository, Indexing, Job, JobHandle, Jobs, ListJobs, RemoveRepository, cancel_job,
    get_job, index_repository, list_jobs, remove_repository,
};

#[tool_router(router = index_toolset, vis = "pub(super)")]
impl Server {
    #[tool(
        description = "Bring the index of a repository up to date; cheap when little changed. Returns a job_id at once, or the finished job when it ends within wait_s. Follow it with get_job.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        ),
        output_schema = schema_for_output::<Job>()
    )]
    async fn index_repository(
        &self,
        arguments: Parameters<IndexRepository>,
        context: RequestContext<RoleServer>,
    ) -> Result<Indexing, ToolError> {
        index_repository(&self.call(&context), arguments.0).await
    }

    #[tool(
        description = "State, progress and outcome of a job. With wait_s it answers when the job ends, or after that time.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn get_job(
        &self,
        arguments: Parameters<GetJob>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Job>, ToolError> {
        get_job(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Indexing jobs, newest first.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn list_jobs(
        &self,
        arguments: Parameters<ListJobs>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Jobs>, ToolError> {
        list_jobs(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Stop a job. What is indexed stays; work that others wait for goes on.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn cancel_job(
        &self,
        arguments: Parameters<CancelJob>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<JobHandle>, ToolError> {
        cancel_job(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Take a repository out of the index. Its files on disk stay. Returns a job.",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn remove_repository(
        &self,
        arguments: Parameters<RemoveRepository>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<JobHandle>, ToolError> {
        remove_repository(&self.call(&context), arguments.0).await.map(Json)
    }
}
