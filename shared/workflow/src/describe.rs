//! Turns what the validator found into faults that say where, what and what to do.
//! Used by validate.rs for documents and for definitions, which are documents of the meta-schema.
//! Never shows a whole value: texts are cut, arrays and objects only counted.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use crate::faults::{Faults, cut, step};
use crate::lint::did_you_mean;

/// Characters shown of one value or name.
const MAX_SHOWN_CHARS: usize = 80;

/// Values or names listed of a choice.
const MAX_LISTED: usize = 20;

/// All errors as faults. `definition` is what was violated; it gives the names a misspelt property may have meant.
pub(crate) fn all<'e>(errors: impl Iterator<Item = ValidationError<'e>>, definition: &Value) -> Faults {
    let mut faults = Faults::default();
    for error in errors {
        if faults.is_full() {
            break;
        }
        add(&mut faults, &error, definition);
    }
    faults
}

/// The one error of compiling a definition.
pub(crate) fn one(error: &ValidationError<'_>, definition: &Value) -> Faults {
    let mut faults = Faults::default();
    add(&mut faults, error, definition);
    faults
}

fn add(faults: &mut Faults, error: &ValidationError<'_>, definition: &Value) {
    let pointer = error.instance_path().as_str();
    let keyword = error.kind().keyword();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let known = known_properties(error, definition);
            for name in unexpected {
                if faults.is_full() {
                    return;
                }
                faults.add(&step(pointer, name), keyword, unknown_property(name, &known));
            }
        }
        kind => faults.add(pointer, keyword, message(kind, error.instance())),
    }
}

/// The properties that the schema around the violated keyword names.
fn known_properties<'d>(error: &ValidationError<'_>, definition: &'d Value) -> Vec<&'d str> {
    let keyword = error.schema_path().as_str();
    let schema = keyword
        .rsplit_once('/')
        .and_then(|(schema, _)| definition.pointer(schema));
    let properties = schema
        .and_then(|schema| schema.get("properties"))
        .and_then(Value::as_object);
    properties
        .into_iter()
        .flat_map(|properties| properties.keys().map(String::as_str))
        .collect()
}

fn unknown_property(name: &str, known: &[&str]) -> String {
    let shown = cut(name, MAX_SHOWN_CHARS);
    let meant = did_you_mean(name, known.iter().copied());
    if !meant.is_empty() {
        return format!("there is no property {shown:?}{meant}");
    }
    if known.is_empty() {
        return format!("there is no property {shown:?}; remove it");
    }
    format!(
        "there is no property {shown:?}; remove it or use one of {}",
        list(known.iter().map(|name| quoted(name)))
    )
}

fn message(kind: &ValidationErrorKind, found: &Value) -> String {
    use ValidationErrorKind as Kind;
    let value = show(found);
    match kind {
        Kind::Type { kind } => format!("must be {}, not {value}", types(kind)),
        Kind::Required { property } => format!("the property {} is missing; add it", show(property)),
        Kind::Enum { options } => format!("must be one of {}, not {value}", choices(options)),
        Kind::Constant { expected_value } => format!("must be {}, not {value}", show(expected_value)),
        Kind::Format { format } if format == "regex" => format!(
            "{value} is no regular expression that is understood; write it without look-around and back-references, \
             or shorter"
        ),
        Kind::Format { format } => format!("{value} is no {}{}", cut(format, MAX_SHOWN_CHARS), example(format)),
        Kind::Pattern { pattern } => format!("must match {}, {value} does not", quoted(pattern)),
        Kind::MinLength { limit: 1 } => "must not be empty".to_owned(),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters; shorten it"),
        Kind::MinItems { limit } => format!("must have at least {limit} items"),
        Kind::MaxItems { limit } => format!("must have at most {limit} items"),
        Kind::AdditionalItems { limit } => format!("must have at most {limit} items"),
        Kind::MinProperties { limit } => format!("must have at least {limit} properties"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} properties"),
        Kind::Minimum { limit } => format!("must be at least {}, not {value}", show(limit)),
        Kind::Maximum { limit } => format!("must be at most {}, not {value}", show(limit)),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {}, not {value}", show(limit)),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {}, not {value}", show(limit)),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}, not {value}"),
        Kind::UniqueItems => "contains the same item twice; remove one".to_owned(),
        Kind::Contains => "too few or too many items of the kind that contains asks for".to_owned(),
        Kind::UnevaluatedItems { unexpected } => format!("{} items that no schema describes", unexpected.len()),
        Kind::FalseSchema => "nothing is allowed here; remove it".to_owned(),
        Kind::Not { .. } => format!("must not be what the schema excludes, as {value} is"),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            format!("fits none of {} alternatives{}", context.len(), nearest(context))
        }
        Kind::OneOfMultipleValid { context } => {
            format!(
                "fits more than one of {} alternatives, must fit exactly one",
                context.len()
            )
        }
        Kind::PropertyNames { error } => format!(
            "the property name {} is not allowed: {}",
            show(error.instance()),
            message(error.kind(), error.instance())
        ),
        Kind::Custom { message, .. } => cut(message, 2 * MAX_SHOWN_CHARS),
        other => format!("violates {}", cut(other.keyword(), MAX_SHOWN_CHARS)),
    }
}

/// What is wrong with the alternative that has the fewest errors.
fn nearest(alternatives: &[Vec<ValidationError<'_>>]) -> String {
    let best = alternatives
        .iter()
        .filter(|errors| !errors.is_empty())
        .min_by_key(|errors| errors.len());
    match best.and_then(|errors| errors.first()) {
        Some(error) => {
            let pointer = cut(error.instance_path().as_str(), MAX_SHOWN_CHARS);
            let at = if pointer.is_empty() {
                String::new()
            } else {
                format!("at {pointer} ")
            };
            // Alternatives inside alternatives are only named: their messages would nest without end.
            let what = match error.kind() {
                ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. } => {
                    "has alternatives of its own".to_owned()
                }
                ValidationErrorKind::AdditionalProperties { unexpected } => {
                    format!(
                        "there is no property {}",
                        list(unexpected.iter().map(|name| quoted(name)))
                    )
                }
                kind => message(kind, error.instance()),
            };
            format!("; in the nearest one: {at}{what}")
        }
        None => String::new(),
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(many) => many.iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" or "),
    }
}

fn example(format: &str) -> &'static str {
    match format {
        "date-time" => "; write one such as 2026-01-31T17:30:00Z",
        "date" => "; write one such as 2026-01-31",
        "time" => "; write one such as 17:30:00Z",
        "duration" => "; write one such as P1DT12H",
        "uri" => "; write one such as https://example.com/a",
        _ => "",
    }
}

fn choices(options: &Value) -> String {
    match options.as_array() {
        Some(options) => list(options.iter().map(show)),
        None => show(options),
    }
}

fn list(shown: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = shown.take(MAX_LISTED + 1).collect();
    let listed = all[..all.len().min(MAX_LISTED)].join(", ");
    if all.len() > MAX_LISTED {
        format!("{listed} …")
    } else {
        listed
    }
}

fn quoted(text: &str) -> String {
    format!("{:?}", cut(text, MAX_SHOWN_CHARS))
}

fn show(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(properties) => format!("an object of {}", properties.len()),
        scalar => cut(&scalar.to_string(), MAX_SHOWN_CHARS),
    }
}
