//! `quarry entity list`, `show` and `search`.

use anyhow::{Context as _, Result};
use quarry_workflow::{AsOf, Entity, EntityQuery, EntityVersion};
use serde_json::{Value, json};

use super::arguments::{List, Search, Selection, Show};
use super::{Place, print};
use crate::cli::output;
use crate::cli::session::Session;

/// Characters of a title in a table.
const TITLE_CHARS: usize = 60;

/// Versions shown of a history.
const MOST_VERSIONS: u32 = 200;

pub(super) async fn list(session: &Session, command: List) -> Result<()> {
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let query = EntityQuery {
        limit: command.limit,
        cursor: command.cursor,
        include_deleted: command.deleted,
        ..query_of(command.schema, command.selection)?
    };
    let page = if command.ready {
        quarry_workflow::ready_work(&place.database, &query).await?
    } else {
        quarry_workflow::query_entities(&place.database, &query).await?
    };
    if command.common.json {
        return output::json(&page);
    }
    if page.entities.is_empty() {
        return output::line("nothing found");
    }
    let rows: Vec<Vec<String>> = page
        .entities
        .iter()
        .map(|entity| {
            vec![
                entity.id.to_string(),
                entity.version.to_string(),
                entity.updated_at.format("%Y-%m-%d %H:%M").to_string(),
                text_of(entity, &["status", "state"]),
                text_of(entity, &["title", "name", "summary"]),
            ]
        })
        .collect();
    output::table(&["ID", "VERSION", "CHANGED", "STATUS", "TITLE"], &rows)?;
    if let Some(count) = page.count {
        let about = if count.exact { "" } else { "about " };
        output::notice(format!("{} of {about}{}", page.entities.len(), count.value));
    }
    match page.next_cursor {
        Some(cursor) => {
            output::notice(format!("more: --cursor {cursor}"));
            Ok(())
        }
        None => Ok(()),
    }
}

/// The query that flags describe.
pub(super) fn query_of(schema: String, selection: Selection) -> Result<EntityQuery> {
    let mut filters = Vec::new();
    if let Some(filter) = &selection.filter {
        filters.push(quarry_workflow::read_json(filter).context("--filter")?);
    }
    if let Some(about) = &selection.about {
        filters.push(json!({ "$code": about }));
    }
    let filter = match filters.len() {
        0 => None,
        1 => filters.pop(),
        _ => Some(json!({ "and": filters })),
    };
    Ok(EntityQuery {
        filter,
        sort: selection.sort,
        ..EntityQuery::all(schema)
    })
}

pub(super) async fn show(session: &Session, command: Show) -> Result<()> {
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let json = command.common.json;
    if command.history {
        let history = quarry_workflow::entity_history(&place.database, command.id, None, MOST_VERSIONS).await?;
        return print_history(&history, json);
    }
    let as_of = match (command.version, command.at) {
        (Some(version), _) => AsOf::Version(version),
        (None, Some(at)) => AsOf::Time(at),
        (None, None) => AsOf::Now,
    };
    let entity = quarry_workflow::get_entity(&place.database, command.id, as_of).await?;
    let links = quarry_workflow::links_of(&place.database, command.id).await?;
    let code = quarry_workflow::code_of(&place.database, command.id).await?;
    if json {
        let mut document = serde_json::to_value(&entity)?;
        document["links"] = serde_json::to_value(&links)?;
        document["code"] = serde_json::to_value(&code)?;
        return output::json(&document);
    }
    print(&entity, false)?;
    for link in &links {
        output::line(format!("{} {} {}", link.from_id, link.kind, link.to_id))?;
    }
    for place in &code {
        output::line(format!("about {}", output::printable(&place.reference)))?;
    }
    Ok(())
}

fn print_history(history: &[EntityVersion], json: bool) -> Result<()> {
    if json {
        return output::json(&history);
    }
    let rows: Vec<Vec<String>> = history
        .iter()
        .map(|version| {
            vec![
                version.version.to_string(),
                version.operation.clone(),
                version.changed_at.format("%Y-%m-%d %H:%M:%S").to_string(),
                output::printable(&version.changed_by),
                output::printable(&version.changed_pointers.as_deref().unwrap_or_default().join(" ")),
            ]
        })
        .collect();
    output::table(&["VERSION", "BY", "AT", "WHO", "CHANGED"], &rows)
}

pub(super) async fn search(session: &Session, command: Search) -> Result<()> {
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let embedding = session.context(place.registry.clone())?.embedding;
    let schema = command.schema.as_deref();
    let (found, note) =
        quarry_workflow::find_entities(&place.database, &embedding, &command.query, schema, command.limit).await?;
    if command.common.json {
        let project = place.project.name.as_str();
        return output::json(&json!({
            "query": command.query, "project": project, "results": found.hits,
            "without_vector": found.without_vector, "note": note,
        }));
    }
    if let Some(note) = note {
        output::notice(note);
    }
    if found.hits.is_empty() {
        return output::line("nothing found");
    }
    let rows: Vec<Vec<String>> = found
        .hits
        .iter()
        .map(|hit| {
            vec![
                format!("{:.2}", hit.score),
                hit.entity.id.to_string(),
                hit.entity.schema.clone(),
                text_of(&hit.entity, &["title", "name", "summary"]),
            ]
        })
        .collect();
    output::table(&["SCORE", "ID", "SCHEMA", "TITLE"], &rows)
}

/// The first of these properties that is a text, on one line.
fn text_of(entity: &Entity, names: &[&str]) -> String {
    let found = names
        .iter()
        .find_map(|name| entity.data.get(name).and_then(Value::as_str));
    output::printable(found.unwrap_or_default())
        .chars()
        .take(TITLE_CHARS)
        .collect()
}
