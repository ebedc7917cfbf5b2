#![allow(clippy::unwrap_used)] // tests

use serde_json::{Value, json};

use super::compile_schema;
use crate::{Fault, Faults, MAX_BYTES, MAX_DEPTH, MAX_FAULTS, WorkflowError};

#[test]
fn every_fault_is_reported_with_its_pointer() {
    let schema = json!({
        "type": "object",
        "required": ["id"],
        "properties": {
            "when": {"format": "date-time"},
            "a/b~c": {"type": "integer"},
            "rows": {"items": {"properties": {"size": {"maximum": 3}}}},
        },
    });
    let found = refused(
        &schema,
        &json!({"when": "tomorrow", "a/b~c": "x", "rows": [{}, {"size": 4}]}),
    );
    assert_eq!(
        places(&found),
        [
            "required at ",
            "type at /a~1b~0c",
            "maximum at /rows/1/size",
            "format at /when"
        ]
    );
    assert!(!found.truncated);
}

#[test]
fn messages_say_what_is_allowed() {
    let schema = json!({
        "properties": {"status": {"enum": ["open", "closed"]}, "assignee": {}, "title": {"minLength": 1}, "code": {"minLength": 2}},
        "additionalProperties": false,
    });
    let found = refused(
        &schema,
        &json!({"status": "done", "asignee": "ana", "zzz": 1, "title": "", "code": ""}),
    );
    let messages: Vec<&str> = found.faults.iter().map(|fault| fault.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "there is no property \"asignee\" (did you mean \"assignee\"?)",
            "must have at least 2 characters",
            "must be one of \"open\", \"closed\", not \"done\"",
            "must not be empty",
            "there is no property \"zzz\"; remove it or use one of \"assignee\", \"code\", \"status\", \"title\"",
        ]
    );
}

#[test]
fn a_failed_choice_shows_the_nearest_alternative() {
    let schema = json!({"anyOf": [{"required": ["a", "b"]}, {"properties": {"c": {"type": "string"}}}]});
    let found = refused(&schema, &json!({"c": 1}));
    assert_eq!(
        found.faults[0].message,
        "fits none of 2 alternatives; in the nearest one: at /c must be string, not 1"
    );
}

#[test]
fn faults_past_the_cap_are_only_noted() {
    let found = refused(&json!({"items": {"type": "string"}}), &json!(vec![0; MAX_FAULTS + 1]));
    assert_eq!((found.faults.len(), found.truncated), (MAX_FAULTS, true));
    let found = refused(&json!({"items": {"type": "string"}}), &json!(vec![0; MAX_FAULTS]));
    assert_eq!((found.faults.len(), found.truncated), (MAX_FAULTS, false));
}

#[test]
fn huge_values_and_names_are_never_echoed() {
    let long = "x".repeat(100_000);
    let schema = json!({
        "properties": {"a": {"const": long}, "b": {"pattern": "^y"}, "c": {"enum": vec![long.clone(); 1]}},
        "additionalProperties": false,
    });
    let found = refused(
        &schema,
        &json!({"a": long.clone() + "y", "b": "z".repeat(10_000), "c": 1, long.clone(): 1}),
    );
    assert_eq!(found.faults.len(), 4);
    assert!(serde_json::to_string(&found).unwrap().len() < 2_500);
    assert!(found.to_string().len() < 2_500);
}

#[test]
fn depth_is_capped_before_anything_recurses() {
    let schema = compile_schema(&json!({})).unwrap();
    schema.validate(&nested(MAX_DEPTH)).unwrap();
    let Err(WorkflowError::InvalidDocument(found)) = schema.validate(&nested(MAX_DEPTH + 1)) else {
        panic!()
    };
    assert_eq!(found.faults[0].pointer, "/0".repeat(MAX_DEPTH));
    assert_eq!(found.faults[0].keyword, "depth");
    let Err(WorkflowError::InvalidDocument(_)) = schema.validate(&nested(5_000)) else {
        panic!()
    };
}

#[test]
fn size_is_capped() {
    let schema = compile_schema(&json!({})).unwrap();
    schema.validate(&json!("x".repeat(MAX_BYTES - 2))).unwrap();
    for document in [json!("x".repeat(MAX_BYTES - 1)), json!(vec![0; MAX_BYTES])] {
        let Err(WorkflowError::InvalidDocument(found)) = schema.validate(&document) else {
            panic!()
        };
        assert_eq!(places(&found), ["size at "]);
    }
}

#[test]
fn text_the_database_cannot_hold_is_refused() {
    assert_eq!(places(&refused(&json!({}), &json!({"a": ["b\0"]}))), ["text at /a/0"]);
    assert_eq!(places(&refused(&json!({}), &json!({"a": {"b\0": 1}}))), ["text at /a"]);
}

#[test]
fn a_schema_and_a_document_whose_product_is_too_large_are_refused() {
    let schema = json!({"items": {"enum": (0..1_000).collect::<Vec<_>>()}});
    assert_eq!(places(&refused(&schema, &json!(vec![0; 2_000]))), ["size at "]);
}

#[test]
fn a_definition_is_refused_where_it_is_wrong() {
    let cases = [
        (json!(true), "type at "),
        (json!({"typ": "object"}), "typ at /typ"),
        (
            json!({"properties": {"enum": {"requierd": []}}}),
            "requierd at /properties/enum/requierd",
        ),
        (
            json!({"properties": {"a": {"format": "date_time"}}}),
            "format at /properties/a/format",
        ),
        (json!({"type": "objekt"}), "anyOf at /type"),
        (json!({"minLength": -1}), "minimum at /minLength"),
        (json!({"pattern": "(?=a)b"}), "format at /pattern"),
        (json!({"pattern": "(a"}), "format at /pattern"),
        (json!({"pattern": "(a{1000}){1000}"}), "format at /pattern"),
        (
            json!({"$schema": "http://json-schema.org/draft-07/schema#"}),
            "$schema at /$schema",
        ),
        (json!({"$id": "https://example.com/a"}), "$id at /$id"),
        (json!({"$ref": "https://example.com/a"}), "$ref at /$ref"),
        (json!({"$ref": "file:///etc/passwd"}), "$ref at /$ref"),
        (json!({"$ref": "#/$defs/missing"}), "$ref at /$ref"),
        (json!({"$ref": "#name"}), "$ref at /$ref"),
        (json!({"$ref": "#"}), "$ref at /$ref"),
        (
            json!({"properties": {"child": {"$ref": "#"}}}),
            "$ref at /properties/child/$ref",
        ),
        (json!({"definitions": {}}), "definitions at /definitions"),
    ];
    for (definition, expected) in cases {
        let found = refused_definition(&definition);
        assert_eq!(places(&found)[0], expected, "{definition}: {found}");
    }
}

#[test]
fn a_misspelt_keyword_names_the_one_that_was_meant() {
    let found = refused_definition(&json!({"requierd": ["a"]}));
    assert!(
        found.faults[0].message.contains("did you mean \"required\"?"),
        "{found}"
    );
}

#[test]
fn keywords_in_data_and_names_of_ones_own_pass() {
    let definition = json!({"const": {"$ref": "https://example.com"}, "default": {"typ": 1}, "x-label": {"typ": 1}});
    compile_schema(&definition).unwrap();
}

#[test]
fn local_references_are_followed() {
    let schema = json!({"$defs": {"id": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/id"}}});
    assert_eq!(places(&refused(&schema, &json!({"a": "x"}))), ["type at /a"]);
}

#[test]
fn references_that_double_and_redouble_are_refused() {
    let mut definitions = json!({"a40": {"type": "string"}});
    for level in 0..40 {
        let next = format!("#/$defs/a{}", level + 1);
        definitions[format!("a{level}")] = json!({"allOf": [{"$ref": next}, {"$ref": next}]});
    }
    let found = refused_definition(&json!({"$defs": definitions, "$ref": "#/$defs/a0"}));
    assert_eq!(found.faults[0].keyword, "size");
}

#[test]
fn a_long_chain_of_references_is_refused() {
    let mut definitions = json!({"a5000": true});
    for level in 0..5_000 {
        definitions[format!("a{level}")] = json!({"$ref": format!("#/$defs/a{}", level + 1)});
    }
    assert_eq!(
        refused_definition(&json!({"$defs": definitions})).faults[0].keyword,
        "depth"
    );
}

#[test]
fn more_regular_expressions_than_memory_is_meant_for_are_refused() {
    let patterns: Vec<Value> = (0..65).map(|n| json!({"pattern": format!("^{n}")})).collect();
    assert_eq!(
        refused_definition(&json!({"anyOf": patterns})).faults[0].keyword,
        "size"
    );
}

#[test]
fn the_deepest_schema_and_document_fit_a_small_stack() {
    // 31 schemas, at the end of which a reference leads to 31 more: as deep as both limits allow.
    let chain = |end: Value| (0..15).fold(end, |inner, _| json!({"items": {"allOf": [inner]}}));
    let mut definition = chain(json!({"$ref": "#/$defs/end"}));
    definition["$defs"] = json!({"end": chain(json!({"type": "string"}))});
    let work = move || {
        let schema = compile_schema(&definition).unwrap();
        assert!(
            schema
                .validate(&(0..30).fold(json!(1), |inner, _| json!([inner])))
                .is_err()
        );
    };
    std::thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(work)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn a_pattern_takes_time_in_proportion_to_the_text() {
    let schema = compile_schema(&json!({"pattern": "^(a+)+$"})).unwrap();
    assert!(schema.validate(&json!("a".repeat(100_000) + "!")).is_err());
}

fn nested(depth: usize) -> Value {
    (1..depth).fold(json!([]), |inner, _| Value::Array(vec![inner]))
}

fn refused(schema: &Value, document: &Value) -> Faults {
    match compile_schema(schema).unwrap().validate(document) {
        Err(WorkflowError::InvalidDocument(faults)) => faults,
        other => panic!("{other:?}"),
    }
}

fn refused_definition(definition: &Value) -> Faults {
    match compile_schema(definition) {
        Err(WorkflowError::InvalidSchema(faults)) => faults,
        other => panic!("{other:?} for {definition}"),
    }
}

fn places(faults: &Faults) -> Vec<String> {
    let place = |fault: &Fault| format!("{} at {}", fault.keyword, fault.pointer);
    faults.faults.iter().map(place).collect()
}
