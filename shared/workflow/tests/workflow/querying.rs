use std::cmp::Ordering;

use quarry_workflow::{EntityQuery, LinkEnd, WorkflowError, explain_query, query_entities};
use serde_json::{Value, json};

use crate::project_database::{
    create, declare, found, item_definition, link, numbers, register, store_items, with_items,
};

#[tokio::test]
async fn every_operator_finds_what_it_says() {
    let pool = with_items().await;
    let long = "y".repeat(300);
    for data in [
        json!({"n": 1, "title": "Alpha beta", "status": "open", "tags": ["x", "y"], "more": {"a": {"b": 1}}}),
        json!({"n": 2, "title": "Gamma", "status": "done", "due": "2026-01-01T10:00:00+02:00"}),
        json!({"n": 3, "status": "open", "due": "2026-01-01T09:00:00Z", "more": {"a": null}}),
        json!({"n": 4, "title": long, "tags": []}),
        json!({"n": 5, "title": format!("{long}z"), "more": {"list": [1, {"k": "v"}]}}),
        json!({"n": -6, "title": "O'Brien \" \\ %_"}),
    ] {
        create(&pool, "item", data).await;
    }
    let cases: Vec<(Value, Vec<i64>)> = vec![
        (json!({}), vec![-6, 1, 2, 3, 4, 5]),
        (json!({"status": "open"}), vec![1, 3]),
        (json!({"status": {"eq": "open"}, "n": {"gt": 1}}), vec![3]),
        (json!({"status": {"ne": "open"}}), vec![-6, 2, 4, 5]),
        (json!({"n": {"in": [1, 5, 99]}}), vec![1, 5]),
        (json!({"n": {"in": []}}), vec![]),
        (json!({"n": {"lt": 2}}), vec![-6, 1]),
        (json!({"n": {"lte": 2, "gte": 1}}), vec![1, 2]),
        (json!({"n": {"gt": 2.5}}), vec![3, 4, 5]),
        (json!({"title": {"gte": "B", "lt": "H"}}), vec![2]),
        (json!({"title": {"exists": false}}), vec![3]),
        (json!({"more.a": {"exists": true}}), vec![1, 3]),
        (json!({"more.a": null}), vec![3]),
        (json!({"more.a.b": 1}), vec![1]),
        (json!({"/more/a/b": 1}), vec![1]),
        (json!({"more": {"eq": {"a": {"b": 1}}}}), vec![1]),
        (json!({"more.list.1.k": "v"}), vec![5]),
        (json!({"tags": {"contains": "x"}}), vec![1]),
        (json!({"tags": {"contains": ["y", "x"]}}), vec![1]),
        (json!({"tags": {"eq": []}}), vec![4]),
        (json!({"title": {"contains": "BETA"}}), vec![1]),
        (json!({"title": {"starts_with": "O'Brien \" \\ %"}}), vec![-6]),
        (json!({"title": "O'Brien \" \\ %_"}), vec![-6]),
        (json!({"title": {"eq": "y".repeat(300)}}), vec![4]),
        (json!({"title": {"in": ["y".repeat(300), "Gamma"]}}), vec![2, 4]),
        (json!({"due": {"lt": "2026-01-01T08:30:00Z"}}), vec![2]),
        (json!({"due": {"gte": "2026-01-01T09:00:00+00:00"}}), vec![3]),
        (json!({"$text": "alphas"}), vec![1]),
        (json!({"$text": "alpha gamma"}), vec![]),
        (
            json!({"or": [{"n": 1}, {"and": [{"n": 2}, {"status": "done"}]}]}),
            vec![1, 2],
        ),
        (
            json!({"not": {"or": [{"status": "open"}, {"title": {"starts_with": "y"}}]}}),
            vec![-6, 2],
        ),
        (
            json!({"$version": 1, "$schema_version": {"lte": 1}, "$created_by": "test"}),
            vec![-6, 1, 2, 3, 4, 5],
        ),
        (json!({"$created_at": {"gt": "2999-01-01T00:00:00Z"}}), vec![]),
    ];
    for declared in [false, true] {
        if declared {
            declare(&pool, &["n", "title", "status", "due", "more.a.b"]).await;
        }
        for (filter, expected) in &cases {
            assert_eq!(
                &found(&pool, filter.clone()).await,
                expected,
                "declared {declared}: {filter}"
            );
        }
    }
}

#[tokio::test]
async fn only_values_of_one_kind_are_smaller_or_greater() {
    let pool = with_items().await;
    let text = "y".repeat(300);
    let values = [
        json!(null),
        json!(false),
        json!(true),
        json!([]),
        json!([3]),
        json!([3, 4]),
        json!({}),
        json!({"a": 3}),
        json!(-1.7e308),
        json!(-1),
        json!(0),
        json!(2.5),
        json!(3),
        json!(1.7e308),
        json!(""),
        json!("-1"),
        json!("a"),
        json!("b"),
        json!(text),
        json!("z"),
    ];
    create(&pool, "item", json!({"n": -1, "more": {}})).await;
    for (n, value) in values.iter().enumerate() {
        create(&pool, "item", json!({"n": n, "more": {"v": value}})).await;
    }
    for declared in [false, true] {
        if declared {
            declare(&pool, &["more.v"]).await;
        }
        for bound in values.iter().filter(|value| value.is_number() || value.is_string()) {
            for (operator, fits) in [
                ("lt", [Ordering::Less].as_slice()),
                ("lte", &[Ordering::Less, Ordering::Equal]),
                ("gt", &[Ordering::Greater]),
                ("gte", &[Ordering::Greater, Ordering::Equal]),
            ] {
                let expected: Vec<i64> = (0..)
                    .zip(&values)
                    .filter(|(_, value)| compared(value, bound).is_some_and(|order| fits.contains(&order)))
                    .map(|(n, _)| n)
                    .collect();
                let condition = json!({"more.v": {operator: bound}});
                assert_eq!(
                    found(&pool, condition.clone()).await,
                    expected,
                    "declared {declared}: {condition}"
                );
                // What is not so is all the rest, what lacks the property too.
                let rest: Vec<i64> = (-1..20).filter(|n| !expected.contains(n)).collect();
                assert_eq!(
                    found(&pool, json!({"not": condition})).await,
                    rest,
                    "declared {declared}: not {bound}"
                );
            }
        }
    }
}

fn compared(value: &Value, bound: &Value) -> Option<Ordering> {
    match (value, bound) {
        (Value::Number(value), Value::Number(bound)) => value.as_f64()?.partial_cmp(&bound.as_f64()?),
        (Value::String(value), Value::String(bound)) => Some(value.cmp(bound)),
        _ => None,
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_query_is_said_at_once() {
    let pool = with_items().await;
    let query = EntityQuery {
        filter: Some(json!({
            "sttus": "open",
            "n": {"gtt": 1, "lt": true},
            "or": [],
            "not": 7,
            "$verison": 1,
            "$id": "x",
            "due": {"lt": "tomorrow"},
            "$code": "/x",
        })),
        sort: vec!["-prioritty".to_owned()],
        fields: vec!["titel".to_owned()],
        ..EntityQuery::all("item")
    };
    let Err(WorkflowError::InvalidQuery(faults)) = query_entities(&pool, &query).await else {
        panic!()
    };
    let pointers: Vec<&str> = faults.faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/fields/0",
            "/filter/$code",
            "/filter/$id",
            "/filter/$verison",
            "/filter/due/lt",
            "/filter/n/gtt",
            "/filter/n/lt",
            "/filter/not",
            "/filter/or",
            "/filter/sttus",
            "/sort/0",
        ]
    );
    let text = faults.to_string();
    for meant in ["\"status\"", "\"gt\"", "\"$version\"", "\"title\""] {
        assert!(text.contains(&format!("did you mean {meant}")), "{meant}: {text}");
    }
}

#[tokio::test]
async fn declared_fields_come_from_their_indexes() {
    let pool = with_items().await;
    store_items(&pool, 20_000).await;
    declare(&pool, &["n", "due", "title"]).await;
    sqlx::raw_sql("analyze workflow.entities").execute(&pool).await.unwrap();
    let queries = [
        (json!({"n": 77}), vec![]),
        (json!({"n": {"in": [7, 8]}}), vec![]),
        (json!({"n": {"gt": 19_990}}), vec![]),
        (json!({"due": {"gt": "2999-01-01T00:00:00Z"}}), vec![]),
        (json!({"title": "Item 5"}), vec![]),
        (json!({}), vec!["n".to_owned()]),
        (json!({}), vec!["-n".to_owned()]),
        (json!({}), vec!["-due".to_owned()]),
        (
            json!({"n": {"gte": 10}, "not": {"title": "Item 5"}}),
            vec!["-n".to_owned()],
        ),
    ];
    for (filter, sort) in queries {
        let query = EntityQuery {
            filter: Some(filter.clone()),
            sort: sort.clone(),
            ..EntityQuery::all("item")
        };
        let plan = explain_query(&pool, &query).await.unwrap();
        assert!(plan.contains("entities_by_"), "{filter} {sort:?}: {plan}");
        assert!(!plan.contains("Seq Scan"), "{plan}");
        if !sort.is_empty() {
            assert!(!plan.contains("Sort"), "{plan}");
        }
    }
    // Other properties come from the index over all of them, the newest from the index by time.
    let other = EntityQuery {
        filter: Some(json!({"more.x": 5})),
        ..EntityQuery::all("item")
    };
    let plan = explain_query(&pool, &other).await.unwrap();
    assert!(plan.contains("idx_entities_data"), "{plan}");
    let plan = explain_query(&pool, &EntityQuery::all("item")).await.unwrap();
    assert!(
        plan.contains("idx_entities_schema_created") && !plan.contains("Sort"),
        "{plan}"
    );
    // What is no longer declared costs no write any more.
    declare(&pool, &["n"]).await;
    let left: i64 = sqlx::query_scalar("select count(*) from pg_class where relname like 'entities\\_by\\_%'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn pages_follow_in_any_order_without_gap() {
    let pool = with_items().await;
    store_items(&pool, 95).await;
    create(&pool, "item", json!({"n": 500})).await;
    for sort in [
        vec![],
        vec!["n"],
        vec!["-n"],
        vec!["status", "-n"],
        vec!["-status"],
        vec!["title"],
        vec!["due", "$id"],
        vec!["$updated_at"],
        vec!["-$created_by", "$version", "status"],
    ] {
        let mut query = EntityQuery {
            sort: sort.iter().map(|&name| name.to_owned()).collect(),
            limit: 7,
            ..EntityQuery::all("item")
        };
        let all = numbers(
            &query_entities(
                &pool,
                &EntityQuery {
                    limit: 200,
                    ..query.clone()
                },
            )
            .await
            .unwrap(),
        );
        let mut walked = Vec::new();
        loop {
            let page = query_entities(&pool, &query).await.unwrap();
            walked.extend(numbers(&page));
            assert_eq!(page.has_more, page.next_cursor.is_some());
            match page.next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => break,
            }
        }
        assert_eq!(walked, all, "{sort:?}");
        assert_eq!(walked.len(), 96);
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_query() {
    let pool = with_items().await;
    store_items(&pool, 10).await;
    let query = EntityQuery {
        limit: 2,
        ..EntityQuery::all("item")
    };
    let cursor = query_entities(&pool, &query).await.unwrap().next_cursor;
    let others = [
        EntityQuery {
            filter: Some(json!({"status": "open"})),
            ..query.clone()
        },
        EntityQuery {
            sort: vec!["n".to_owned()],
            ..query.clone()
        },
        EntityQuery {
            include_deleted: true,
            ..query.clone()
        },
    ];
    for other in others {
        let refused = query_entities(
            &pool,
            &EntityQuery {
                cursor: cursor.clone(),
                ..other
            },
        )
        .await;
        assert!(matches!(refused, Err(WorkflowError::InvalidCursor(_))));
    }
    query_entities(
        &pool,
        &EntityQuery {
            cursor,
            limit: 5,
            ..query
        },
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn counts_are_exact_or_say_that_they_are_not() {
    let pool = with_items().await;
    store_items(&pool, 10_500).await;
    sqlx::raw_sql("analyze workflow.entities").execute(&pool).await.unwrap();
    let some = EntityQuery {
        filter: Some(json!({"n": {"lte": 42}})),
        ..EntityQuery::all("item")
    };
    let count = query_entities(&pool, &some).await.unwrap().count.unwrap();
    assert_eq!((count.value, count.exact), (42, true));
    let count = query_entities(&pool, &EntityQuery::all("item"))
        .await
        .unwrap()
        .count
        .unwrap();
    assert!(!count.exact && (10_001..20_000).contains(&count.value), "{count:?}");
}

#[tokio::test]
async fn only_the_fields_asked_for_come_back() {
    let pool = with_items().await;
    create(
        &pool,
        "item",
        json!({"n": 1, "title": "x", "more": {"a": {"b": 1, "c": 2}}}),
    )
    .await;
    let query = EntityQuery {
        fields: vec!["n".to_owned(), "more.a.b".to_owned(), "tags".to_owned()],
        ..EntityQuery::all("item")
    };
    let page = query_entities(&pool, &query).await.unwrap();
    assert_eq!(page.entities[0].data, json!({"n": 1, "more": {"a": {"b": 1}}}));
}

#[tokio::test]
async fn entities_about_a_place_in_code_are_found() {
    let pool = with_items().await;
    create(&pool, "item", json!({"n": 1, "at": "shop/src/cart.rs#L10-L20"})).await;
    create(&pool, "item", json!({"n": 2, "at": "shop/src"})).await;
    create(&pool, "item", json!({"n": 3, "at": "shop/src/cart.rs#Cart"})).await;
    create(&pool, "item", json!({"n": 4, "at": "shop/src/cart.rs.bak"})).await;
    let linked = create(&pool, "item", json!({"n": 5})).await;
    link(&pool, linked.id, "about", "shop/src/cart.rs#L15").await.unwrap();
    let about = |place: &str| found(&pool, json!({"$code": place}));
    assert_eq!(about("shop/src/cart.rs").await, [1, 2, 3, 5]);
    assert_eq!(about("shop/src/cart.rs#L18-L30").await, [1, 2, 3]);
    assert_eq!(about("shop/src/cart.rs#Cart").await, [3]);
    assert_eq!(about("shop#Cart").await, [3]);
    assert_eq!(about("shop/src").await, [1, 2, 3, 4, 5]);
    assert_eq!(about("other/src").await, Vec::<i64>::new());
    assert_eq!(LinkEnd::read("about", "shop/").unwrap_err().faults[0].pointer, "/to");
}

#[tokio::test]
async fn properties_of_older_versions_can_still_be_asked_for() {
    let pool = with_items().await;
    create(&pool, "item", json!({"n": 1, "title": "old"})).await;
    let mut definition = item_definition();
    definition["properties"].as_object_mut().unwrap().remove("title");
    register(&pool, "item", definition).await;
    assert_eq!(found(&pool, json!({"title": "old"})).await, [1]);
}
