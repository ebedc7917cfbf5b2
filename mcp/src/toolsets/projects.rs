//! Projects, each with a database of its own.

use rmcp::handler::server::wrapper::Parameters;
use rmcp::service::RequestContext;
use rmcp::{Json, RoleServer, tool, tool_router};

use crate::server::Server;
use crate::tool_error::ToolError;
use crate::tools::{
    CreateProject, CreatedProject, DeleteProject, DeletedProject, ListProjects, Projects, UpdateProject,
    UpdatedProject, create_project, delete_project, list_projects, update_project,
};

#[tool_router(router = projects_toolset, vis = "pub(super)")]
impl Server {
    #[tool(
        description = "All projects with their repositories and how fresh each index is.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn list_projects(
        &self,
        arguments: Parameters<ListProjects>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Projects>, ToolError> {
        list_projects(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Create a project with a database of its own. index_repository creates one by itself when a directory has none.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn create_project(
        &self,
        arguments: Parameters<CreateProject>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<CreatedProject>, ToolError> {
        create_project(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Rename a project or change its description.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn update_project(
        &self,
        arguments: Parameters<UpdateProject>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<UpdatedProject>, ToolError> {
        update_project(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Delete a project with its database: every index and entity in it is lost.",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn delete_project(
        &self,
        arguments: Parameters<DeleteProject>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<DeletedProject>, ToolError> {
        delete_project(&self.call(&context), arguments.0).await.map(Json)
    }
}
