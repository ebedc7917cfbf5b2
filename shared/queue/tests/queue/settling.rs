use crate::support::*;
use quarry_queue::*;
use serde_json::json;
use std::time::Instant;

#[tokio::test]
async fn only_processed_revisions_are_deleted() {
    let bench = Bench::new().await;
    let mut names = in_shard(1, 3);
    names.sort();
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

/// Were it only some per hour, a registry with many busy projects would keep more of them every hour.
#[tokio::test]
async fn all_old_tickets_are_pruned_at_once_however_many() {
    let bench = Bench::new().await;
    sqlx::query(
        "insert into tickets (id, project_id, requested_by, created_at)
         select gen_random_uuid(), $1, 'test', clock_timestamp() - interval '8 days'
         from generate_series(1, 25000)",
    )
    .bind(bench.project)
    .execute(&bench.pool)
    .await
    .unwrap();
    bench.sync().await;
    assert_eq!(prune(&bench.pool, KEEP_TICKETS, KEEP_RUNS).await.unwrap(), 25_000);
    assert_eq!(bench.column("select count(*) from tickets").await, 1);
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

#[tokio::test]
async fn a_batch_of_runs_is_settled_at_once_and_each_is_told_its_fate() {
    let bench = Bench::new().await;
    let ticket = bench.sync().await;
    for shard in [0, 1, 2] {
        bench.save(&[&in_shard(shard, 1)[0]]).await;
    }
    let claims = bench.claims().await;
    assert_eq!(claims.len(), 4);
    for claim in &claims {
        let files = dirty_files(&bench.pool, claim, None, 10).await.unwrap();
        drop_dirty(&bench.pool, claim, &files).await.unwrap();
    }
    // One was asked for again meanwhile, and one is somebody else's by now.
    let of = |shard: i16| {
        claims
            .iter()
            .position(|claim| claim.lane.kind == JobKind::IndexFiles && claim.lane.shard == shard)
    };
    let (again, lost) = (of(1).unwrap(), of(2).unwrap());
    bench.save(&[&in_shard(1, 1)[0]]).await;
    sqlx::query("update jobs set fence = fence + 1000 where id = $1")
        .bind(claims[lost].job_id)
        .execute(&bench.pool)
        .await
        .unwrap();
    let runs: Vec<Succeeded<'_>> = claims
        .iter()
        .map(|claim| Succeeded {
            claim,
            counts: json!({"files": 1}),
        })
        .collect();
    let settled = settle_many(&bench.pool, &runs).await.unwrap();
    for (n, settled) in settled.iter().enumerate() {
        let expected = match n {
            n if n == again => Settled::AgainReady,
            n if n == lost => Settled::LeaseLost,
            _ => Settled::Done,
        };
        assert_eq!(*settled, expected, "{:?}", claims[n]);
    }
    assert_eq!(
        bench
            .column("select count(*) from runs where counts = '{\"files\": 1}'")
            .await,
        3
    );
    assert_eq!(
        bench.column("select count(*) from jobs where state = 'leased'").await,
        1
    );
    // The sync's own end made its ticket wait for the lanes that are not done.
    assert_eq!(bench.state(ticket).await, TicketState::Running);
}

#[tokio::test]
async fn a_run_whose_lane_somebody_holds_is_settled_after_them() {
    let bench = Bench::new().await;
    bench.save(&["a"]).await;
    let claim = bench.claim().await;
    let files = dirty_files(&bench.pool, &claim, None, 10).await.unwrap();
    drop_dirty(&bench.pool, &claim, &files).await.unwrap();
    let mut holder = bench.pool.begin().await.unwrap();
    sqlx::query("update jobs set dirty_generation = dirty_generation + 1")
        .execute(&mut *holder)
        .await
        .unwrap();
    let waits = async {
        wait_until(&bench, "select count(*) from pg_locks where not granted").await;
        holder.commit().await.unwrap();
    };
    let runs = [Succeeded {
        claim: &claim,
        counts: json!({}),
    }];
    let (settled, ()) = tokio::join!(settle_many(&bench.pool, &runs), waits);
    assert_eq!(settled.unwrap(), [Settled::AgainReady]);
}
