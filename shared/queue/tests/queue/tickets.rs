use crate::support::*;
use quarry_queue::*;
use serde_json::json;

#[tokio::test]
async fn a_ticket_is_done_only_when_everything_it_caused_is_done() {
    let bench = Bench::new().await;
    let ticket = bench.sync().await;
    let sync = bench.claim().await;
    assert_eq!(bench.state(ticket).await, TicketState::Running);
    let names: Vec<String> = (0..40).map(|n| format!("f{n}")).collect();
    mark_dirty_from_sync(&bench.pool, &sync, &names, Priority::Bulk)
        .await
        .unwrap();
    let early = bench.claims().await;
    assert_eq!(early.len(), 8, "other workers start while the sync goes on");
    // One lane is done before the sync is, and asks for a rebuild: the ticket waits for that as well.
    let files = dirty_files(&bench.pool, &early[0], None, 100).await.unwrap();
    let rebuild = FollowUp {
        rebuild_vector_index: true,
    };
    settle(&bench.pool, &early[0], &files, Outcome::Succeeded, json!({}), rebuild)
        .await
        .unwrap();
    bench.settle(&sync, Outcome::Succeeded).await;
    let status = ticket_status(&bench.pool, ticket.id).await.unwrap();
    assert_eq!((status.state, status.open_lanes.len()), (TicketState::Running, 8));
    assert_eq!(status.pending_files, 40 - i64::try_from(files.len()).unwrap());
    for claim in &early[1..] {
        bench.settle(claim, Outcome::Succeeded).await;
    }
    let status = ticket_status(&bench.pool, ticket.id).await.unwrap();
    assert_eq!(
        (status.state, status.open_lanes[0].kind),
        (TicketState::Waiting, JobKind::RebuildVectorIndex)
    );
    bench.drain().await;
    assert_eq!(bench.state(ticket).await, TicketState::Done);
}

#[tokio::test]
async fn an_index_run_that_asks_for_a_rebuild_passes_its_tickets_on() {
    let bench = Bench::new().await;
    let ticket = bench.save(&["a"]).await;
    let claim = bench.claim().await;
    let rebuild = FollowUp {
        rebuild_vector_index: true,
    };
    settle(&bench.pool, &claim, &[], Outcome::Succeeded, json!({}), rebuild)
        .await
        .unwrap();
    assert_eq!(bench.state(ticket).await, TicketState::Waiting);
    let claim = bench.claim().await;
    assert_eq!(
        (claim.lane.kind, claim.lane.repository_id),
        (JobKind::RebuildVectorIndex, None)
    );
    bench.settle(&claim, Outcome::Succeeded).await;
    assert_eq!(bench.state(ticket).await, TicketState::Done);
}

#[tokio::test]
async fn a_ticket_does_not_wait_for_what_came_later() {
    let bench = Bench::new().await;
    let early = bench.save(&["a"]).await;
    let claim = bench.claim().await;
    let late = bench.save(&["a"]).await;
    bench.settle(&claim, Outcome::Succeeded).await;
    assert_eq!(
        (bench.state(early).await, bench.state(late).await),
        (TicketState::Done, TicketState::Waiting)
    );
}

#[tokio::test]
async fn saving_nothing_is_done_at_once() {
    let bench = Bench::new().await;
    let ticket = bench.save(&[]).await;
    assert_eq!(bench.state(ticket).await, TicketState::Done);
}

#[tokio::test]
async fn the_overviews_show_what_is_pending() {
    let bench = Bench::new().await;
    bench.save(&["a", "b"]).await;
    bench.sync().await;
    let lag = pending(&bench.pool, bench.project, Some(bench.repository))
        .await
        .unwrap();
    assert_eq!((lag.files, lag.sync, lag.parked_error), (2, true, None));
    let jobs = jobs_list(
        &bench.pool,
        &JobsFilter {
            project_id: Some(bench.project),
            ..JobsFilter::default()
        },
    )
    .await;
    let jobs = jobs.unwrap();
    assert_eq!(jobs.iter().map(|job| job.dirty_files).sum::<i64>(), 2);
    assert!(
        jobs.iter()
            .all(|job| job.state == "ready" && job.age_seconds.is_some() && job.host.is_some())
    );
    let depth = queue_depth(&bench.pool, Some(bench.project)).await.unwrap();
    assert_eq!(
        (usize::try_from(depth.ready).unwrap(), depth.leased, depth.dirty_files),
        (jobs.len(), 0, 2)
    );
    bench.drain().await;
    assert!(jobs_list(&bench.pool, &JobsFilter::default()).await.unwrap().is_empty());
    assert_eq!(queue_depth(&bench.pool, None).await.unwrap().ready, 0);
}
