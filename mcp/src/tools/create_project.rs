//! `create_project`.

use quarry_registry::ProjectName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::plain_schema::plain;
use crate::tool_error::ToolError;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct CreateProject {
    /// Lower-case letters, digits and underscores, at most 40.
    name: String,
    /// What it is for.
    description: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct CreatedProject {
    project: String,
    database_name: String,
}

pub(crate) async fn create_project(call: &Call<'_>, arguments: CreateProject) -> Result<CreatedProject, ToolError> {
    let name = ProjectName::parse(&arguments.name)?;
    let registry = call.registry().await?;
    let project = registry
        .create_project(&name, arguments.description.as_deref(), &call.caller)
        .await?;
    Ok(CreatedProject {
        project: project.name.as_str().to_owned(),
        database_name: project.database_name,
    })
}
