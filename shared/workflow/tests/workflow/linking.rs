use std::collections::{BTreeMap, BTreeSet};

use quarry_workflow::{EntityQuery, WorkflowError, explain_readiness, links_of, ready_work, register_template};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::project_database::{create, link, numbers, project_database, unlink, update, with_items};

#[tokio::test]
async fn work_is_ready_when_nothing_open_stands_before_it() {
    let pool = project_database().await;
    register_template(&pool, "task", "test").await.unwrap();
    let task = async |title: &str| create(&pool, "task", json!({"title": title, "status": "pending"})).await;
    let (first, second, part) = (task("first").await, task("second").await, task("part").await);
    link(&pool, first.id, "blocks", second.id).await.unwrap();
    link(&pool, second.id, "parent_of", part.id).await.unwrap();
    assert_eq!(ready(&pool).await, ["first"]);

    let why = explain_readiness(&pool, part.id).await.unwrap();
    assert!(!why.ready);
    assert_eq!(
        why.reasons,
        [format!(
            "it is a part of {}, which {} (first) blocks",
            second.id, first.id
        )]
    );
    assert_eq!(why.blockers[0].id, first.id);
    let done = update(&pool, &first, json!({"status": "completed"})).await.unwrap();
    assert_eq!(ready(&pool).await, ["second", "part"]);
    assert!(explain_readiness(&pool, part.id).await.unwrap().ready);
    let why = explain_readiness(&pool, done.id).await.unwrap();
    assert_eq!(why.reasons, ["its status says that it is done"]);
    update(&pool, &part, json!({"status": "blocked"})).await.unwrap();
    let why = explain_readiness(&pool, part.id).await.unwrap();
    assert_eq!(why.reasons, ["its status is none of pending"]);
}

#[tokio::test]
async fn links_are_made_once_and_listed_from_both_ends() {
    let pool = with_items().await;
    let (a, b) = (
        create(&pool, "item", json!({"n": 1})).await,
        create(&pool, "item", json!({"n": 2})).await,
    );
    assert!(link(&pool, a.id, "relates_to", b.id).await.unwrap());
    assert!(!link(&pool, a.id, "relates_to", b.id).await.unwrap());
    // What does not make wait may go both ways.
    assert!(link(&pool, b.id, "relates_to", a.id).await.unwrap());
    assert_eq!(links_of(&pool, a.id).await.unwrap().len(), 2);
    assert!(unlink(&pool, a.id, "relates_to", b.id).await.unwrap());
    assert!(!unlink(&pool, a.id, "relates_to", b.id).await.unwrap());
    let nobody = link(&pool, a.id, "blocks", Uuid::nil()).await;
    assert!(matches!(nobody, Err(WorkflowError::UnknownEntity { .. })));
}

#[tokio::test]
async fn a_circle_over_both_kinds_is_refused_with_the_way_round() {
    let pool = with_items().await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(create(&pool, "item", json!({"n": n})).await.id);
    }
    link(&pool, ids[0], "blocks", ids[1]).await.unwrap();
    link(&pool, ids[1], "parent_of", ids[2]).await.unwrap();
    link(&pool, ids[2], "blocks", ids[3]).await.unwrap();
    for kind in ["blocks", "parent_of"] {
        let Err(WorkflowError::Circle { circle }) = link(&pool, ids[3], kind, ids[0]).await else {
            panic!()
        };
        assert_eq!(circle, ids);
    }
    let itself = link(&pool, ids[0], "blocks", ids[0]).await;
    assert!(matches!(itself, Err(WorkflowError::Circle { .. })));
}

#[tokio::test]
async fn two_links_at_once_never_close_a_circle() {
    let pool = with_items().await;
    for n in 0..20 {
        let (a, b) = (
            create(&pool, "item", json!({"n": n})).await.id,
            create(&pool, "item", json!({"n": n})).await.id,
        );
        let (one, other) = tokio::join!(link(&pool, a, "blocks", b), link(&pool, b, "parent_of", a));
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    }
}

/// 1 000 random graphs of ten entities each, against the definition written out.
#[tokio::test]
#[allow(clippy::cast_possible_truncation)] // ten thousand entities at most
async fn ready_work_equals_a_brute_force_oracle() {
    const GRAPHS: u64 = 1_000;
    const NODES: u64 = 10;
    let pool = with_items().await;
    let mut random = Random(20_261_127);
    let (mut ids, mut data, mut states, mut deleted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut from, mut kinds, mut to) = (Vec::new(), Vec::new(), Vec::new());
    let mut expected = BTreeSet::new();
    for graph in 0..GRAPHS {
        let mut status = Vec::new();
        for node in 0..NODES {
            let n = graph * NODES + node;
            let state = ["ready", "ready", "busy", "done"][random.below(4)];
            ids.push(Uuid::from_u128(u128::from(n) + 1));
            data.push(json!({"n": n}));
            states.push(state);
            deleted.push(random.below(8) == 0);
            status.push(state);
        }
        let mut blocks: BTreeSet<(u64, u64)> = BTreeSet::new();
        let mut parents: BTreeSet<(u64, u64)> = BTreeSet::new();
        for _ in 0..random.below(14) {
            // From lower to higher numbers: no circles.
            let (a, b) = (random.below(10) as u64, random.below(10) as u64);
            if a < b {
                if random.below(2) == 0 {
                    blocks.insert((a, b))
                } else {
                    parents.insert((a, b))
                };
            }
        }
        let at = |node: u64| (graph * NODES + node) as usize;
        for (kind, links) in [("blocks", &blocks), ("parent_of", &parents)] {
            for (a, b) in links {
                from.push(ids[at(*a)]);
                kinds.push(kind);
                to.push(ids[at(*b)]);
            }
        }
        for node in 0..NODES {
            let mut above = BTreeSet::from([node]);
            loop {
                let more: Vec<u64> = parents
                    .iter()
                    .filter(|(parent, child)| above.contains(child) && !deleted[at(*parent)] && !above.contains(parent))
                    .map(|(parent, _)| *parent)
                    .collect();
                if more.is_empty() {
                    break;
                }
                above.extend(more);
            }
            let is_open = |blocker: u64| status[blocker as usize] != "done" && !deleted[at(blocker)];
            let is_blocked = blocks
                .iter()
                .any(|(blocker, blocked)| above.contains(blocked) && is_open(*blocker));
            if status[node as usize] == "ready" && !deleted[at(node)] && !is_blocked {
                expected.insert((graph * NODES + node) as i64);
            }
        }
    }
    sqlx::query(
        "insert into workflow.entities (id, schema_name, schema_version, data, work_state, deleted_at)
         select id, 'item', 1, data, state, case when deleted then now() end
         from unnest($1::uuid[], $2::jsonb[], $3::text[], $4::boolean[]) as given (id, data, state, deleted)",
    )
    .bind(&ids)
    .bind(&data)
    .bind(&states)
    .bind(&deleted)
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query(
        "insert into workflow.entity_links (from_id, kind, to_id, created_by)
         select *, 'test' from unnest($1::uuid[], $2::text[], $3::uuid[])",
    )
    .bind(&from)
    .bind(&kinds)
    .bind(&to)
    .execute(&pool)
    .await
    .unwrap();
    sqlx::raw_sql("analyze").execute(&pool).await.unwrap();
    let mut query = EntityQuery {
        limit: 200,
        ..EntityQuery::all("item")
    };
    let mut found = BTreeSet::new();
    loop {
        let page = ready_work(&pool, &query).await.unwrap();
        found.extend(numbers(&page));
        match page.next_cursor {
            Some(cursor) => query.cursor = Some(cursor),
            None => break,
        }
    }
    assert!(expected.len() > 1_000);
    assert_eq!(found, expected);
    // What is not ready has a reason, what is ready has none.
    let by_number: BTreeMap<i64, Uuid> = (0..).zip(ids).collect();
    for n in 0..200 {
        let why = explain_readiness(&pool, by_number[&n]).await.unwrap();
        // The oracle's states are not in the documents: of these only links and deletion are told.
        if states[n as usize] == "ready" {
            assert_eq!(why.ready, expected.contains(&n), "{n}: {why:?}");
        }
        assert_eq!(why.ready, why.reasons.is_empty());
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

async fn ready(pool: &PgPool) -> Vec<String> {
    let page = ready_work(pool, &EntityQuery::all("task")).await.unwrap();
    let title = |entity: &quarry_workflow::Entity| entity.data["title"].as_str().unwrap().to_owned();
    page.entities.iter().map(title).collect()
}
