//! One call as a tool sees it: who calls, what that caller may use, whether it still waits, and how to tell it about
//! progress. Made by the server for every request, handed to every tool.

use axum::http::request::Parts;
use quarry_registry::{PgPool, Project, ProjectName, Registry};
use rmcp::RoleServer;
use rmcp::model::Implementation;
use rmcp::service::RequestContext;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::backend::Backend;
use crate::http;
use crate::progress::Progress;
use crate::tool_error::ToolError;

pub(crate) struct Call<'a> {
    pub(crate) backend: &'a Backend,
    pub(crate) access: Access,
    /// Name and version of the client, for `created_by` and `requested_by`.
    pub(crate) caller: String,
    /// Fires when the client gives the call up.
    pub(crate) cancelled: CancellationToken,
    pub(crate) progress: Progress,
    /// The client takes a task in place of a result.
    pub(crate) takes_tasks: bool,
}

impl<'a> Call<'a> {
    pub(crate) fn new(backend: &'a Backend, access: Access, context: &RequestContext<RoleServer>) -> Call<'a> {
        Call {
            backend,
            access,
            caller: caller(context),
            cancelled: cancelled(context),
            progress: Progress::of(context),
            takes_tasks: context
                .client_capabilities()
                .is_some_and(|capabilities| capabilities.supports_tasks()),
        }
    }

    pub(crate) async fn registry(&self) -> Result<Registry, ToolError> {
        Ok(self.backend.registry().await?)
    }

    /// The name of the project that a call means, unless neither it nor the session nor the configuration names one.
    pub(crate) fn project_name(&self, asked: Option<&str>) -> Result<Option<ProjectName>, ToolError> {
        let named = asked.or(self.access.only_project()).or(self.backend.config.project());
        let Some(name) = named.map(ProjectName::parse).transpose()? else {
            return Ok(None);
        };
        self.access.check(&name)?;
        Ok(Some(name))
    }

    /// The project a call means: the one it names, else the session's, else the one of the current directory, else the
    /// only one there is.
    pub(crate) async fn project(&self, asked: Option<&str>) -> Result<(Project, PgPool), ToolError> {
        let name = self.project_name(asked)?;
        let registry = self.registry().await?;
        let project = match name {
            Some(name) => registry.project(&name).await?,
            None => self.backend.default_project(&registry, &self.access).await?,
        };
        let database = registry.database(&project).await?;
        Ok((project, database))
    }
}

/// What the request's way over HTTP left with it.
pub(crate) fn http_request(context: &RequestContext<RoleServer>) -> Option<&http::Request> {
    context.extensions.get::<Parts>()?.extensions.get()
}

/// Whom the request's token stands for.
pub(crate) fn principal(context: &RequestContext<RoleServer>) -> Option<&http::Principal> {
    context.extensions.get::<Parts>()?.extensions.get()
}

/// Before 2026-07-28 a connection that breaks does not mean that the client gave up: it says so in a request of its own.
fn cancelled(context: &RequestContext<RoleServer>) -> CancellationToken {
    match http_request(context) {
        Some(request) if context.meta.protocol_version().is_none() => request.cancelled.clone(),
        _ => context.ct.clone(),
    }
}

/// Name and version, for people.
fn caller(context: &RequestContext<RoleServer>) -> String {
    let described = match http_request(context) {
        Some(request) => context.meta.client_info().map(name_of).or(request.client.clone()),
        None => context.client_info().map(name_of),
    };
    described
        .unwrap_or_else(|| "mcp".to_owned())
        .chars()
        .filter(|character| !character.is_control())
        .take(100)
        .collect()
}

fn name_of(client: Implementation) -> String {
    format!("{}/{}", client.name, client.version)
}
