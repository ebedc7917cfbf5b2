//! The claim reads exactly the rows it takes, whatever the size of the table and the age of its statistics.

use crate::support::*;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};

const CLAIM: &str = include_str!("../../src/queries/claim.sql");

#[tokio::test]
async fn the_claim_is_an_index_scan_without_sort_at_every_size() {
    let bench = Bench::new().await;
    check(&bench, "empty").await;
    for (size, more) in [("1 k", 1_000), ("100 k", 99_000)] {
        sqlx::query(
            "insert into jobs (project_id, repository_id, kind, host, state, priority, run_at)
             select $1, gen_random_uuid(), 'index_files', case when n % 3 = 0 then '' else $2 end, 'ready',
                 (array[1, 3, 5, 7])[1 + n % 4], clock_timestamp() + (n % 7 - 5) * interval '1 hour'
             from generate_series(1, $3) as n",
        )
        .bind(bench.project)
        .bind(HOST)
        .bind(more)
        .execute(&bench.pool)
        .await
        .unwrap();
        check(&bench, &format!("{size}, stale statistics")).await;
        sqlx::query("analyze jobs").execute(&bench.pool).await.unwrap();
        check(&bench, &format!("{size}, fresh statistics")).await;
    }
}

/// The generic plan, which a long-lived prepared statement ends up with, and the plan for these values.
async fn check(bench: &Bench, situation: &str) {
    for (mode, host) in [
        ("force_generic_plan", HOST),
        ("force_custom_plan", HOST),
        ("force_custom_plan", "server"),
    ] {
        let mut transaction = bench.pool.begin().await.unwrap();
        let setup = format!(
            "set local plan_cache_mode = {mode};
             prepare claiming (bigint, smallint[], text[], text[], uuid[], bigint) as {CLAIM};"
        );
        sqlx::raw_sql(AssertSqlSafe(setup))
            .execute(&mut *transaction)
            .await
            .unwrap();
        let explain = format!(
            "explain (analyze, format json)
             execute claiming ({}, '{{1,1,3,3,5,5,7,7}}', '{{{host},\"\",{host},\"\",{host},\"\",{host},\"\"}}',
                 '{{sync_repository,index_files}}', null, 16)",
            bench.worker.id
        );
        let row = sqlx::raw_sql(AssertSqlSafe(explain))
            .fetch_one(&mut *transaction)
            .await
            .unwrap();
        let plan: Value = row.get(0);
        sqlx::raw_sql("rollback; deallocate claiming; begin")
            .execute(&mut *transaction)
            .await
            .unwrap();
        transaction.rollback().await.unwrap();

        let mut nodes = vec![];
        collect(&plan[0]["Plan"], &mut nodes);
        let described = serde_json::to_string_pretty(&plan).unwrap();
        assert!(
            !nodes.iter().any(|node| text(node, "Node Type").contains("Sort")),
            "{situation}, {mode}: {described}"
        );
        let scans: Vec<_> = nodes.iter().filter(|node| text(node, "Alias") == "lane").collect();
        assert_eq!(scans.len(), 1, "{situation}: {described}");
        assert_eq!(
            text(scans[0], "Node Type"),
            "Index Scan",
            "{situation}, {mode}, {host}: {described}"
        );
        assert_eq!(text(scans[0], "Index Name"), "jobs_claimable");
        let removed = scans[0]["Rows Removed by Filter"].as_f64().unwrap_or(0.0);
        assert!(
            removed == 0.0,
            "{situation}: it reads what it does not take: {described}"
        );
    }
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
