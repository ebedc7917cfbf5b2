//! In which order a query answers, and where the next page begins: the keys of the last entity shown. Every order ends
//! with the id, so that no two entities stand at the same place.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::compile_filter::{column, push_moment};
use crate::faults::Faults;
use crate::fields::{Field, FieldNames, Meta};

/// Most fields to sort by.
const MAX_KEYS: usize = 4;

/// One field to sort by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SortKey {
    pub(crate) field: Field,
    pub(crate) descending: bool,
}

/// The whole order; the id comes last.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sorting {
    pub(crate) keys: Vec<SortKey>,
    id_descending: bool,
}

/// `["-priority", "$created_at"]`: a minus sorts from the greatest down. Without any, the newest come first.
pub(crate) fn read_sorting(written: &[String], names: &FieldNames<'_>) -> Result<Sorting, Faults> {
    let mut faults = Faults::default();
    if written.len() > MAX_KEYS {
        faults.add("", "size", format!("at most {MAX_KEYS} fields to sort by"));
    }
    let mut keys: Vec<SortKey> = Vec::new();
    for (index, name) in written.iter().enumerate().take(MAX_KEYS) {
        let (name, descending) = match name.strip_prefix('-') {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        match names.find(name) {
            Ok(field) => keys.push(SortKey { field, descending }),
            Err(reason) => faults.add(&format!("/{index}"), "field", reason),
        }
    }
    faults.into_result()?;
    if written.is_empty() {
        keys.push(SortKey {
            field: Field::Meta(Meta::CreatedAt),
            descending: true,
        });
    }
    // As the indexes have it: times with ascending ids when they descend, properties in one direction with their ids.
    let last = keys.last().map(|key| (key.field.is_meta(), key.descending));
    let id_descending = match last {
        Some((true, descending)) => !descending,
        Some((false, descending)) => descending,
        None => false,
    };
    Ok(Sorting { keys, id_descending })
}

/// Where a page ends: the value of each key, and the id.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    pub(crate) keys: Vec<Value>,
    pub(crate) id: Uuid,
}

impl Sorting {
    pub(crate) fn push_order(&self, query: &mut QueryBuilder<Postgres>) {
        for key in &self.keys {
            push_key(query, &key.field);
            query.push(if key.descending { " desc, " } else { ", " });
        }
        query.push(if self.id_descending {
            "entity.id desc"
        } else {
            "entity.id"
        });
    }

    /// The keys of a row as one list, to be read back into a [`Place`].
    pub(crate) fn push_keys(&self, query: &mut QueryBuilder<Postgres>) {
        query.push("jsonb_build_array(");
        for (index, key) in self.keys.iter().enumerate() {
            if index > 0 {
                query.push(", ");
            }
            // As text with microseconds: a list of its own would show the session's time zone.
            if is_moment(&key.field) {
                query.push("to_char(");
                push_key(query, &key.field);
                query.push(" at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
            } else {
                push_key(query, &key.field);
            }
        }
        query.push(")");
    }

    /// The condition that a row comes after a place. False when the place does not fit the order.
    pub(crate) fn push_after(&self, query: &mut QueryBuilder<Postgres>, place: &Place) -> bool {
        if place.keys.len() != self.keys.len() {
            return false;
        }
        let one_way = self.keys.iter().all(|key| key.descending == self.id_descending);
        if one_way {
            // One comparison of rows, which an index answers from one place on.
            query.push("(");
            for key in &self.keys {
                push_key(query, &key.field);
                query.push(", ");
            }
            query.push("entity.id) ").push(after(self.id_descending)).push(" (");
            for (key, value) in self.keys.iter().zip(&place.keys) {
                if !push_value(query, &key.field, value) {
                    return false;
                }
                query.push(", ");
            }
            query.push_bind(place.id).push(")");
            return true;
        }
        // The first key bounds the range in the index; the alternatives say it exactly.
        for (key, value) in self.keys.iter().zip(&place.keys).take(1) {
            push_key(query, &key.field);
            query.push(if key.descending { " <= " } else { " >= " });
            if !push_value(query, &key.field, value) {
                return false;
            }
            query.push(" and ");
        }
        query.push("(");
        for upto in 0..=self.keys.len() {
            if upto > 0 {
                query.push(" or ");
            }
            query.push("(");
            for (key, value) in self.keys.iter().zip(&place.keys).take(upto) {
                push_key(query, &key.field);
                query.push(" = ");
                if !push_value(query, &key.field, value) {
                    return false;
                }
                query.push(" and ");
            }
            match self.keys.get(upto) {
                Some(key) => {
                    push_key(query, &key.field);
                    query.push(" ").push(after(key.descending)).push(" ");
                    if !push_value(query, &key.field, &place.keys[upto]) {
                        return false;
                    }
                }
                None => {
                    query
                        .push("entity.id ")
                        .push(after(self.id_descending))
                        .push(" ")
                        .push_bind(place.id);
                }
            }
            query.push(")");
        }
        query.push(")");
        true
    }
}

fn after(descending: bool) -> &'static str {
    if descending { "<" } else { ">" }
}

fn is_moment(field: &Field) -> bool {
    matches!(field, Field::Moment(_) | Field::Meta(Meta::CreatedAt | Meta::UpdatedAt))
}

/// What a field is sorted by: never null, so that every row has a place.
fn push_key(query: &mut QueryBuilder<Postgres>, field: &Field) {
    match field {
        Field::Data(path) => {
            query
                .push("workflow.query_key(entity.data, ")
                .push_bind(path.clone())
                .push(")");
        }
        Field::Moment(path) => {
            push_moment(query, path);
        }
        Field::Meta(meta) => {
            query.push(column(*meta));
        }
    }
}

fn push_value(query: &mut QueryBuilder<Postgres>, field: &Field, value: &Value) -> bool {
    match field {
        Field::Data(_) => {
            query.push_bind(Json(value.clone()));
        }
        Field::Moment(_) | Field::Meta(Meta::CreatedAt | Meta::UpdatedAt) => match moment(value) {
            Some(moment) => {
                query.push_bind(moment);
            }
            None => return false,
        },
        Field::Meta(Meta::Id) => match value.as_str().and_then(|text| text.parse::<Uuid>().ok()) {
            Some(id) => {
                query.push_bind(id);
            }
            None => return false,
        },
        Field::Meta(Meta::CreatedBy | Meta::UpdatedBy) => match value.as_str() {
            Some(name) => {
                query.push_bind(name.to_owned());
            }
            None => return false,
        },
        Field::Meta(Meta::Version | Meta::SchemaVersion) => match value.as_i64().map(i32::try_from) {
            Some(Ok(number)) => {
                query.push_bind(number);
            }
            _ => return false,
        },
    }
    true
}

fn moment(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?)
        .ok()
        .map(|moment| moment.to_utc())
}
