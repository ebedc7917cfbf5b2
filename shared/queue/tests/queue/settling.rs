use crate::support::*;
use quarry_queue::*;
use serde_json::json;
use std::time::Instant;

#[tokio::test]
async fn only_processed_revisions_are_deleted() {
    let bench = Bench::new().await;
    let names = in_shard(1, 3);
    let save = |paths: Vec<String>| {
        let (pool, project, repository) = (bench.pool.clone(), bench.project, bench.repository);
        async move {
            mark_dirty(&pool, project, repository, None, &paths, Debounce::NONE, "test")
                .await
                .unwrap()
        }
    };
    save(names.clone()).await;
    let claim = bench.claim().await;
    let read = dirty_files(&bench.pool, &claim, None, 10).await.unwrap();
    assert_eq!(read.len(), 3);
    // Saved while it is being indexed: the old revision must not take the new one with it.
    let late = save(names[1..2].to_vec()).await;
    assert!(drop_dirty(&bench.pool, &claim, &read[..2]).await.unwrap());
    assert_eq!(dirty_files(&bench.pool, &claim, None, 10).await.unwrap().len(), 2);
    let settled = settle(
        &bench.pool,
        &claim,
        &read,
        Outcome::Succeeded,
        json!({}),
        FollowUp::default(),
    )
    .await
    .unwrap();
    assert_eq!(settled, Settled::AgainReady);
    let again = bench.claim().await;
    let left = dirty_files(&bench.pool, &again, None, 10).await.unwrap();
    assert_eq!(left.iter().map(|file| &file.path).collect::<Vec<_>>(), [&names[1]]);
    assert_eq!(bench.state(late).await, TicketState::Running);
    assert_eq!(bench.settle(&again, Outcome::Succeeded).await, Settled::Done);
    assert_eq!(bench.state(late).await, TicketState::Done);
    assert_eq!(bench.column("select count(*) from dirty_files").await, 0);
}

#[tokio::test]
async fn dirty_files_come_page_by_page_in_the_order_of_their_bytes() {
    let bench = Bench::new().await;
    let mut names = in_shard(2, 25);
    mark_dirty(
        &bench.pool,
        bench.project,
        bench.repository,
        None,
        &names,
        Debounce::NONE,
        "test",
    )
    .await
    .unwrap();
    let claim = bench.claim().await;
    let mut read: Vec<String> = vec![];
    loop {
        let page = dirty_files(&bench.pool, &claim, read.last().map(String::as_str), 10)
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        read.extend(page.into_iter().map(|file| file.path));
    }
    names.sort();
    assert_eq!(read, names);
}

#[tokio::test]
async fn a_failing_job_backs_off_and_parks_and_asking_anew_brings_it_back() {
    let bench = Bench::new().await;
    let ticket = bench.sync().await;
    for attempt in 1..=5 {
        bench.make_all_due().await;
        let claim = bench.claim().await;
        assert_eq!(claim.attempt, attempt);
        let settled = bench.settle(&claim, Outcome::failed("the endpoint is away")).await;
        if attempt < 5 {
            let Settled::Retrying { at } = settled else {
                panic!("{settled:?}")
            };
            let pause = (at - chrono::Utc::now()).num_milliseconds();
            let longest = 1_000 << (attempt - 1);
            assert!(
                (longest / 2 - 500..=longest + 500).contains(&pause),
                "attempt {attempt}: {pause} ms"
            );
            assert!(bench.claims().await.is_empty(), "it pauses");
        } else {
            assert_eq!(settled, Settled::Parked);
        }
    }
    let status = ticket_status(&bench.pool, ticket.id).await.unwrap();
    assert_eq!(
        (status.state, status.error.as_deref()),
        (TicketState::Failed, Some("the endpoint is away"))
    );
    bench.make_all_due().await;
    assert!(bench.claims().await.is_empty());

    assert!(!bench.sync().await.deduplicated);
    let claim = bench.claim().await;
    assert_eq!(claim.attempt, 1);
    bench.settle(&claim, Outcome::Succeeded).await;
    assert_eq!(bench.state(ticket).await, TicketState::Done);
    assert_eq!(
        bench
            .column("select count(*) from jobs where last_error is not null")
            .await,
        0
    );
}

#[tokio::test]
async fn a_save_does_not_shorten_the_pause_of_a_failing_lane_but_a_request_does() {
    let bench = Bench::new().await;
    bench.save(&["a"]).await;
    let claim = bench.claim().await;
    bench.settle(&claim, Outcome::failed("no")).await;
    mark_dirty(
        &bench.pool,
        bench.project,
        bench.repository,
        Some(HOST),
        &paths(&["a"]),
        Debounce::default(),
        "test",
    )
    .await
    .unwrap();
    assert!(bench.claims().await.is_empty());
    bench.save(&["a"]).await;
    assert_eq!(bench.claim().await.attempt, 2);
}

#[tokio::test]
async fn handing_back_keeps_the_rest_and_counts_no_attempt() {
    let bench = Bench::new().await;
    let names = in_shard(0, 4);
    let ticket = mark_dirty(
        &bench.pool,
        bench.project,
        bench.repository,
        None,
        &names,
        Debounce::NONE,
        "test",
    )
    .await
    .unwrap();
    let claim = bench.claim().await;
    let page = dirty_files(&bench.pool, &claim, None, 2).await.unwrap();
    let settled = settle(
        &bench.pool,
        &claim,
        &page,
        Outcome::HandedBack,
        json!({}),
        FollowUp::default(),
    )
    .await
    .unwrap();
    assert_eq!(settled, Settled::AgainReady);
    assert_eq!(bench.state(ticket).await, TicketState::Waiting);
    let again = bench.claim().await;
    assert_eq!(
        (
            again.attempt,
            dirty_files(&bench.pool, &again, None, 10).await.unwrap().len()
        ),
        (1, 2)
    );
}

#[tokio::test]
async fn every_run_is_in_the_history_and_old_ones_are_pruned() {
    let bench = Bench::new().await;
    let ticket = bench.sync().await;
    let claim = bench.claim().await;
    let mut pace = ReportPace::default();
    assert!(pace.due(Instant::now()));
    report_progress(&bench.pool, &claim, "walk", 10, Some(40))
        .await
        .unwrap();
    let status = ticket_status(&bench.pool, ticket.id).await.unwrap();
    assert_eq!(status.open_lanes[0].progress.as_ref().unwrap().stage, "walk");
    let counts = json!({"files": 40});
    settle(
        &bench.pool,
        &claim,
        &[],
        Outcome::Succeeded,
        counts.clone(),
        FollowUp::default(),
    )
    .await
    .unwrap();
    let (entry, runs) = job_show(&bench.pool, claim.job_id).await.unwrap();
    assert_eq!(
        (entry.state.as_str(), entry.project_name.as_str(), entry.progress),
        ("idle", "tested", None)
    );
    assert_eq!(
        (
            runs.len(),
            runs[0].outcome.as_str(),
            &runs[0].counts,
            runs[0].host.as_str()
        ),
        (1, "succeeded", &counts, HOST)
    );

    assert_eq!(prune(&bench.pool, KEEP_TICKETS, KEEP_RUNS).await.unwrap(), 0);
    sqlx::query("update tickets set created_at = created_at - interval '8 days'")
        .execute(&bench.pool)
        .await
        .unwrap();
    assert_eq!(prune(&bench.pool, KEEP_TICKETS, KEEP_RUNS).await.unwrap(), 1);
    assert!(matches!(
        ticket_status(&bench.pool, ticket.id).await,
        Err(QueueError::UnknownTicket(_))
    ));
}

#[tokio::test]
async fn a_dropped_project_leaves_nothing_behind() {
    let bench = Bench::new().await;
    bench.sync().await;
    bench.save(&["a"]).await;
    sqlx::query("delete from projects").execute(&bench.pool).await.unwrap();
    prune(&bench.pool, KEEP_TICKETS, KEEP_RUNS).await.unwrap();
    let left =
        "select (select count(*) from jobs) + (select count(*) from dirty_files) + (select count(*) from tickets)";
    assert_eq!(bench.column(left).await, 0);
}
