//! What a query asks for, as callers write it, read into a tree that compile_filter.rs turns into SQL. Everything wrong
//! with it is said at once, each fault with its pointer into the filter. Pure; bounded in depth, number and size.
//!
//! `{"status": "pending", "n": {"gt": 3}}` asks for both; `and`, `or` and `not` combine; names with dots lead into
//! objects, names that begin with a slash are JSON pointers; names that begin with a dollar are about the entity itself.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::code_reference::CodeReference;
use crate::faults::{Faults, cut, step};
use crate::fields::{Field, FieldNames, Meta};
use crate::lint::did_you_mean;

/// Deepest nesting of `and`, `or` and `not`.
const MAX_NESTING: usize = 16;

/// Most conditions of a filter.
const MAX_CONDITIONS: usize = 100;

/// Most values of one `in`.
const MAX_VALUES: usize = 500;

pub(crate) const OPERATORS: [&str; 10] = [
    "eq",
    "ne",
    "in",
    "lt",
    "lte",
    "gt",
    "gte",
    "exists",
    "contains",
    "starts_with",
];

/// A condition on entities.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Test(Field, Test),
    /// All of these words occur in the document.
    Text(Words),
    /// The entity is about this place in code.
    Code(CodeReference),
}

/// Words to look for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Words {
    /// As the index has them, each once.
    pub(crate) terms: Vec<String>,
    /// The entities that say all of them, when they are few: see rare_words.rs.
    pub(crate) said_by: Option<Vec<Uuid>>,
}

impl Words {
    fn of(text: &str) -> Self {
        let mut terms = quarry_codebase::text_terms(text);
        terms.sort_unstable();
        terms.dedup();
        Self { terms, said_by: None }
    }
}

/// What is asked about one field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    Equals(Value),
    Among(Vec<Value>),
    Compares(Order, Bound),
    Exists,
    Contains(Value),
    StartsWith(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a field is compared with: only values of the same kind are smaller or greater.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Bound {
    Number(serde_json::Number),
    Text(String),
    Moment(DateTime<Utc>),
}

/// Reads a filter.
pub(crate) fn read_filter(written: &Value, names: &FieldNames<'_>) -> Result<Filter, Faults> {
    let mut reader = Reader {
        names,
        faults: Faults::default(),
        conditions: 0,
    };
    let filter = reader.filter(written, "", 0);
    reader.faults.into_result()?;
    Ok(filter)
}

struct Reader<'n> {
    names: &'n FieldNames<'n>,
    faults: Faults,
    conditions: usize,
}

const NOTHING: Filter = Filter::All(Vec::new());

impl Reader<'_> {
    fn filter(&mut self, written: &Value, pointer: &str, depth: usize) -> Filter {
        if depth > MAX_NESTING {
            let message = format!("nested deeper than {MAX_NESTING} levels; flatten it");
            self.faults.add(pointer, "depth", message);
            return NOTHING;
        }
        let Value::Object(conditions) = written else {
            let message = "a filter is an object, as {\"status\": \"pending\", \"n\": {\"gt\": 3}}";
            self.faults.add(pointer, "type", message);
            return NOTHING;
        };
        let mut all = Vec::with_capacity(conditions.len().min(MAX_CONDITIONS));
        for (name, condition) in conditions {
            self.conditions += 1;
            if self.conditions > MAX_CONDITIONS {
                if !self.faults.has("size") {
                    let message = format!("more than {MAX_CONDITIONS} conditions; use in, or several queries");
                    self.faults.add(pointer, "size", message);
                }
                break;
            }
            let filter = self.condition(name, condition, &step(pointer, name), depth);
            all.push(filter);
        }
        match <[Filter; 1]>::try_from(all) {
            Ok([only]) => only,
            Err(all) => Filter::All(all),
        }
    }

    fn condition(&mut self, name: &str, condition: &Value, pointer: &str, depth: usize) -> Filter {
        match name {
            "and" => Filter::All(self.several(condition, pointer, depth)),
            "or" => Filter::Any(self.several(condition, pointer, depth)),
            "not" => Filter::Not(Box::new(self.filter(condition, pointer, depth + 1))),
            "$text" => match condition.as_str() {
                Some(text) => Filter::Text(Words::of(text)),
                None => self.refuse(pointer, "type", "must be the words to look for, a text"),
            },
            "$code" => match condition.as_str().map(CodeReference::parse) {
                Some(Ok(reference)) => Filter::Code(reference),
                Some(Err(reason)) => self.refuse(pointer, "format", reason),
                None => self.refuse(
                    pointer,
                    "type",
                    "must be a place in code, as \"shop/src/cart.rs#L10-L42\"",
                ),
            },
            _ => match self.names.find(name) {
                Ok(field) => self.tests(&field, condition, pointer),
                Err(reason) => self.refuse(pointer, "field", reason),
            },
        }
    }

    fn several(&mut self, written: &Value, pointer: &str, depth: usize) -> Vec<Filter> {
        let Some(filters) = written.as_array().filter(|filters| !filters.is_empty()) else {
            self.faults
                .add(pointer, "type", "must be a list of filters, at least one");
            return Vec::new();
        };
        let at = |index: usize| step(pointer, &index.to_string());
        let mut read = Vec::new();
        for (index, filter) in filters.iter().enumerate() {
            // An empty filter costs nothing but counts: lists of them are bounded too.
            self.conditions += 1;
            if self.conditions > MAX_CONDITIONS {
                self.faults
                    .add(pointer, "size", format!("more than {MAX_CONDITIONS} conditions"));
                break;
            }
            read.push(self.filter(filter, &at(index), depth + 1));
        }
        read
    }

    fn tests(&mut self, field: &Field, condition: &Value, pointer: &str) -> Filter {
        let Value::Object(operators) = condition else {
            return self.test(field, "eq", condition, pointer);
        };
        if operators.is_empty() {
            return self.refuse(pointer, "type", "no operator; write {\"eq\": …}, or {\"exists\": true}");
        }
        let mut all = Vec::new();
        for (operator, value) in operators {
            let at = step(pointer, operator);
            if OPERATORS.contains(&operator.as_str()) {
                all.push(self.test(field, operator, value, &at));
            } else {
                let meant = did_you_mean(operator, OPERATORS.into_iter());
                let message = format!(
                    "no operator{meant}; there are {}. For a property of an object write its name with dots",
                    OPERATORS.join(", ")
                );
                self.faults.add(&at, "operator", message);
            }
        }
        match <[Filter; 1]>::try_from(all) {
            Ok([only]) => only,
            Err(all) => Filter::All(all),
        }
    }

    fn test(&mut self, field: &Field, operator: &str, value: &Value, pointer: &str) -> Filter {
        let test = match (operator, value) {
            ("eq", _) => Test::Equals(value.clone()),
            ("ne", _) => {
                if let Err(reason) = field.takes(value) {
                    return self.refuse(pointer, "type", reason);
                }
                let equals = Filter::Test(field.clone(), Test::Equals(value.clone()));
                return Filter::Not(Box::new(equals));
            }
            ("in", Value::Array(values)) if values.len() <= MAX_VALUES => Test::Among(values.clone()),
            ("in", _) => {
                return self.refuse(
                    pointer,
                    "type",
                    format!("must be a list of at most {MAX_VALUES} values"),
                );
            }
            ("lt", _) => return self.compare(field, Order::Less, value, pointer),
            ("lte", _) => return self.compare(field, Order::LessOrEqual, value, pointer),
            ("gt", _) => return self.compare(field, Order::Greater, value, pointer),
            ("gte", _) => return self.compare(field, Order::GreaterOrEqual, value, pointer),
            ("exists", Value::Bool(wanted)) => {
                let exists = Filter::Test(field.clone(), Test::Exists);
                return if *wanted { exists } else { Filter::Not(Box::new(exists)) };
            }
            ("exists", _) => return self.refuse(pointer, "type", "must be true or false"),
            ("contains" | "starts_with", _) if field.is_meta() => {
                return self.refuse(
                    pointer,
                    "operator",
                    "asks about properties of the document only; use eq or in",
                );
            }
            ("contains", _) => Test::Contains(value.clone()),
            (_, Value::String(text)) => Test::StartsWith(text.clone()),
            _ => return self.refuse(pointer, "type", "must be a text"),
        };
        let values: &[Value] = match &test {
            Test::Among(values) => values,
            Test::Equals(value) => std::slice::from_ref(value),
            _ => &[],
        };
        if let Some(reason) = values.iter().find_map(|value| field.takes(value).err()) {
            return self.refuse(pointer, "type", reason);
        }
        if crate::limits::measure(value).is_err() {
            return self.refuse(pointer, "size", "too large, too deep, or with the character U+0000");
        }
        Filter::Test(field.clone(), test)
    }

    fn compare(&mut self, field: &Field, order: Order, value: &Value, pointer: &str) -> Filter {
        let bound = match (field, value) {
            (Field::Moment(_) | Field::Meta(Meta::CreatedAt | Meta::UpdatedAt), Value::String(text)) => {
                match DateTime::parse_from_rfc3339(text) {
                    Ok(moment) => Bound::Moment(moment.to_utc()),
                    Err(_) => return self.refuse(pointer, "format", "must be a date-time, as 2026-01-31T17:30:00Z"),
                }
            }
            (Field::Moment(_) | Field::Meta(Meta::CreatedAt | Meta::UpdatedAt), _) => {
                return self.refuse(pointer, "type", "must be a date-time, as \"2026-01-31T17:30:00Z\"");
            }
            (Field::Data(_), Value::String(text)) => Bound::Text(text.replace('\0', "")),
            (Field::Data(_) | Field::Meta(Meta::Version | Meta::SchemaVersion), Value::Number(number)) => {
                Bound::Number(number.clone())
            }
            (Field::Meta(_), _) => return self.refuse(pointer, "type", "cannot be compared with that; use eq or in"),
            _ => {
                return self.refuse(
                    pointer,
                    "type",
                    "only numbers, texts and date-times are smaller or greater",
                );
            }
        };
        Filter::Test(field.clone(), Test::Compares(order, bound))
    }

    fn refuse(&mut self, pointer: &str, keyword: &str, message: impl Into<String>) -> Filter {
        self.faults.add(pointer, keyword, message);
        NOTHING
    }
}

/// A filter as it is stored in cursors: two spellings of the same one differ, which only costs a new walk.
pub(crate) fn canonical(written: Option<&Value>) -> String {
    match written {
        Some(written) => written.to_string(),
        None => Value::Object(Map::new()).to_string(),
    }
}

/// A name as faults show it.
pub(crate) fn shown(name: &str) -> String {
    format!("{:?}", cut(name, 80))
}
