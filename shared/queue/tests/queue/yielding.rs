//! Whom a long run lets in.

use crate::support::*;
use quarry_queue::*;
use uuid::Uuid;

/// A claimed lane that a sync filled.
async fn loading(bench: &Bench) -> Claim {
    bench.sync().await;
    let sync = bench.claim().await;
    let files = in_shard(1, 3);
    mark_dirty_from_sync(&bench.pool, &sync, &files, Priority::Bulk)
        .await
        .unwrap();
    bench.settle(&sync, Outcome::Succeeded).await;
    bench.claim().await
}

async fn waiting(bench: &Bench, claim: &Claim) -> Waiting {
    // What is due for less than a moment is left to idle workers.
    sqlx::query("update jobs set run_at = run_at - interval '1 second' where state = 'ready'")
        .execute(&bench.pool)
        .await
        .unwrap();
    who_waits(&bench.pool, claim, &ClaimFilter::everything(HOST))
        .await
        .unwrap()
}

async fn save_in(bench: &Bench, project: Uuid, host: &str, files: usize) {
    let names: Vec<String> = (0..files).map(|n| format!("saved_{n}")).collect();
    let repository = Uuid::now_v7();
    mark_dirty(
        &bench.pool,
        project,
        repository,
        Some(host),
        &names,
        Debounce::NONE,
        "test",
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn a_load_gives_way_to_a_save_and_takes_turns_with_the_load_of_another_project() {
    let bench = Bench::new().await;
    let other = project(&bench.pool, "other").await;
    let load = loading(&bench).await;
    assert_eq!(waiting(&bench, &load).await, Waiting::Nobody);
    save_in(&bench, bench.project, HOST, SAVED_BY_HAND_LIMIT + 1).await;
    assert_eq!(waiting(&bench, &load).await, Waiting::Nobody, "its own project's bulk");
    save_in(&bench, other, "elsewhere", 1).await;
    assert_eq!(
        waiting(&bench, &load).await,
        Waiting::Nobody,
        "out of this worker's reach"
    );
    save_in(&bench, other, HOST, SAVED_BY_HAND_LIMIT + 1).await;
    assert_eq!(waiting(&bench, &load).await, Waiting::Equal);
    save_in(&bench, bench.project, HOST, 1).await;
    assert_eq!(waiting(&bench, &load).await, Waiting::Urgent);
}

#[tokio::test]
async fn nobody_gives_way_to_what_is_due_later() {
    let bench = Bench::new().await;
    let load = loading(&bench).await;
    save_in(&bench, bench.project, HOST, 1).await;
    sqlx::query("update jobs set run_at = clock_timestamp() + interval '1 hour' where state = 'ready'")
        .execute(&bench.pool)
        .await
        .unwrap();
    assert_eq!(waiting(&bench, &load).await, Waiting::Nobody);
}

#[tokio::test]
async fn a_save_in_the_lane_that_is_loaded_comes_first_in_its_next_run() {
    let bench = Bench::new().await;
    let load = loading(&bench).await;
    let saved = in_shard(1, 4).pop().unwrap();
    bench.save(&[&saved]).await;
    assert_eq!(waiting(&bench, &load).await, Waiting::Urgent);
    let counts = serde_json::json!({});
    settle(
        &bench.pool,
        &load,
        &[],
        Outcome::HandedBack,
        counts,
        FollowUp::default(),
    )
    .await
    .unwrap();
    let again = bench.claim().await;
    let first = saved_files(&bench.pool, &again, None, 10).await.unwrap();
    assert_eq!(first.iter().map(|file| &file.path).collect::<Vec<_>>(), [&saved]);
    assert_eq!(dirty_files(&bench.pool, &again, None, 10).await.unwrap().len(), 4);
    assert_eq!(waiting(&bench, &again).await, Waiting::Nobody);
}
