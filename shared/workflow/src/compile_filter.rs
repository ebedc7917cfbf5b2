//! Turns a filter into a condition in SQL over `workflow.entities as entity`. The text is put together from fragments that
//! stand here; everything a caller wrote, names of properties too, is a bound parameter.
//! Writes conditions the way indexes are made, so that they are used: query_key for declared fields, containment for the rest.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::code_reference::CodeReference;
use crate::fields::{Field, Meta};
use crate::filter::{Bound, Filter, Order, Test};

/// Texts are compared and sorted by so many characters: see workflow.query_key.
const KEY_CHARS: usize = 250;

/// Values of an `in` that are looked up one by one in the index over all properties.
const MAX_LOOKED_UP: usize = 20;

/// Below every number that a document can hold, above every text: values are ordered by their kind first.
const BELOW_NUMBERS: &str = "'-1e400'::jsonb";
const ABOVE_NUMBERS: &str = "'false'::jsonb";
const LEAST_TEXT: &str = "'\"\"'::jsonb";

/// Properties that have an index of their own, as paths.
pub(crate) struct Indexed(pub(crate) Vec<Vec<String>>);

/// Appends the condition. It is never unknown (null) where that would matter: inside `not`.
pub(crate) fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &Filter, indexed: &Indexed) {
    match filter {
        Filter::All(filters) => push_joined(query, filters, " and ", "true", indexed),
        Filter::Any(filters) => push_joined(query, filters, " or ", "false", indexed),
        Filter::Not(filter) => {
            // No index answers what is not, so the parts are written the way that is checked fastest.
            query.push("(");
            push_filter(query, filter, &Indexed(Vec::new()));
            query.push(") is not true");
        }
        Filter::Test(Field::Meta(meta), test) => push_meta(query, *meta, test),
        Filter::Test(Field::Data(path), test) => push_data(query, path, test, indexed),
        Filter::Test(Field::Moment(path), Test::Compares(order, Bound::Moment(moment))) => {
            query.push("(");
            push_moment(query, path);
            query.push(" ").push(sign(*order)).push(" ").push_bind(*moment);
            query
                .push(" and workflow.instant(entity.data #>> ")
                .push_bind(path.clone())
                .push(") is not null)");
        }
        Filter::Test(Field::Moment(path), Test::Equals(value)) if moment(value).is_some() => {
            push_moment(query, path);
            query.push(" = ").push_bind(moment(value));
        }
        Filter::Test(Field::Moment(path), test) => push_data(query, path, test, indexed),
        Filter::Text(words) => {
            query.push("(");
            if let Some(ids) = &words.said_by {
                query.push("entity.id = any(").push_bind(ids.clone()).push(") and ");
            }
            // Also of those: what was changed since they were looked up may not say it any more.
            query.push(
                "exists (select from workflow.entity_texts as said where said.entity_id = entity.id and said.terms @> ",
            );
            query.push_bind(words.terms.clone()).push("))");
        }
        Filter::Code(reference) => push_code(query, reference),
    }
}

fn push_joined(query: &mut QueryBuilder<Postgres>, filters: &[Filter], word: &str, none: &str, indexed: &Indexed) {
    if filters.is_empty() {
        query.push(none);
        return;
    }
    query.push("(");
    for (index, filter) in filters.iter().enumerate() {
        if index > 0 {
            query.push(word);
        }
        push_filter(query, filter, indexed);
    }
    query.push(")");
}

fn push_data(query: &mut QueryBuilder<Postgres>, path: &[String], test: &Test, indexed: &Indexed) {
    let path = path.to_vec();
    match test {
        Test::Equals(value) => push_equals(query, &path, value, indexed),
        Test::Among(values) if values.is_empty() => {
            query.push("false");
        }
        Test::Among(values) if indexed.0.contains(&path) && values.iter().all(is_own_key) => {
            query.push("workflow.query_key(entity.data, ").push_bind(path);
            let values: Vec<Json<Value>> = values.iter().cloned().map(Json).collect();
            query.push(") = any(").push_bind(values).push("::jsonb[])");
        }
        Test::Among(values) if values.len() <= MAX_LOOKED_UP => {
            query.push("(");
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    query.push(" or ");
                }
                push_equals(query, &path, value, indexed);
            }
            query.push(")");
        }
        Test::Among(values) => {
            let values: Vec<Json<Value>> = values.iter().cloned().map(Json).collect();
            query.push("entity.data #> ").push_bind(path);
            query.push(" = any(").push_bind(values).push("::jsonb[])");
        }
        Test::Compares(order, bound) => push_compares(query, &path, *order, bound, indexed),
        Test::Exists => {
            query.push("entity.data #> ").push_bind(path).push(" is not null");
        }
        Test::Contains(value) => push_contains(query, path, value),
        Test::StartsWith(text) => {
            query.push("(jsonb_typeof(entity.data #> ").push_bind(path.clone());
            query
                .push(") = 'string' and starts_with(entity.data #>> ")
                .push_bind(path);
            query.push(", ").push_bind(text.clone()).push("))");
        }
    }
}

fn push_equals(query: &mut QueryBuilder<Postgres>, path: &[String], value: &Value, indexed: &Indexed) {
    let path = path.to_vec();
    if indexed.0.contains(&path) && is_own_key(value) {
        query.push("workflow.query_key(entity.data, ").push_bind(path);
        query.push(") = ").push_bind(Json(value.clone()));
        return;
    }
    // Containment comes from the index over all properties, but an array or object contains more than its equal, and
    // a step that is a number may lead into a list.
    let is_exact = !value.is_array() && !value.is_object() && path.iter().all(|step| step.parse::<usize>().is_err());
    if is_exact {
        query.push("entity.data @> ").push_bind(Json(wrapped(&path, value)));
    } else {
        query.push("entity.data #> ").push_bind(path);
        query.push(" = ").push_bind(Json(value.clone()));
    }
}

/// Only values of one kind are smaller or greater: the other end of the range is where the kind ends. Asking for the kind
/// itself would say the same, but the planner takes that for one in 200.
fn push_compares(query: &mut QueryBuilder<Postgres>, path: &[String], order: Order, bound: &Bound, indexed: &Indexed) {
    let (value, least, beyond) = match bound {
        Bound::Number(number) => (Value::Number(number.clone()), BELOW_NUMBERS, ABOVE_NUMBERS),
        Bound::Text(text) => {
            let key: String = text.chars().take(KEY_CHARS).collect();
            (Value::String(key), LEAST_TEXT, BELOW_NUMBERS)
        }
        Bound::Moment(moment) => (Value::String(moment.to_rfc3339()), LEAST_TEXT, BELOW_NUMBERS),
    };
    // A number is its own query_key.
    let is_plain = value.is_number() && !indexed.0.iter().any(|indexed| indexed == path);
    let push_key = |query: &mut QueryBuilder<Postgres>| {
        query.push(if is_plain {
            "(entity.data #> "
        } else {
            "workflow.query_key(entity.data, "
        });
        query.push_bind(path.to_vec()).push(")");
    };
    query.push("(");
    push_key(query);
    query
        .push(" ")
        .push(sign(order))
        .push(" ")
        .push_bind(Json(value))
        .push(" and ");
    push_key(query);
    query.push(match order {
        Order::Less | Order::LessOrEqual => format!(" >= {least})"),
        Order::Greater | Order::GreaterOrEqual => format!(" < {beyond})"),
    });
}

/// The document with nothing but this property.
fn wrapped(path: &[String], value: &Value) -> Value {
    path.iter()
        .rev()
        .fold(value.clone(), |inner, name| json!({ name: inner }))
}

/// A list contains the value, or each of a list of values; a text contains it as a part, whatever its case.
fn push_contains(query: &mut QueryBuilder<Postgres>, path: Vec<String>, value: &Value) {
    let items = match value {
        Value::Array(_) => value.clone(),
        single => json!([single]),
    };
    query.push("(jsonb_typeof(entity.data #> ").push_bind(path.clone());
    query
        .push(") = 'array' and entity.data @> ")
        .push_bind(Json(wrapped(&path, &items)));
    if let Value::String(text) = value {
        query.push(" or jsonb_typeof(entity.data #> ").push_bind(path.clone());
        query
            .push(") = 'string' and strpos(lower(entity.data #>> ")
            .push_bind(path);
        query.push("), lower(").push_bind(text.clone()).push(")) > 0");
    }
    query.push(")");
}

/// Whether a value is its own query_key, and no other value has that key.
fn is_own_key(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().count() < KEY_CHARS,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn push_meta(query: &mut QueryBuilder<Postgres>, meta: Meta, test: &Test) {
    let column = column(meta);
    match test {
        Test::Equals(value) => push_one_of(query, meta, std::slice::from_ref(value)),
        Test::Among(values) => push_one_of(query, meta, values),
        Test::Compares(order, bound) => {
            query.push(column).push(" ").push(sign(*order)).push(" ");
            match bound {
                Bound::Number(number) => query.push_bind(number.as_f64().unwrap_or(0.0)),
                Bound::Text(text) => query.push_bind(text.clone()),
                Bound::Moment(moment) => query.push_bind(*moment),
            };
        }
        Test::Exists | Test::Contains(_) | Test::StartsWith(_) => {
            query.push("true");
        }
    }
}

fn push_one_of(query: &mut QueryBuilder<Postgres>, meta: Meta, values: &[Value]) {
    query.push(column(meta)).push(" = any(");
    match meta {
        Meta::Id => {
            let ids: Vec<Uuid> = values.iter().filter_map(|value| value.as_str()?.parse().ok()).collect();
            query.push_bind(ids)
        }
        Meta::CreatedAt | Meta::UpdatedAt => {
            let moments: Vec<DateTime<Utc>> = values.iter().filter_map(moment).collect();
            query.push_bind(moments)
        }
        Meta::CreatedBy | Meta::UpdatedBy => {
            let names: Vec<String> = values
                .iter()
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect();
            query.push_bind(names)
        }
        Meta::Version | Meta::SchemaVersion => {
            let numbers = values.iter().filter_map(|value| i32::try_from(value.as_i64()?).ok());
            query.push_bind(numbers.collect::<Vec<i32>>())
        }
    };
    query.push(")");
}

/// The entity's column; never a caller's text.
pub(crate) fn column(meta: Meta) -> &'static str {
    match meta {
        Meta::Id => "entity.id",
        Meta::CreatedAt => "entity.created_at",
        Meta::UpdatedAt => "entity.updated_at",
        Meta::CreatedBy => "entity.created_by",
        Meta::UpdatedBy => "entity.updated_by",
        Meta::Version => "entity.version",
        Meta::SchemaVersion => "entity.schema_version",
    }
}

/// What is about the place, about a directory above it, or below it when it is one; lines have to overlap.
fn push_code(query: &mut QueryBuilder<Postgres>, reference: &CodeReference) {
    query.push(
        "exists (select from workflow.entity_code as code where code.entity_id = entity.id and code.repository = ",
    );
    query.push_bind(reference.repository.clone());
    if let Some(path) = &reference.path {
        query
            .push(" and (code.path is null and code.symbol is null or code.path = ")
            .push_bind(path.clone());
        query.push(" or starts_with(").push_bind(path.clone());
        query.push(", code.path || '/') or starts_with(code.path, ");
        query.push_bind(format!("{path}/")).push("))");
    }
    if let Some((first, last)) = reference.lines {
        query
            .push(" and (code.start_line is null or code.start_line <= ")
            .push_bind(last);
        query.push(" and code.end_line >= ").push_bind(first).push(")");
    }
    if let Some(symbol) = &reference.symbol {
        query.push(" and code.symbol = ").push_bind(symbol.clone());
    }
    query.push(")");
}

fn moment(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?)
        .ok()
        .map(|moment| moment.to_utc())
}

/// The moment of a property, as its index has it: what has none comes before all others.
pub(crate) fn push_moment(query: &mut QueryBuilder<Postgres>, path: &[String]) {
    query
        .push("coalesce(workflow.instant(entity.data #>> ")
        .push_bind(path.to_vec());
    query.push("), ").push(NO_MOMENT).push(")");
}

/// Stands for a moment that is missing.
pub(crate) const NO_MOMENT: &str = "'0001-01-01T00:00:00Z'::timestamptz";

fn sign(order: Order) -> &'static str {
    match order {
        Order::Less => "<",
        Order::LessOrEqual => "<=",
        Order::Greater => ">",
        Order::GreaterOrEqual => ">=",
    }
}
