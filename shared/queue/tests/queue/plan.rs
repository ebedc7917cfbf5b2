//! What a claim and the look for the next due lane read, whatever the size of the table, the age of its statistics and
//! the dead rows that a transaction somewhere keeps from being cleared away. Counts, not times.

use crate::support::*;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row};

const CLAIM: &str = include_str!("../../src/queries/claim.sql");
const FIRST_READY: &str = include_str!("../../src/queries/first_ready.sql");

/// What any claim of 16 lanes may read of the table and its indexes, in pages: to each lane a few levels of each index,
/// once to find and once to write it.
const PAGES_PER_CLAIM: f64 = 500.0;

#[tokio::test]
async fn the_claim_is_an_index_scan_without_sort_at_every_size() {
    let bench = Bench::new().await;
    for n in 0..20 {
        project(&bench.pool, &format!("other_{n}")).await;
    }
    // Prepared once and kept, like those of a worker that has run since the table was empty.
    let mut old = bench.pool.acquire().await.unwrap();
    prepare(&mut old, "force_generic_plan").await;
    check(&bench, &mut old, "empty").await;
    let growth: &[(&str, i32)] = if long() {
        &[("1 k", 1_000), ("50 k", 49_000), ("1 M", 950_000)]
    } else {
        &[("1 k", 1_000), ("50 k", 49_000)]
    };
    for (size, more) in growth {
        sqlx::query(
            "with project as (
                 select id, row_number() over (order by id) as position
                 from projects
             )
             insert into jobs (project_id, repository_id, kind, host, state, priority, run_at)
             select project.id, gen_random_uuid(), 'index_files', case when n % 3 = 0 then '' else $1 end, 'ready',
                 (array[1, 3, 5, 7])[1 + n % 4], clock_timestamp() + (n % 7 - 5) * interval '1 hour'
             from generate_series(1, $2) as n
             -- Half of them in one project.
             join project on project.position = case when n % 2 = 0 then 1 else 1 + n % 21 end",
        )
        .bind(HOST)
        .bind(more)
        .execute(&bench.pool)
        .await
        .unwrap();
        check(&bench, &mut old, &format!("{size}, stale statistics")).await;
        sqlx::query("analyze jobs").execute(&bench.pool).await.unwrap();
        check(&bench, &mut old, &format!("{size}, fresh statistics")).await;
    }
}

/// With the plan that a long-lived prepared statement has, and with plans for these values.
async fn check(bench: &Bench, old: &mut PgConnection, situation: &str) {
    for host in [HOST, "server"] {
        inspect(old, bench, &format!("{situation}, kept plan"), host).await;
    }
    for mode in ["force_generic_plan", "force_custom_plan"] {
        let mut fresh = bench.pool.acquire().await.unwrap();
        prepare(&mut fresh, mode).await;
        for host in [HOST, "server"] {
            inspect(&mut fresh, bench, &format!("{situation}, {mode}"), host).await;
        }
        run(&mut fresh, "deallocate claiming; deallocate looking").await;
    }
}

async fn inspect(connection: &mut PgConnection, bench: &Bench, situation: &str, host: &str) {
    let levels = "'{1,1,3,3,5,5,7,7}'";
    let hosts = format!(r#"'{{{host},"",{host},"",{host},"",{host},""}}'"#);
    let kinds = "'{sync_repository,index_files}'";
    let bound = |n: u128| format!("array_fill('{}'::uuid, array[8])", uuid::Uuid::from_u128(n));
    let (after, through) = (bound(0), bound(u128::MAX));
    let claiming = format!(
        "claiming ({}, {levels}, {hosts}, {after}, {through}, {kinds}, null, null, 16, '-infinity')",
        bench.worker.id
    );
    let looking = format!("looking ({levels}, {hosts}, {kinds}, null, null, false)");
    for (statement, scans) in [(claiming, 3), (looking, 2)] {
        let plan = explain(connection, &statement).await;
        let mut nodes = vec![];
        collect(&plan["Plan"], &mut nodes);
        let described = format!("{situation}: {statement}: {plan:#}");
        assert!(
            !nodes.iter().any(|node| text(node, "Node Type").contains("Sort")),
            "{described}"
        );
        let lanes: Vec<_> = nodes
            .iter()
            .filter(|node| text(node, "Alias").starts_with("lane"))
            .collect();
        assert_eq!(lanes.len(), scans, "{described}");
        for lane in lanes {
            assert!(
                ["Index Scan", "Index Only Scan"].contains(&text(lane, "Node Type")),
                "{described}"
            );
            assert_eq!(text(lane, "Index Name"), "jobs_claimable", "{described}");
            let removed = lane["Rows Removed by Filter"].as_f64().unwrap_or(0.0);
            assert!(removed == 0.0, "it reads what it does not take: {described}");
        }
        assert!(pages(&plan) <= PAGES_PER_CLAIM, "{} pages: {described}", pages(&plan));
    }
}

/// A transaction elsewhere that stays open keeps every row version there ever was. A claim that looks from the beginning
/// passes the dead entries of the project it serves, but only those, and only once; one that knows since when lanes wait
/// passes none.
#[tokio::test]
async fn with_xmin_pinned_a_claim_passes_each_dead_row_once_and_those_before_its_floor_never() {
    const CYCLES: i32 = 3_000;
    let bench = Bench::new().await;
    let other = project(&bench.pool, "other").await;
    let mut pinning = bench.pool.begin().await.unwrap();
    run(
        &mut pinning,
        "set transaction isolation level repeatable read; select count(*) from jobs",
    )
    .await;
    // As often as lanes were asked for, claimed and settled.
    for project in [bench.project, other] {
        sqlx::query(
            "insert into jobs (project_id, repository_id, kind, host, state, priority, dirty_generation)
             select $1, gen_random_uuid(), 'index_files', $2, 'ready', 1, 1
             from generate_series(1, $3)",
        )
        .bind(project)
        .bind(HOST)
        .bind(CYCLES)
        .execute(&bench.pool)
        .await
        .unwrap();
    }
    sqlx::query("update jobs set state = 'idle'")
        .execute(&bench.pool)
        .await
        .unwrap();
    bench.save(&["a"]).await;

    let mut connection = bench.pool.acquire().await.unwrap();
    prepare(&mut connection, "force_generic_plan").await;
    let at = |id: u128| format!("array['{}'::uuid]", uuid::Uuid::from_u128(id));
    let served = bench.project.as_u128();
    let newest: String = sqlx::query_scalar("select max(run_at)::text from jobs where state = 'ready'")
        .fetch_one(&bench.pool)
        .await
        .unwrap();
    // One heap page per dead entry at most, and the index's own.
    for (since, most) in [("-infinity", f64::from(CYCLES) * 1.2), (newest.as_str(), 60.0)] {
        let claiming = format!(
            "claiming ({}, '{{1}}', '{{{HOST}}}', {}, {}, '{{index_files}}', null, null, 16, '{since}')",
            bench.worker.id,
            at(served - 1),
            at(served),
        );
        let plan = explain(&mut connection, &claiming).await;
        assert!(
            pages(&plan) <= most,
            "{} pages for {CYCLES} dead rows since {since}: {plan:#}",
            pages(&plan)
        );
        let mut nodes = vec![];
        collect(&plan["Plan"], &mut nodes);
        let claimed = nodes
            .iter()
            .any(|node| text(node, "Node Type") == "Tid Scan" && node["Actual Rows"] == 1.0);
        assert!(claimed, "{plan:#}");
    }
    pinning.rollback().await.unwrap();
}

async fn prepare(connection: &mut PgConnection, mode: &str) {
    let setup = format!(
        "set plan_cache_mode = {mode};
         prepare claiming (bigint, smallint[], text[], uuid[], uuid[], text[], uuid[], integer, bigint, timestamptz) as {CLAIM};
         prepare looking (smallint[], text[], text[], uuid[], integer, boolean) as {FIRST_READY};"
    );
    run(connection, &setup).await;
}

async fn explain(connection: &mut PgConnection, statement: &str) -> Value {
    let explain = format!("begin; explain (analyze, buffers, format json) execute {statement}");
    let row = sqlx::raw_sql(AssertSqlSafe(explain))
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    run(connection, "rollback").await;
    let plan: Value = row.get(0);
    plan[0].clone()
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap();
}

fn pages(plan: &Value) -> f64 {
    ["Shared Hit Blocks", "Shared Read Blocks"]
        .iter()
        .map(|key| plan["Plan"][key].as_f64().unwrap())
        .sum()
}

fn collect<'a>(node: &'a Value, nodes: &mut Vec<&'a Value>) {
    nodes.push(node);
    for child in node["Plans"].as_array().into_iter().flatten() {
        collect(child, nodes);
    }
}

fn text<'a>(node: &'a Value, key: &str) -> &'a str {
    node[key].as_str().unwrap_or_default()
}
