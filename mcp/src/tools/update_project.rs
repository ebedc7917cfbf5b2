//! `update_project`: another name or description. The database, and whatever runs, stays undisturbed.

use quarry_registry::ProjectName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::plain_schema::plain;
use crate::snippet::visible;
use crate::tool_error::ToolError;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct UpdateProject {
    name: String,
    new_name: Option<String>,
    /// Empty removes it.
    description: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct UpdatedProject {
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    database_name: String,
}

pub(crate) async fn update_project(call: &Call<'_>, arguments: UpdateProject) -> Result<UpdatedProject, ToolError> {
    let name = ProjectName::parse(&arguments.name)?;
    call.access.check(&name)?;
    let new_name = arguments.new_name.as_deref().map(ProjectName::parse).transpose()?;
    if new_name.is_none() && arguments.description.is_none() {
        return Err(ToolError::new("nothing to change: give new_name or description"));
    }
    if new_name.is_some() && !call.access.sees_all() {
        return Err(ToolError::new(
            "this session is limited to projects by their name: it cannot rename one",
        ));
    }
    let registry = call.registry().await?;
    let mut project = registry.project(&name).await?;
    if let Some(description) = &arguments.description {
        let description = Some(description.as_str()).filter(|text| !text.is_empty());
        project = registry.update_project(&project, description).await?;
    }
    if let Some(new_name) = new_name {
        project = registry.rename_project(&project, &new_name).await?;
    }
    Ok(UpdatedProject {
        project: project.name.as_str().to_owned(),
        description: project.description.as_deref().map(visible),
        database_name: project.database_name,
    })
}
