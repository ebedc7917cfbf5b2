//! `resources/read`: the tools' answers, by address.

use rmcp::ErrorData;
use rmcp::model::{ReadResourceResult, ResourceContents};
use serde::Serialize;
use serde_json::{Value, json};

use super::JSON;
use super::address::Address;
use crate::call::Call;
use crate::snippet::visible;
use crate::tool_error::ToolError;
use crate::tools::{code_text, describe, find, project_entry};

pub(crate) async fn read(call: &Call<'_>, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let not_found = |reason: String| ErrorData::resource_not_found(reason, Some(json!({ "uri": visible(uri) })));
    let address = Address::parse(uri).ok_or_else(|| {
        not_found("no such resource: see resources/templates/list for the addresses there are".to_owned())
    })?;
    let contents = contents(call, uri, address).await.map_err(|error| not_found(error.0))?;
    Ok(ReadResourceResult::new(vec![contents]))
}

async fn contents(call: &Call<'_>, uri: &str, address: Address) -> Result<ResourceContents, ToolError> {
    match address {
        Address::Project(name) => {
            let (project, _) = call.project(Some(&name)).await?;
            as_json(uri, &project_entry(call, project).await)
        }
        Address::Job(id) => {
            let (project, status) = find(call, &id).await?;
            as_json(uri, &describe(call, &project, status).await?)
        }
        Address::Code {
            project,
            repository,
            path,
            lines,
        } => {
            let text = code_text(call, &project, &repository, &path, lines).await?;
            Ok(ResourceContents::text(text, uri))
        }
        Address::Schema { project, name } => {
            let (_, database) = call.project(Some(&project)).await?;
            let schemas = quarry_workflow::registered_schemas(&database)
                .await
                .map_err(|error| ToolError::from(anyhow::Error::from(error)))?;
            let newest = schemas
                .into_iter()
                .filter(|schema| schema.name == name)
                .max_by_key(|schema| schema.version)
                .ok_or_else(|| ToolError::new("no such schema in this project"))?;
            let described: Value = json!({
                "schema": newest.name,
                "version": newest.version,
                "description": newest.description,
                "definition": newest.definition,
            });
            as_json(uri, &described)
        }
    }
}

fn as_json(uri: &str, value: &impl Serialize) -> Result<ResourceContents, ToolError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| ToolError::new(error.to_string()))?;
    Ok(ResourceContents::text(text, uri).with_mime_type(JSON))
}
