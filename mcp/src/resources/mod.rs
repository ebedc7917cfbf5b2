//! What a client can attach to a conversation or read by its address: projects, jobs, code and schemas, as templates whose
//! parts can be completed. The text of each is what the tools say.

mod address;
mod complete;
mod read;

use rmcp::ErrorData;
use rmcp::model::{Resource, ResourceTemplate};

use crate::call::Call;
use crate::snippet::visible;

pub(crate) use complete::complete;
pub(crate) use read::read;

const JSON: &str = "application/json";

/// Projects listed: a client shows all of them to its user.
const MOST_LISTED: usize = 50;

pub(crate) fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new("project://{name}", "project")
            .with_title("Project")
            .with_description("A project: its repositories and how fresh each index is.")
            .with_mime_type(JSON),
        ResourceTemplate::new("job://{id}", "job")
            .with_title("Job")
            .with_description("State, progress and outcome of an indexing job.")
            .with_mime_type(JSON),
        ResourceTemplate::new("code://{project}/{repository}/{+path}", "code")
            .with_title("Code")
            .with_description("The indexed text of a file; #L10-L42 behind it means these lines.")
            .with_mime_type("text/plain"),
        ResourceTemplate::new("schema://{project}/{name}", "schema")
            .with_title("Schema")
            .with_description("The newest version of a schema of workflow entities.")
            .with_mime_type(JSON),
    ]
}

/// The projects; everything else is reached by its template.
pub(crate) async fn list(call: &Call<'_>) -> Result<Vec<Resource>, ErrorData> {
    let listed = async {
        let mut projects = call.registry().await?.projects().await?;
        projects.retain(|project| call.access.sees(&project.name));
        Ok::<_, crate::tool_error::ToolError>(projects)
    };
    let projects = listed.await.map_err(|error| ErrorData::internal_error(error.0, None))?;
    let resources = projects.into_iter().take(MOST_LISTED).map(|project| {
        let name = project.name.as_str();
        let mut resource = Resource::new(format!("project://{name}"), name).with_mime_type(JSON);
        resource.description = project.description.as_deref().map(visible);
        resource
    });
    Ok(resources.collect())
}
