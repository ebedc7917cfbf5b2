//! The tools that read entities: one, a page, a history, or what a question finds.

use chrono::{DateTime, Utc};
use quarry_workflow::{AsOf, EntityQuery};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answers::{EntitiesAnswer, EntityAnswer, document, entity_id, json};
use crate::call::Call;
use crate::plain_schema::plain;
use crate::tool_error::ToolError;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct GetEntity {
    id: String,
    version: Option<i32>,
    /// As 2026-01-31T17:30:00Z.
    at: Option<String>,
    project: Option<String>,
}

pub(crate) async fn get_entity(call: &Call<'_>, arguments: GetEntity) -> Result<EntityAnswer, ToolError> {
    let id = entity_id(&arguments.id)?;
    let as_of = match (arguments.version, &arguments.at) {
        (Some(_), Some(_)) => return Err(ToolError::new("give either version or at")),
        (Some(version), None) => AsOf::Version(version),
        (None, Some(at)) => AsOf::Time(moment(at)?),
        (None, None) => AsOf::Now,
    };
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let entity = quarry_workflow::get_entity(&database, id, as_of).await?;
    let links = quarry_workflow::links_of(&database, id).await?;
    let code = quarry_workflow::code_of(&database, id).await?;
    EntityAnswer::of(project.name.as_str(), &entity)?
        .with("links", &links)?
        .with("code", &code)
}

fn moment(text: &str) -> Result<DateTime<Utc>, ToolError> {
    DateTime::parse_from_rfc3339(text)
        .map(|moment| moment.to_utc())
        .map_err(|_| ToolError::new("argument `at` must be a date-time, as 2026-01-31T17:30:00Z"))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct QueryEntities {
    schema: String,
    /// As {"status": "open", "n": {"gt": 3}, "or": [..], "not": {..}}. Operators: eq ne in lt lte gt gte exists contains starts_with. Also $text, $code (repository/path#L1-L9), $created_at, $updated_at, $version, $id.
    filter: Option<Value>,
    /// Minus for descending; default newest first.
    sort: Option<Vec<String>>,
    fields: Option<Vec<String>>,
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    cursor: Option<String>,
    include_deleted: Option<bool>,
    project: Option<String>,
}

pub(crate) async fn query_entities(call: &Call<'_>, arguments: QueryEntities) -> Result<EntitiesAnswer, ToolError> {
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let query = EntityQuery {
        filter: arguments.filter.map(document).transpose()?,
        sort: arguments.sort.unwrap_or_default(),
        fields: arguments.fields.unwrap_or_default(),
        limit: arguments.limit.unwrap_or(20),
        cursor: arguments.cursor,
        include_deleted: arguments.include_deleted == Some(true),
        ..EntityQuery::all(arguments.schema)
    };
    let page = quarry_workflow::query_entities(&database, &query).await?;
    EntitiesAnswer::of_page(project.name.as_str(), page)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct EntityHistory {
    id: String,
    /// Continue before this version.
    before_version: Option<i32>,
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    project: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct HistoryAnswer {
    project: String,
    /// Newest first.
    versions: Vec<Value>,
}

pub(crate) async fn entity_history(call: &Call<'_>, arguments: EntityHistory) -> Result<HistoryAnswer, ToolError> {
    let id = entity_id(&arguments.id)?;
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let limit = arguments.limit.unwrap_or(20);
    let versions = quarry_workflow::entity_history(&database, id, arguments.before_version, limit).await?;
    Ok(HistoryAnswer {
        project: project.name.as_str().to_owned(),
        versions: versions.iter().map(json).collect::<Result<_, _>>()?,
    })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct SearchEntities {
    query: String,
    schema: Option<String>,
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    project: Option<String>,
}

pub(crate) async fn search_entities(call: &Call<'_>, arguments: SearchEntities) -> Result<EntitiesAnswer, ToolError> {
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let (found, note) = quarry_workflow::find_entities(
        &database,
        call.backend.embedding(),
        &arguments.query,
        arguments.schema.as_deref(),
        arguments.limit.unwrap_or(10),
    )
    .await?;
    let hits = found.hits.iter().map(json).collect::<Result<_, _>>()?;
    Ok(EntitiesAnswer::of_list(project.name.as_str(), hits, note))
}
