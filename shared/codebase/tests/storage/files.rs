//! Files as a sync reads them back.

use chrono::DateTime;
use quarry_codebase::{
    CodebaseError, Fence, FileStamp, RefusedFile, TouchedFile, file_states, note_refused, refused_files, stored_files,
    touch_files, walk_key,
};
use sqlx::Row;

use crate::project_database::{file, project};

/// Names that sort differently bytewise than component by component.
const NAMES: [&str; 10] = ["a", "a-b", "a.b", "a b", "A", "ab", "é", "z", "_", "0"];

/// A small generator of numbers: the same sequence on every run.
fn numbers() -> impl Iterator<Item = usize> {
    let mut state: u64 = 0x2545_f491_4f6c_dd1d;
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % 1_000).ok()
    })
}

#[tokio::test]
async fn pages_come_in_the_order_of_a_walk() {
    let project = project().await;
    let mut random = numbers();
    let mut paths: Vec<String> = (0..700)
        .map(|_| {
            let depth = random.next().unwrap() % 4 + 1;
            let names: Vec<&str> = (0..depth)
                .map(|_| NAMES[random.next().unwrap() % NAMES.len()])
                .collect();
            format!("{}.rs", names.join("/"))
        })
        .collect();
    paths.sort();
    paths.dedup();
    project
        .publish(paths.iter().map(|path| file(path, &[])).collect(), &[])
        .await;

    let mut walked = paths.clone();
    walked.sort_by(|one, other| {
        one.split('/')
            .map(str::as_bytes)
            .cmp(other.split('/').map(str::as_bytes))
    });
    let mut by_key = paths;
    by_key.sort_by_key(|path| walk_key(path));
    assert_eq!(by_key, walked);
    let mut stored: Vec<String> = Vec::new();
    loop {
        let after = stored.last().map(String::as_str);
        let page = stored_files(&project.pool, project.repository, after, 64)
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        stored.extend(page.into_iter().map(|file| file.path));
    }
    assert_eq!(stored, walked);
}

fn stamp(micros: i64) -> FileStamp {
    FileStamp {
        size_bytes: 100,
        modified_at: DateTime::from_timestamp_micros(micros).unwrap(),
        change_time: DateTime::from_timestamp_micros(micros + 1).unwrap(),
        inode: -1,
    }
}

#[tokio::test]
async fn a_published_file_keeps_its_stamp_until_it_is_published_without_one() {
    let project = project().await;
    let mut one = file("one.rs", &["1"]);
    for expected in [Some(stamp(5)), Some(stamp(6)), None] {
        one.stamp = expected;
        project.publish(vec![one.clone()], &[]).await;
        let stored = stored_files(&project.pool, project.repository, None, 10).await.unwrap();
        assert_eq!(stored[0].stamp, expected);
    }
}

#[tokio::test]
async fn refused_files_are_remembered_until_they_are_forgotten() {
    let project = project().await;
    let (pool, fence, id) = (&project.pool, &project.fence, project.repository);
    let refused = |path: &str, reason: &str| RefusedFile {
        path: path.to_owned(),
        reason: reason.to_owned(),
        chunker_version: 1,
        stamp: stamp(7),
    };
    let given = [
        refused("a-b", "binary"),
        refused("a/b", "minified"),
        refused("c", "secret"),
    ];
    note_refused(pool, fence, id, &given, &[]).await.unwrap();
    let again = [refused("a-b", "generated")];
    note_refused(pool, fence, id, &again, &["c".to_owned()]).await.unwrap();
    let all = refused_files(pool, id, None, 10).await.unwrap();
    assert_eq!(all, [given[1].clone(), again[0].clone()], "in the order of a walk");
    assert_eq!(refused_files(pool, id, Some("a/b"), 10).await.unwrap(), again);

    let late = Fence {
        fence: fence.fence - 1,
        ..fence.clone()
    };
    let lost = note_refused(pool, &late, id, &given, &[]).await;
    assert!(matches!(lost, Err(CodebaseError::FenceLost { .. })), "{lost:?}");
    assert_eq!(project.count("refused_files").await, 2);
}

/// Also with the plan that a prepared statement gets after five executions, which knows none of the values.
#[tokio::test]
async fn a_page_is_read_from_its_index_without_sorting() {
    let project = project().await;
    let files = (0..3_000)
        .map(|number| file(&format!("{}/{number}.rs", number % 50), &[]))
        .collect();
    project.publish(files, &[]).await;
    sqlx::query("analyze codebase.files")
        .execute(&project.pool)
        .await
        .unwrap();
    let statement = include_str!("../../queries/stored_files.sql");
    let mut connection = project.pool.acquire().await.unwrap();
    for mode in ["force_generic_plan", "force_custom_plan"] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
            "set plan_cache_mode = {mode}; prepare page (uuid, text, bigint) as {statement}"
        )))
        .execute(&mut *connection)
        .await
        .unwrap();
        let explain = format!("explain execute page ('{}', '1', 500)", project.repository);
        let lines = sqlx::raw_sql(sqlx::AssertSqlSafe(explain))
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        let plan: Vec<String> = lines.iter().map(|line| line.get(0)).collect();
        let plan = plan.join("\n");
        assert!(plan.contains("Index Scan using files_in_walk_order"), "{mode}: {plan}");
        assert!(!plan.contains("Sort"), "{mode}: {plan}");
        sqlx::raw_sql("deallocate page")
            .execute(&mut *connection)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_touched_file_gets_its_new_stamp_only_while_its_content_is_the_indexed_one() {
    let project = project().await;
    let (one, two) = (file("one.rs", &["1"]), file("two.rs", &["2"]));
    let touched = |file: &quarry_codebase::NewFile, content_hash| TouchedFile {
        path: file.path.clone(),
        content_hash,
        stamp: stamp(1_700_000_000_000_001),
    };
    let given = [touched(&two, [0; 32]), touched(&one, one.content_hash)];
    project.publish(vec![one, two], &[]).await;
    let noted = touch_files(&project.pool, &project.fence, project.repository, &given)
        .await
        .unwrap();
    assert_eq!(noted, 1);
    let paths = ["one.rs", "two.rs", "three.rs"].map(str::to_owned);
    let states = file_states(&project.pool, project.repository, &paths).await.unwrap();
    assert_eq!(states["one.rs"].stamp, Some(given[1].stamp));
    assert_eq!(states["two.rs"].stamp, None);
    assert_eq!(states.len(), 2);
}
