//! What a claim and the look for the next due lane read, whatever the size of the table, the age of its statistics and
//! the dead rows that a transaction somewhere keeps from being cleared away. Counts, not times.

use crate::support::*;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row};

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
    let looking = format!("looking ({levels}, {hosts}, {kinds}, null, null, false, '-infinity')");
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
    const LANES: i32 = 20;
    const CYCLES: i32 = 150;
    let bench = Bench::new().await;
    let other = project(&bench.pool, "other").await;
    let mut pinning = bench.pool.begin().await.unwrap();
    run(
        &mut pinning,
        "set transaction isolation level repeatable read; select count(*) from jobs",
    )
    .await;
    for project in [bench.project, other] {
        sqlx::query(
            "insert into jobs (project_id, repository_id, kind, host, priority, dirty_generation)
             select $1, gen_random_uuid(), 'index_files', $2, 1, 1
             from generate_series(1, $3)",
        )
        .bind(project)
        .bind(HOST)
        .bind(LANES)
        .execute(&bench.pool)
        .await
        .unwrap();
    }
    // As often as lanes were asked for, claimed and settled.
    let cycles = format!(
        "do $$ begin
             for n in 1..{CYCLES} loop
                 update jobs set state = 'ready', run_at = clock_timestamp();
                 update jobs set state = 'idle';
             end loop;
         end $$"
    );
    sqlx::raw_sql(AssertSqlSafe(cycles)).execute(&bench.pool).await.unwrap();
    bench.save(&["a"]).await;
    // The statistics know of the few living rows: sorting what any index gives looks as cheap as reading in order.
    sqlx::query("analyze jobs").execute(&bench.pool).await.unwrap();

    let mut connection = bench.pool.acquire().await.unwrap();
    prepare(&mut connection, "force_generic_plan").await;
    let at = |id: u128| format!("array['{}'::uuid]", uuid::Uuid::from_u128(id));
    let served = bench.project.as_u128();
    let newest: String = sqlx::query_scalar("select max(run_at)::text from jobs where state = 'ready'")
        .fetch_one(&bench.pool)
        .await
        .unwrap();
    // One heap page per dead entry at most, and the index's own.
    for (since, most) in [("-infinity", f64::from(CYCLES * LANES) * 1.2), (newest.as_str(), 60.0)] {
        let claiming = format!(
            "claiming ({}, '{{1}}', '{{{HOST}}}', {}, {}, '{{index_files}}', null, null, 16, '{since}')",
            bench.worker.id,
            at(served - 1),
            at(served),
        );
        let plan = explain(&mut connection, &claiming).await;
        assert!(
            pages(&plan) <= most,
            "{} pages for {} dead rows since {since}: {plan:#}",
            pages(&plan),
            CYCLES * LANES
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

/// The statements inside the functions, as statements of the session's own: only those can be explained. With the settings
/// that the functions bring along, but for the choice between kept and fresh plans.
async fn prepare(connection: &mut PgConnection, mode: &str) {
    for (name, function) in [("claiming", "claim_lanes"), ("looking", "first_due")] {
        let (body, names, arguments, settings): (String, Vec<String>, String, Vec<String>) = sqlx::query_as(
            "select prosrc, proargnames, pg_get_function_arguments(oid), proconfig from pg_proc where proname = $1",
        )
        .bind(function)
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        let types: Vec<&str> = arguments
            .split(", ")
            .filter(|argument| !argument.starts_with("OUT "))
            .map(|argument| argument.split_once(' ').unwrap().1)
            .collect();
        let body = body.replace("return query", "").replace("into due_at, looked_at", "");
        let mut statement = body
            .trim()
            .trim_start_matches("begin")
            .trim_end_matches("end")
            .to_owned();
        for (n, name) in names.iter().take(types.len()).enumerate() {
            statement = replace_word(&statement, name, &format!("${}", n + 1));
        }
        for setting in settings
            .iter()
            .filter(|setting| !setting.starts_with("plan_cache_mode"))
        {
            run(connection, &format!("set {setting}")).await;
        }
        let types = types.join(", ");
        let prepare = format!("set plan_cache_mode = {mode}; prepare {name} ({types}) as {statement}");
        run(connection, &prepare).await;
    }
}

fn replace_word(text: &str, word: &str, by: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let stands_alone = !before.ends_with(is_part) && !after.starts_with(is_part);
        replaced.push_str(before);
        replaced.push_str(if stands_alone { by } else { word });
        rest = after;
    }
    replaced + rest
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
