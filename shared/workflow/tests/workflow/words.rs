//! Queries by words, which many or few entities say.

use quarry_workflow::{EntityQuery, explain_query, partition_entities, query_entities};
use serde_json::json;
use sqlx::PgPool;

use crate::project_database::{declare, found, numbers, store_items, with_items};

/// All say the same words, but for their numbers and one in `every`, which says `word` too.
async fn with_words(count: i32, every: i32) -> PgPool {
    let pool = with_items().await;
    store_items(&pool, count).await;
    sqlx::query(
        "insert into workflow.entity_texts (entity_id, terms, counts, length, text_hash)
         select id, array['item', data ->> 'n'] || array_remove(array[case when (data ->> 'n')::int % $1 = 0 then 'word' end], null),
             '{1,1,1}', 3, 'x'
         from workflow.entities",
    )
    .bind(every)
    .execute(&pool)
    .await
    .unwrap();
    declare(&pool, &["n"]).await;
    sqlx::raw_sql("analyze workflow.entities, workflow.entity_texts")
        .execute(&pool)
        .await
        .unwrap();
    pool
}

#[tokio::test]
async fn rare_words_are_looked_up_before_entities_are_walked() {
    let pool = with_words(20_000, 4).await;
    for partitions in [0, 4] {
        if partitions > 0 {
            partition_entities(&pool, partitions).await.unwrap();
        }
        for sort in [vec![], vec!["-n".to_owned()], vec!["$id".to_owned()]] {
            for filter in [
                json!({"$text": "item 77"}),
                json!({"$text": "item 77", "status": "done", "$version": 1}),
                json!({"or": [{"$text": "77"}, {"and": [{"$text": "item"}, {"$text": "77"}]}]}),
            ] {
                let query = EntityQuery {
                    filter: Some(filter.clone()),
                    sort: sort.clone(),
                    ..EntityQuery::all("item")
                };
                let plan = explain_query(&pool, &query).await.unwrap();
                let place = format!("{partitions} partitions, {filter} {sort:?}: {plan}");
                assert!(plan.contains("Index Cond: (id = ANY"), "{place}");
                // Who changed in between may not say it any more: the words themselves are asked for too.
                assert!(plan.contains("terms @> "), "{place}");
                assert!(!plan.contains("Seq Scan"), "{place}");
                let page = query_entities(&pool, &query).await.unwrap();
                assert_eq!((numbers(&page), page.count.unwrap().value), (vec![77], 1), "{place}");
            }
        }
    }
    // What many say is met on a walk soon, and a list of them would be long. No list helps to find who says it not.
    for (filter, count) in [
        (json!({"$text": "word"}), 5_000),
        (json!({"not": {"$text": "77"}, "n": {"lt": 100}}), 98),
    ] {
        let query = EntityQuery {
            filter: Some(filter),
            ..EntityQuery::all("item")
        };
        let plan = explain_query(&pool, &query).await.unwrap();
        assert!(!plan.contains("(id = ANY"), "{plan}");
        let page = query_entities(&pool, &query).await.unwrap();
        assert_eq!(page.count.unwrap().value, count);
    }
}

#[tokio::test]
async fn words_select_the_same_however_many_say_them() {
    let pool = with_words(4_100, 2).await;
    let word = json!({"$text": "word"});
    let few = json!({"$text": "12"});
    for (filter, expected) in [
        (json!({"and": [word, {"n": {"lte": 8}}]}), vec![2, 4, 6, 8]),
        (json!({"and": [word, few]}), vec![12]),
        (json!({"or": [few, {"n": 3}]}), vec![3, 12]),
        (json!({"not": few, "n": {"gt": 10, "lt": 15}}), vec![11, 13, 14]),
        (json!({"not": word, "n": {"lt": 6}}), vec![1, 3, 5]),
        (json!({"$text": "item nobody"}), vec![]),
    ] {
        assert_eq!(found(&pool, filter.clone()).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn pages_of_a_rare_word_follow_without_gap() {
    let pool = with_words(3_000, 30).await;
    for sort in [vec![], vec!["-n"], vec!["status", "-n"], vec!["-$updated_at"]] {
        let mut query = EntityQuery {
            filter: Some(json!({"$text": "word"})),
            sort: sort.iter().map(|&name| name.to_owned()).collect(),
            limit: 7,
            ..EntityQuery::all("item")
        };
        let mut walked = Vec::new();
        loop {
            let page = query_entities(&pool, &query).await.unwrap();
            walked.extend(numbers(&page));
            query.cursor = page.next_cursor;
            if query.cursor.is_none() {
                break;
            }
        }
        if sort != ["status", "-n"] {
            let descends = sort == ["-n"];
            assert!(
                walked.is_sorted_by_key(|n| if descends { -n } else { *n }),
                "{sort:?}: {walked:?}"
            );
        }
        walked.sort_unstable();
        let all: Vec<i64> = (1..=100).map(|n| n * 30).collect();
        assert_eq!(walked, all, "{sort:?}");
    }
}
