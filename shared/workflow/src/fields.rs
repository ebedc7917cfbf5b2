//! What a name in a query stands for: a property of the document or a fact about the entity. Knows from the schema which
//! properties there can be, which are date-times and which are lists; a misspelt one would only ever find nothing.

use serde_json::Value;

use crate::filter::shown;
use crate::lint::did_you_mean;

/// Longest way into a document.
const MAX_STEPS: usize = 32;

/// A fact about an entity that is not in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meta {
    Id,
    CreatedAt,
    UpdatedAt,
    CreatedBy,
    UpdatedBy,
    Version,
    SchemaVersion,
}

impl Meta {
    const ALL: [(&'static str, Self); 7] = [
        ("$id", Self::Id),
        ("$created_at", Self::CreatedAt),
        ("$updated_at", Self::UpdatedAt),
        ("$created_by", Self::CreatedBy),
        ("$updated_by", Self::UpdatedBy),
        ("$version", Self::Version),
        ("$schema_version", Self::SchemaVersion),
    ];
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    /// A property of the document.
    Data(Vec<String>),
    /// A property that is a date-time: compared as the moment it names.
    Moment(Vec<String>),
    Meta(Meta),
}

impl Field {
    pub(crate) fn is_meta(&self) -> bool {
        matches!(self, Self::Meta(_))
    }

    /// Whether the field can equal such a value.
    pub(crate) fn takes(&self, value: &Value) -> Result<(), &'static str> {
        let Self::Meta(meta) = self else { return Ok(()) };
        let fits = match meta {
            Meta::Id => value.as_str().is_some_and(|text| uuid::Uuid::parse_str(text).is_ok()),
            Meta::CreatedAt | Meta::UpdatedAt => value
                .as_str()
                .is_some_and(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok()),
            Meta::CreatedBy | Meta::UpdatedBy => value.as_str().is_some_and(|text| !text.contains('\0')),
            Meta::Version | Meta::SchemaVersion => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        };
        if fits {
            return Ok(());
        }
        Err(match meta {
            Meta::Id => "must be the id of an entity, a UUID",
            Meta::CreatedAt | Meta::UpdatedAt => "must be a date-time, as \"2026-01-31T17:30:00Z\"",
            Meta::CreatedBy | Meta::UpdatedBy => "must be a text",
            Meta::Version | Meta::SchemaVersion => "must be a number",
        })
    }
}

/// The names a query over one schema may use.
pub(crate) struct FieldNames<'s> {
    /// The definitions of all versions, newest first: old entities have old properties.
    pub(crate) definitions: &'s [&'s Value],
}

impl FieldNames<'_> {
    /// What a name stands for, or why it stands for nothing.
    pub(crate) fn find(&self, name: &str) -> Result<Field, String> {
        if name.starts_with('$') {
            if let Some((_, meta)) = Meta::ALL.iter().find(|(known, _)| *known == name) {
                return Ok(Field::Meta(*meta));
            }
            let known = Meta::ALL.map(|(known, _)| known);
            let meant = did_you_mean(name, known.into_iter());
            return Err(format!(
                "no fact about entities{meant}; there are {}, and $text and $code in filters",
                known.join(", ")
            ));
        }
        let path = path_of(name)?;
        let mut unknown = None;
        for definition in self.definitions {
            match look_up(definition, definition, &path) {
                Found::Unknown(reason) => unknown = unknown.or(Some(reason)),
                Found::Schema(schema) if is_date_time(definition, schema) => return Ok(Field::Moment(path)),
                Found::Schema(_) | Found::Free => return Ok(Field::Data(path)),
            }
        }
        match unknown {
            Some(reason) => Err(reason),
            None => Ok(Field::Data(path)),
        }
    }
}

/// A pointer, or names separated by dots.
pub(crate) fn path_of(name: &str) -> Result<Vec<String>, String> {
    let path: Vec<String> = match name.strip_prefix('/') {
        Some(pointer) => pointer
            .split('/')
            .map(|token| token.replace("~1", "/").replace("~0", "~"))
            .collect(),
        None => name.split('.').map(str::to_owned).collect(),
    };
    if name.is_empty() || path.len() > MAX_STEPS || name.contains('\0') {
        return Err(format!(
            "names a property, with dots or as a JSON pointer, at most {MAX_STEPS} levels deep"
        ));
    }
    Ok(path)
}

enum Found<'d> {
    Schema(&'d Value),
    /// The schema says nothing against it.
    Free,
    Unknown(String),
}

fn look_up<'d>(root: &'d Value, schema: &'d Value, path: &[String]) -> Found<'d> {
    let Some((name, rest)) = path.split_first() else {
        return Found::Schema(schema);
    };
    if let Some(target) = referred(root, schema) {
        return look_up(root, target, path);
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    if let Some(property) = properties.and_then(|properties| properties.get(name)) {
        return look_up(root, property, rest);
    }
    if let (Ok(_), Some(items)) = (name.parse::<usize>(), schema.get("items")) {
        return look_up(root, items, rest);
    }
    let is_closed =
        schema.get("additionalProperties") == Some(&Value::Bool(false)) && schema.get("patternProperties").is_none();
    match properties.filter(|_| is_closed) {
        None => Found::Free,
        Some(properties) => {
            let names: Vec<&str> = properties.keys().map(String::as_str).collect();
            let meant = did_you_mean(name, names.iter().copied());
            let listed = names.iter().take(20).copied().collect::<Vec<_>>().join(", ");
            Found::Unknown(format!(
                "the schema has no property {}{meant}; there are {listed}",
                shown(name)
            ))
        }
    }
}

fn referred<'d>(root: &'d Value, schema: &'d Value) -> Option<&'d Value> {
    let target = schema.get("$ref").and_then(Value::as_str)?;
    root.pointer(target.strip_prefix('#')?)
}

fn is_date_time(root: &Value, schema: &Value) -> bool {
    let schema = referred(root, schema).unwrap_or(schema);
    schema.get("format").and_then(Value::as_str) == Some("date-time")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use serde_json::json;

    use super::{Field, FieldNames, Meta};

    #[test]
    fn names_stand_for_properties_and_facts() {
        let newest = json!({
            "$defs": {"when": {"format": "date-time"}},
            "properties": {"due": {"$ref": "#/$defs/when"}, "a": {"properties": {"b": {}}}, "tags": {"items": {}}},
            "additionalProperties": false,
        });
        let older = json!({"properties": {"gone": {}}, "additionalProperties": false});
        let names = FieldNames {
            definitions: &[&newest, &older],
        };
        let data = |path: &[&str]| Field::Data(path.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(names.find("due").unwrap(), Field::Moment(vec!["due".to_owned()]));
        assert_eq!(names.find("a.b").unwrap(), data(&["a", "b"]));
        assert_eq!(names.find("/a/b").unwrap(), data(&["a", "b"]));
        assert_eq!(names.find("tags.0").unwrap(), data(&["tags", "0"]));
        assert_eq!(names.find("gone").unwrap(), data(&["gone"]));
        assert_eq!(names.find("$version").unwrap(), Field::Meta(Meta::Version));
        assert!(names.find("tagz").unwrap_err().contains("did you mean \"tags\""));
        assert!(
            names
                .find("$versoin")
                .unwrap_err()
                .contains("did you mean \"$version\"")
        );
        assert!(names.find("").is_err());
    }
}
