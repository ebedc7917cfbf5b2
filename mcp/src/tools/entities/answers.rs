//! What the tools of entities have in common: how ids, documents and pages are read and shown.

use quarry_workflow::{Entity, EntityPage};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::plain_schema::plain;
use crate::tool_error::ToolError;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct EntityAnswer {
    project: String,
    entity: Value,
}

impl EntityAnswer {
    pub(super) fn of(project: &str, entity: &Entity) -> Result<EntityAnswer, ToolError> {
        Ok(EntityAnswer {
            project: project.to_owned(),
            entity: json(entity)?,
        })
    }

    /// With more about the entity than its row.
    pub(super) fn with(mut self, name: &str, value: &impl Serialize) -> Result<EntityAnswer, ToolError> {
        self.entity[name] = json(value)?;
        Ok(self)
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct EntitiesAnswer {
    project: String,
    entities: Vec<Value>,
    has_more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count_exact: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl EntitiesAnswer {
    pub(super) fn of_page(project: &str, page: EntityPage) -> Result<EntitiesAnswer, ToolError> {
        Ok(EntitiesAnswer {
            project: project.to_owned(),
            entities: page.entities.iter().map(json).collect::<Result<_, _>>()?,
            has_more: page.has_more,
            next_cursor: page.next_cursor,
            count: page.count.map(|count| count.value),
            count_exact: page.count.map(|count| count.exact),
            note: None,
        })
    }

    pub(super) fn of_list(project: &str, entities: Vec<Value>, note: Option<String>) -> EntitiesAnswer {
        EntitiesAnswer {
            project: project.to_owned(),
            entities,
            has_more: false,
            next_cursor: None,
            count: None,
            count_exact: None,
            note,
        }
    }
}

pub(super) fn json(value: &impl Serialize) -> Result<Value, ToolError> {
    serde_json::to_value(value).map_err(|error| ToolError::new(format!("the answer is no JSON: {error}")))
}

pub(super) fn entity_id(id: &str) -> Result<Uuid, ToolError> {
    Uuid::parse_str(id).map_err(|_| {
        ToolError::new(format!(
            "{id} is no entity's id: query_entities and search_entities show the ids there are"
        ))
    })
}

/// A document as it was meant: some clients send JSON as text.
pub(super) fn document(given: Value) -> Result<Value, ToolError> {
    match &given {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => Ok(quarry_workflow::read_json(text)?),
        _ => Ok(given),
    }
}
