use std::fmt::Write as _;

use quarry_workflow::{
    Atomicity, Author, EntityQuery, NewSchema, WorkflowError, bulk_apply, query_entities, read_json, register_schema,
};
use serde_json::{Value, json};

use crate::project_database::{create, register, try_create, update, with_items};

#[tokio::test]
async fn documents_meant_to_harm_are_refused_with_a_pointer_and_leave_nothing() {
    let pool = with_items().await;
    register(&pool, "anything", json!({})).await;
    let documents = [
        nested(5_000),
        json!({"a": "x".repeat(1024 * 1024)}),
        json!({"a": {"b": "nul \0"}}),
        json!({"a\0": 1}),
        Value::Array(vec![json!({}); 200_000]),
    ];
    for document in documents {
        let refused = try_create(&pool, "anything", document).await;
        let Err(WorkflowError::InvalidDocument(faults)) = refused else {
            panic!()
        };
        assert!(!faults.faults.is_empty());
    }
    let stored: i64 = sqlx::query_scalar("select count(*) from workflow.entity_versions")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(stored, 0);
}

#[tokio::test]
async fn patches_cannot_build_what_could_never_be_read_again() {
    let pool = with_items().await;
    register(&pool, "anything", json!({})).await;
    let mut seen = create(&pool, "anything", json!({"a": {}})).await;
    let mut path = "/a".to_owned();
    let mut refusals = 0;
    for _ in 0..100 {
        let step = json!([{"op": "add", "path": format!("{path}/a"), "value": {}}]);
        match update(&pool, &seen, step).await {
            Ok(now) => {
                seen = now;
                path += "/a";
            }
            Err(WorkflowError::InvalidDocument(faults)) => {
                assert_eq!(faults.faults[0].keyword, "depth");
                refusals += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refusals > 30 && seen.version == 63, "{refusals} {}", seen.version);
}

#[tokio::test]
async fn schemas_meant_to_harm_are_refused() {
    let pool = with_items().await;
    let deep = (0..800).fold(json!({}), |inner, _| json!({"items": inner}));
    let mut doubling = json!({"a20": {"type": "string"}});
    for level in 0..20 {
        let next = format!("#/$defs/a{}", level + 1);
        doubling[format!("a{level}")] = json!({"allOf": [{"$ref": next}, {"$ref": next}]});
    }
    let definitions = [
        deep,
        json!({"$defs": doubling, "$ref": "#/$defs/a0"}),
        json!({"$ref": "http://example.com/schema"}),
        json!({"$ref": "file:///etc/passwd"}),
        json!({"pattern": "(a{1000}){1000}"}),
        json!({"pattern": "(?=a)b"}),
        json!({"title": "x".repeat(1024 * 1024)}),
        json!({"title": "\0"}),
        json!({"x-note": nested(3_000)}),
        json!(7),
    ];
    for definition in definitions {
        let new = NewSchema {
            name: "bad".to_owned(),
            definition,
            ..NewSchema::default()
        };
        let refused = register_schema(&pool, &new, "test").await;
        assert!(matches!(&refused, Err(WorkflowError::InvalidSchema(faults)) if !faults.faults.is_empty()));
    }
    let refused = register_schema(
        &pool,
        &NewSchema {
            name: "a'; drop".to_owned(),
            ..NewSchema::default()
        },
        "test",
    )
    .await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn queries_meant_to_harm_are_refused_or_find_nothing() {
    let pool = with_items().await;
    create(&pool, "item", json!({"n": 1, "title": "x"})).await;
    let filters = [
        (0..200).fold(json!({}), |inner, _| json!({"not": inner})),
        json!({"or": vec![json!({"n": 1}); 1_000]}),
        json!({"or": vec![json!({}); 100_000]}),
        json!({"n": {"in": (0..1_000).collect::<Vec<_>>()}}),
        json!({"title": {"eq": "\0"}}),
        json!({"title": {"contains": "x\0"}}),
        json!({"title": {"eq": nested(2_000)}}),
        json!({"more": {"eq": "x".repeat(1024 * 1024)}}),
        json!({"a.".repeat(500): 1}),
        json!({"\0": 1}),
    ];
    for filter in filters {
        let query = EntityQuery {
            filter: Some(filter),
            ..EntityQuery::all("item")
        };
        assert!(matches!(
            query_entities(&pool, &query).await,
            Err(WorkflowError::InvalidQuery(_))
        ));
    }
    for text in [
        "'; drop table workflow.entities; --",
        "\" ) or true",
        "$1",
        "%",
        "\u{202e}",
        "\u{fffd}",
    ] {
        let query = EntityQuery {
            filter: Some(json!({"title": text, "more.x": text})),
            ..EntityQuery::all("item")
        };
        assert!(query_entities(&pool, &query).await.unwrap().entities.is_empty());
        let query = EntityQuery {
            filter: Some(json!({"$text": text, "more": {"contains": text}})),
            ..EntityQuery::all("item")
        };
        query_entities(&pool, &query).await.unwrap();
    }
    for cursor in ["", "x", "o10", &"A".repeat(100_000), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let query = EntityQuery {
            cursor: Some(cursor.to_owned()),
            ..EntityQuery::all("item")
        };
        assert!(matches!(
            query_entities(&pool, &query).await,
            Err(WorkflowError::InvalidCursor(_))
        ));
    }
}

/// 300 documents, each wrong in one to three known places, over 25 keywords.
#[tokio::test]
async fn every_fault_of_300_documents_is_reported_where_it_is() {
    let pool = with_items().await;
    let wrong: Vec<(&str, Value, Value)> = vec![
        ("type", json!({"type": "integer"}), json!("x")),
        ("enum", json!({"enum": [1, 2]}), json!(3)),
        ("const", json!({"const": 1}), json!(2)),
        ("minimum", json!({"minimum": 5}), json!(4)),
        ("maximum", json!({"maximum": 5}), json!(6)),
        ("exclusiveMinimum", json!({"exclusiveMinimum": 5}), json!(5)),
        ("exclusiveMaximum", json!({"exclusiveMaximum": 5}), json!(5)),
        ("multipleOf", json!({"multipleOf": 3}), json!(4)),
        ("minLength", json!({"minLength": 3}), json!("ab")),
        ("maxLength", json!({"maxLength": 3}), json!("abcd")),
        ("pattern", json!({"pattern": "^a"}), json!("b")),
        ("format", json!({"format": "date-time"}), json!("tomorrow")),
        ("minItems", json!({"minItems": 2}), json!([1])),
        ("maxItems", json!({"maxItems": 1}), json!([1, 2])),
        ("uniqueItems", json!({"uniqueItems": true}), json!([1, 1])),
        ("contains", json!({"contains": {"const": 9}}), json!([1])),
        ("minProperties", json!({"minProperties": 1}), json!({})),
        ("maxProperties", json!({"maxProperties": 1}), json!({"a": 1, "b": 2})),
        ("required", json!({"required": ["a"]}), json!({})),
        (
            "dependentRequired",
            json!({"dependentRequired": {"a": ["b"]}}),
            json!({"a": 1}),
        ),
        (
            "propertyNames",
            json!({"propertyNames": {"maxLength": 1}}),
            json!({"ab": 1}),
        ),
        (
            "anyOf",
            json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
            json!(1),
        ),
        (
            "oneOf",
            json!({"oneOf": [{"type": "number"}, {"minimum": 0}]}),
            json!(1),
        ),
        ("not", json!({"not": {"type": "integer"}}), json!(1)),
        ("false schema", json!(false), json!(1)),
    ];
    let mut documents = 0;
    for shift in 0..12 {
        let mut properties = json!({});
        for (index, (_, schema, _)) in wrong.iter().enumerate() {
            properties[format!("p{index}/~")] = json!({"properties": {"in": {"items": schema}}});
        }
        let name = format!("wrong_{shift}");
        register(
            &pool,
            &name,
            json!({"properties": properties, "additionalProperties": false}),
        )
        .await;
        for index in 0..wrong.len() {
            let mut document = json!({});
            let mut pointers = Vec::new();
            for offset in 0..=shift % 3 {
                let at = (index + offset * 7 + shift) % wrong.len();
                document[format!("p{at}/~")] = json!({"in": [wrong[at].2]});
                pointers.push(format!("/p{at}~1~0/in/0"));
            }
            pointers.sort();
            let Err(WorkflowError::InvalidDocument(faults)) = try_create(&pool, &name, document.clone()).await else {
                panic!("{document} passed")
            };
            let found: Vec<&str> = faults.faults.iter().map(|fault| fault.pointer.as_str()).collect();
            assert_eq!(found, pointers, "{document}: {faults}");
            documents += 1;
        }
    }
    assert_eq!(documents, 300);
}

#[tokio::test]
async fn more_faults_than_are_listed_are_noted() {
    let pool = with_items().await;
    let tags: Vec<i32> = (0..60).collect();
    let Err(WorkflowError::InvalidDocument(faults)) = try_create(&pool, "item", json!({"n": 1, "tags": tags})).await
    else {
        panic!()
    };
    assert_eq!((faults.faults.len(), faults.truncated), (50, true));
}

#[tokio::test]
async fn a_batch_of_harmful_operations_is_answered_one_by_one() {
    let pool = with_items().await;
    let operations = [
        json!({"op": "create", "schema": "item", "data": {"n": 1}, "idd": 1}),
        json!({"op": "create", "schema": "'; --", "data": {"n": 1}}),
        json!({"op": "create", "schema": "item\0", "data": {"n": 1}}),
        json!({"op": "update", "id": "'", "expected_version": -1, "patch": []}),
        json!(null),
    ];
    let report = bulk_apply(&pool, &operations, Atomicity::WhatWorks, Author::named("test"))
        .await
        .unwrap();
    assert_eq!((report.succeeded, report.failed), (0, 5));
    assert!(report.results.iter().all(|result| !result.faults.is_empty()));
}

#[test]
fn text_of_a_million_brackets_is_refused_quickly() {
    let mut bomb = String::new();
    for _ in 0..100_000 {
        let _ = write!(bomb, "{{\"a\":[");
    }
    assert!(matches!(read_json(&bomb), Err(WorkflowError::InvalidJson(_))));
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}
