//! Finds and reads code.

use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::MetaObject;
use rmcp::service::RequestContext;
use rmcp::{Json, RoleServer, tool, tool_router};

use crate::server::Server;
use crate::tool_error::ToolError;
use crate::tools::{
    CodeText, FindSymbol, FoundSymbol, GetCode, ListRepositories, Repositories, SearchCode, SearchResults, SimilarCode,
    SimilarHits, find_symbol, get_code, list_repositories, search_code, similar_code,
};

/// Claude Code defers tools until they are asked for; the one that starts every search is shown at once.
fn always_load() -> MetaObject {
    let mut meta = MetaObject::new();
    meta.insert("anthropic/alwaysLoad".to_owned(), serde_json::Value::Bool(true));
    meta
}

#[tool_router(router = search_toolset, vis = "pub(super)")]
impl Server {
    #[tool(
        description = "Find code by meaning, words, symbol or path: the best places with path, lines and snippet, and how fresh the index is.",
        annotations(read_only_hint = true, open_world_hint = false),
        meta = always_load()
    )]
    async fn search_code(
        &self,
        arguments: Parameters<SearchCode>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<SearchResults>, ToolError> {
        search_code(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Indexed text of a hit (by ref) or of lines of a file (by path), and whether the file on disk differs.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn get_code(
        &self,
        arguments: Parameters<GetCode>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<CodeText>, ToolError> {
        get_code(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Repositories of a project and how fresh each is.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn list_repositories(
        &self,
        arguments: Parameters<ListRepositories>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Repositories>, ToolError> {
        list_repositories(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Where a name is defined, then where it is used: exact, by beginning (claim*) or close.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn find_symbol(
        &self,
        arguments: Parameters<FindSymbol>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<FoundSymbol>, ToolError> {
        find_symbol(&self.call(&context), arguments.0).await.map(Json)
    }

    #[tool(
        description = "Code like a hit (by ref) or a snippet: copies, variants, the origin of a pattern.",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn similar_code(
        &self,
        arguments: Parameters<SimilarCode>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<SimilarHits>, ToolError> {
        similar_code(&self.call(&context), arguments.0).await.map(Json)
    }
}
