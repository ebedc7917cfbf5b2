//! `register_schema`, `list_schemas` and `describe_schema`.

use quarry_workflow::NewSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answers::{document, json as to_json};
use crate::call::Call;
use crate::plain_schema::plain;
use crate::tool_error::ToolError;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct RegisterSchema {
    /// As bug_report.
    name: String,
    /// JSON Schema 2020-12. additionalProperties: false refuses misspelt properties.
    definition: Value,
    description: Option<String>,
    /// Properties to filter and sort by, as address.city.
    query_fields: Option<Vec<String>>,
    dry_run: Option<bool>,
    project: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct SchemaAnswer {
    project: String,
    schema: Value,
}

pub(crate) async fn register_schema(call: &Call<'_>, arguments: RegisterSchema) -> Result<SchemaAnswer, ToolError> {
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let new = NewSchema {
        name: arguments.name,
        definition: document(arguments.definition)?,
        description: arguments.description,
        query_fields: arguments.query_fields,
        dry_run: arguments.dry_run == Some(true),
    };
    let registration = quarry_workflow::register_schema(&database, &new, &call.caller).await?;
    Ok(SchemaAnswer {
        project: project.name.as_str().to_owned(),
        schema: to_json(&registration)?,
    })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct ListSchemas {
    project: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct SchemasAnswer {
    project: String,
    /// Newest versions.
    schemas: Vec<Value>,
}

pub(crate) async fn list_schemas(call: &Call<'_>, arguments: ListSchemas) -> Result<SchemasAnswer, ToolError> {
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let all = quarry_workflow::registered_schemas(&database).await?;
    let is_newest = |index: usize| all.get(index + 1).is_none_or(|next| next.name != all[index].name);
    let newest = all.iter().enumerate().filter(|(index, _)| is_newest(*index));
    let schemas = newest.map(|(_, schema)| {
        json!({
            "name": schema.name, "version": schema.version, "description": schema.description,
            "query_fields": schema.query_fields,
        })
    });
    Ok(SchemasAnswer {
        project: project.name.as_str().to_owned(),
        schemas: schemas.collect(),
    })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct DescribeSchema {
    name: String,
    version: Option<i32>,
    project: Option<String>,
}

pub(crate) async fn describe_schema(call: &Call<'_>, arguments: DescribeSchema) -> Result<SchemaAnswer, ToolError> {
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let described = quarry_workflow::describe_schema(&database, &arguments.name, arguments.version).await?;
    Ok(SchemaAnswer {
        project: project.name.as_str().to_owned(),
        schema: to_json(&described)?,
    })
}
