//! One call as a tool sees it: who calls, what that caller may use, whether it still waits, and how to tell it about
//! progress. Made by the server for every request, handed to every tool.

use quarry_registry::{PgPool, Project, ProjectName, Registry};
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::backend::Backend;
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
            cancelled: context.ct.clone(),
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

fn caller(context: &RequestContext<RoleServer>) -> String {
    let name = match context.client_info() {
        Some(client) if !client.name.is_empty() => format!("{}/{}", client.name, client.version),
        _ => "mcp".to_owned(),
    };
    name.chars()
        .filter(|character| !character.is_control())
        .take(100)
        .collect()
}
