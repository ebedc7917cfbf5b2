//! `delete_project`: the project and its database, for good.

use quarry_registry::ProjectName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::plain_schema::plain;
use crate::tool_error::ToolError;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct DeleteProject {
    name: String,
    /// The name once more.
    confirm: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct DeletedProject {
    project: String,
    deleted_database: String,
}

pub(crate) async fn delete_project(call: &Call<'_>, arguments: DeleteProject) -> Result<DeletedProject, ToolError> {
    let name = ProjectName::parse(&arguments.name)?;
    call.access.check(&name)?;
    if arguments.confirm != arguments.name {
        return Err(ToolError::new(
            "deleting a project deletes its database with every index and entity: repeat its name in `confirm`, and only \
             if the user wants it",
        ));
    }
    let registry = call.registry().await?;
    let project = registry.project(&name).await?;
    registry.drop_project(&project).await?;
    Ok(DeletedProject {
        project: arguments.name,
        deleted_database: project.database_name,
    })
}
