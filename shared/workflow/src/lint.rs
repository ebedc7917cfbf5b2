//! What a definition must satisfy beyond its meta-schema: known keywords and formats, local references that end, and a
//! bounded size once every reference is replaced by what it stands for. Hands validate.rs that size.
//! Never compiles anything: this is what makes compiling and validating safe.

use jsonschema::{Draft, ValidationOptions};
use serde_json::{Map, Value};

use crate::faults::{Faults, cut, step};
use crate::limits::MAX_DEPTH;

/// Most JSON values of a definition with every reference replaced by what it stands for.
pub const MAX_SCHEMA_VALUES: usize = 10_000;

/// Most regular expressions of a definition, counted like its values: each may take a megabyte.
pub const MAX_PATTERNS: usize = 64;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

const ONE_SCHEMA: [&str; 11] = [
    "not",
    "if",
    "then",
    "else",
    "items",
    "contains",
    "additionalProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
const LIST_OF_SCHEMAS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
const SCHEMA_BY_NAME: [&str; 4] = ["properties", "patternProperties", "dependentSchemas", "$defs"];
const NO_SCHEMA: [&str; 31] = [
    "type",
    "enum",
    "const",
    "multipleOf",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "maxContains",
    "minContains",
    "maxProperties",
    "minProperties",
    "required",
    "dependentRequired",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "format",
    "contentEncoding",
    "contentMediaType",
    "$comment",
];

/// Checks a definition that is known to be of bounded depth and size; answers how many values it stands for.
pub(crate) fn lint(definition: &Value, options: &ValidationOptions<'_>) -> Result<usize, Faults> {
    let Value::Object(_) = definition else {
        return Err(Faults::one(
            "",
            "type",
            "a schema's definition is an object, such as {\"type\": \"object\"}",
        ));
    };
    let mut walk = Walk {
        root: definition,
        options,
        faults: Faults::default(),
        under_way: Vec::new(),
        values: 0,
        patterns: 0,
    };
    walk.schema(definition, "");
    walk.is_exhausted("");
    walk.faults.into_result()?;
    Ok(walk.values)
}

struct Walk<'d> {
    root: &'d Value,
    options: &'d ValidationOptions<'d>,
    faults: Faults,
    /// The schemas around the present one, through references too.
    under_way: Vec<&'d Value>,
    values: usize,
    patterns: usize,
}

impl<'d> Walk<'d> {
    fn schema(&mut self, schema: &'d Value, pointer: &str) {
        if self.is_exhausted(pointer) {
            return;
        }
        self.values += 1;
        // What is no object is a boolean, or the meta-schema refuses it.
        let Value::Object(keywords) = schema else { return };
        if self.under_way.len() == MAX_DEPTH {
            let message = format!("schemas nested deeper than {MAX_DEPTH} levels, references included; flatten them");
            self.faults.add(pointer, "depth", message);
            return;
        }
        self.under_way.push(schema);
        for (keyword, value) in keywords {
            self.keyword(keyword, value, pointer);
        }
        self.under_way.pop();
    }

    /// Whether the walk is over; says why, once.
    fn is_exhausted(&mut self, pointer: &str) -> bool {
        let excess = if self.values > MAX_SCHEMA_VALUES {
            format!("more than {MAX_SCHEMA_VALUES} values once references are filled in; use fewer references")
        } else if self.patterns > MAX_PATTERNS {
            format!("more than {MAX_PATTERNS} regular expressions, references filled in; use fewer")
        } else {
            return self.faults.is_full();
        };
        if !self.faults.has("size") {
            self.faults.add(pointer, "size", excess);
        }
        true
    }

    fn keyword(&mut self, keyword: &'d str, value: &'d Value, schema: &str) {
        let pointer = step(schema, keyword);
        match (keyword, value) {
            ("$ref", Value::String(target)) => self.reference(target, &pointer),
            ("$schema", Value::String(draft)) if !schema.is_empty() || draft.trim_end_matches('#') != DRAFT => {
                self.faults.add(
                    &pointer,
                    keyword,
                    format!("only {DRAFT:?} is understood, and only at the top"),
                );
            }
            ("format", Value::String(format)) => self.format(format, &pointer),
            ("pattern", _) => self.patterns += 1,
            ("patternProperties", Value::Object(schemas)) => self.patterns += schemas.len(),
            _ => {}
        }
        match value {
            _ if ONE_SCHEMA.contains(&keyword) => self.schema(value, &pointer),
            Value::Array(schemas) if LIST_OF_SCHEMAS.contains(&keyword) => {
                for (index, schema) in schemas.iter().enumerate() {
                    self.schema(schema, &step(&pointer, &index.to_string()));
                }
            }
            Value::Object(schemas) if SCHEMA_BY_NAME.contains(&keyword) => self.named(schemas, &pointer),
            _ => {
                self.values += count(value);
                self.known(keyword, &pointer);
            }
        }
    }

    fn named(&mut self, schemas: &'d Map<String, Value>, pointer: &str) {
        for (name, schema) in schemas {
            self.schema(schema, &step(pointer, name));
        }
    }

    fn known(&mut self, keyword: &str, pointer: &str) {
        let all = || {
            [
                &ONE_SCHEMA[..],
                &LIST_OF_SCHEMAS,
                &SCHEMA_BY_NAME,
                &NO_SCHEMA,
                &["$ref", "$schema"],
            ]
            .concat()
        };
        let message = match keyword {
            "$id" => "leave it out: a schema is known by the name it is registered under".to_owned(),
            "$anchor" | "$dynamicAnchor" | "$dynamicRef" | "$recursiveRef" | "$recursiveAnchor" => {
                "not supported; refer to a definition as \"#/$defs/NAME\"".to_owned()
            }
            "definitions" => "write $defs".to_owned(),
            "dependencies" => "write dependentRequired or dependentSchemas".to_owned(),
            _ if keyword.starts_with("x-") || all().contains(&keyword) => return,
            _ => format!(
                "no keyword of draft 2020-12 that is understood{}; names of your own start with \"x-\"",
                did_you_mean(keyword, all().into_iter())
            ),
        };
        self.faults.add(pointer, &cut(keyword, 80), message);
    }

    fn format(&mut self, format: &str, pointer: &str) {
        if !self.options.is_known_format(Draft::Draft202012, format) {
            let message = format!(
                "no format of draft 2020-12: {:?}; use one such as date-time, date, email, uri or uuid, or a pattern",
                cut(format, 80)
            );
            self.faults.add(pointer, "format", message);
        }
    }

    fn reference(&mut self, target: &str, pointer: &str) {
        let shown = cut(target, 80);
        let Some(path) = target
            .strip_prefix('#')
            .filter(|path| path.is_empty() || path.starts_with('/'))
        else {
            let message =
                format!("{shown:?} is not inside this definition; copy it to $defs and write \"#/$defs/NAME\"");
            return self.faults.add(pointer, "$ref", message);
        };
        if path.contains('%') {
            return self.faults.add(
                pointer,
                "$ref",
                "percent-escapes are not understood; give the target a plainer name",
            );
        }
        let Some(schema) = self
            .root
            .pointer(path)
            .filter(|target| target.is_object() || target.is_boolean())
        else {
            return self.faults.add(
                pointer,
                "$ref",
                format!("there is no schema at {shown:?}; define it or correct the path"),
            );
        };
        if self.under_way.iter().any(|outer| std::ptr::eq(*outer, schema)) {
            let message =
                format!("{shown:?} contains this reference, and recursive schemas are refused; write the levels out");
            return self.faults.add(pointer, "$ref", message);
        }
        self.schema(schema, path);
    }
}

/// How many values there are inside, the outermost included. The depth is bounded already.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(properties) => properties.values().map(count).sum(),
        _ => 0,
    }
}

/// ` (did you mean "…"?)` when a candidate is at most two letters away, else nothing.
pub(crate) fn did_you_mean<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> String {
    /// Longer words and longer lists are not worth the comparison.
    const MAX_CHARS: usize = 64;
    const MAX_CANDIDATES: usize = 200;
    let near = |candidate: &&str| candidate.len() <= MAX_CHARS && word.len() <= MAX_CHARS;
    candidates
        .take(MAX_CANDIDATES)
        .filter(near)
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= 2 && *distance * 2 < word.chars().count())
        .min()
        .map(|(_, candidate)| format!(" (did you mean {candidate:?}?)"))
        .unwrap_or_default()
}

/// Insertions, deletions and replacements of characters that make one word the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
