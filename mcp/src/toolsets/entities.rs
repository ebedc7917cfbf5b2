//! Workflow entities: tasks, decisions and whatever else a project keeps, as documents that fit a schema.

use quarry_workflow::Operation;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::service::RequestContext;
use rmcp::{Json, RoleServer, tool, tool_router};

use crate::server::Server;
use crate::tool_error::ToolError;
use crate::tools::entities::{
    self, BulkAnswer, BulkApply, ClaimAnswer, ClaimNext, CreateEntity, DescribeSchema, EntitiesAnswer, EntityAnswer,
    EntityHistory, EntityTarget, GetEntity, HistoryAnswer, LinkAnswer, LinkEntities, ListSchemas, QueryEntities,
    ReadyWork, RegisterSchema, Release, ReleaseAnswer, Revert, SchemaAnswer, SchemasAnswer, SearchEntities, UndoBatch,
    UndoneAnswer, UpdateEntity,
};

#[tool_router(router = entities_toolset, vis = "pub(super)")]
impl Server {
    #[tool(
        description = "Register a kind of entity or its next version; says what would not fit.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn register_schema(
        &self,
        arguments: Parameters<RegisterSchema>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<SchemaAnswer>, ToolError> {
        entities::register_schema(&self.call(&context), arguments.0)
            .await
            .map(Json)
    }

    #[tool(
        description = "The kinds of entities of a project.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn list_schemas(
        &self,
        arguments: Parameters<ListSchemas>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<SchemasAnswer>, ToolError> {
        entities::list_schemas(&self.call(&context), arguments.0)
            .await
            .map(Json)
    }

    #[tool(
        description = "A schema's definition with an example document.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn describe_schema(
        &self,
        arguments: Parameters<DescribeSchema>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<SchemaAnswer>, ToolError> {
        entities::describe_schema(&self.call(&context), arguments.0)
            .await
            .map(Json)
    }

    #[tool(
        description = "Store a document that fits a schema, as a task or decision.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn create_entity(
        &self,
        arguments: Parameters<CreateEntity>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<EntityAnswer>, ToolError> {
        entities::create_entity(&self.call(&context), arguments.0)
            .await
            .map(Json)
    }

    #[tool(
        description = "One entity with its links and code, also as of a version or time.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn get_entity(
        &self,
        arguments: Parameters<GetEntity>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<EntityAnswer>, ToolError> {
        entities::get_entity(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Replace or patch an entity. A conflict shows what changed since.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn update_entity(
        &self,
        arguments: Parameters<UpdateEntity>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<EntityAnswer>, ToolError> {
        entities::update_entity(&self.call(&context), arguments.0)
            .await
            .map(Json)
    }

    #[tool(
        description = "Mark an entity as deleted; restore_entity brings it back.",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn delete_entity(
        &self,
        arguments: Parameters<EntityTarget>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<EntityAnswer>, ToolError> {
        entities::change_target(&self.call(&context), arguments.0, Operation::Delete)
            .await
            .map(Json)
    }

    #[tool(
        description = "Bring a deleted entity back.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn restore_entity(
        &self,
        arguments: Parameters<EntityTarget>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<EntityAnswer>, ToolError> {
        entities::change_target(&self.call(&context), arguments.0, Operation::Restore)
            .await
            .map(Json)
    }

    #[tool(
        description = "Make a past version's document the next version.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn revert(
        &self,
        arguments: Parameters<Revert>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<EntityAnswer>, ToolError> {
        entities::revert(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Entities of a schema by filter, sorted, a page at a time.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn query_entities(
        &self,
        arguments: Parameters<QueryEntities>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<EntitiesAnswer>, ToolError> {
        entities::query_entities(&self.call(&context), arguments.0)
            .await
            .map(Json)
    }

    #[tool(
        description = "The versions of an entity: who changed what, when.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn entity_history(
        &self,
        arguments: Parameters<EntityHistory>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<HistoryAnswer>, ToolError> {
        entities::entity_history(&self.call(&context), arguments.0)
            .await
            .map(Json)
    }

    #[tool(
        description = "Link two entities, or an entity and code. What is blocked waits.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn link_entities(
        &self,
        arguments: Parameters<LinkEntities>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<LinkAnswer>, ToolError> {
        entities::link_entities(&self.call(&context), arguments.0)
            .await
            .map(Json)
    }

    #[tool(
        description = "What may be worked on now: not done, blocked or claimed.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn ready_work(
        &self,
        arguments: Parameters<ReadyWork>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<EntitiesAnswer>, ToolError> {
        entities::ready_work(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Claim the first ready entity. Give its fence with updates, then release it.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn claim_next(
        &self,
        arguments: Parameters<ClaimNext>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<ClaimAnswer>, ToolError> {
        entities::claim_next(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Give a claimed entity back, or keep it longer.",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn release(
        &self,
        arguments: Parameters<Release>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<ReleaseAnswer>, ToolError> {
        entities::release(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Apply many changes at once.",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn bulk_apply(
        &self,
        arguments: Parameters<BulkApply>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<BulkAnswer>, ToolError> {
        entities::bulk_apply(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Take back everything a bulk_apply did.",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn undo_batch(
        &self,
        arguments: Parameters<UndoBatch>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<UndoneAnswer>, ToolError> {
        entities::undo_batch(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Find entities by meaning and words.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn search_entities(
        &self,
        arguments: Parameters<SearchEntities>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<EntitiesAnswer>, ToolError> {
        entities::search_entities(&self.call(&context), arguments.0)
            .await
            .map(Json)
    }
}
