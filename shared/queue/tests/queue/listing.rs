use crate::support::*;
use quarry_queue::*;
use uuid::Uuid;

async fn listed(bench: &Bench, filter: TicketsFilter) -> Vec<TicketEntry> {
    tickets_list(&bench.pool, &filter).await.unwrap()
}

fn ten() -> TicketsFilter {
    TicketsFilter {
        limit: 10,
        ..TicketsFilter::default()
    }
}

fn ids(entries: &[TicketEntry]) -> Vec<Uuid> {
    entries.iter().map(|entry| entry.id).collect()
}

/// A request of each state, oldest first: cancelled, failed, done, running, waiting.
async fn one_of_each(bench: &Bench) -> [Ticket; 5] {
    let other = |names: &[&str]| {
        let (pool, project, paths) = (bench.pool.clone(), bench.project, paths(names));
        async move {
            let repository = Uuid::now_v7();
            mark_dirty(&pool, project, repository, Some(HOST), &paths, Debounce::NONE, "editor")
                .await
                .unwrap()
        }
    };
    let cancelled = other(&["a"]).await;
    cancel_ticket(&bench.pool, cancelled.id).await.unwrap();
    let failed = other(&["a"]).await;
    let claim = bench.claim().await;
    let failure = Outcome::Failed {
        error: "the disk is gone".to_owned(),
        retry: at_once(1),
    };
    bench.settle(&claim, failure).await;
    let done = bench.save(&["a"]).await;
    bench.drain().await;
    let running = bench.sync().await;
    bench.claim().await;
    let waiting = other(&["a", "b"]).await;
    [cancelled, failed, done, running, waiting]
}

#[tokio::test]
async fn requests_are_listed_newest_first_as_each_of_them_says_of_itself() {
    let bench = Bench::new().await;
    let mut tickets = one_of_each(&bench).await;
    tickets.reverse();
    let entries = listed(&bench, ten()).await;
    assert_eq!(ids(&entries), tickets.map(|ticket| ticket.id));
    use TicketState::*;
    let states: Vec<TicketState> = entries.iter().map(|entry| entry.state).collect();
    assert_eq!(states, [Waiting, Running, Done, Failed, Cancelled]);
    for entry in &entries {
        let status = ticket_status(&bench.pool, entry.id).await.unwrap();
        assert_eq!((entry.state, &entry.error), (status.state, &status.error));
        let open = i64::try_from(status.open_lanes.len()).unwrap();
        let waited_for = if entry.state == Cancelled { 0 } else { open };
        assert_eq!(entry.pending_lanes, waited_for, "{entry:?}");
    }
    assert_eq!(entries[3].error.as_deref(), Some("the disk is gone"));
    assert_eq!(
        (entries[0].requested_by.as_str(), entries[1].requested_by.as_str()),
        ("editor", "test")
    );
    assert_eq!(entries[1].repository_id, Some(bench.repository));
}

#[tokio::test]
async fn a_state_and_projects_choose_among_them() {
    let bench = Bench::new().await;
    let tickets = one_of_each(&bench).await;
    use TicketState::*;
    for (state, ticket) in [Cancelled, Failed, Done, Running, Waiting].into_iter().zip(tickets) {
        let only = TicketsFilter {
            state: Some(state),
            ..ten()
        };
        assert_eq!(ids(&listed(&bench, only).await), [ticket.id], "{state:?}");
    }
    let second = project(&bench.pool, "second").await;
    let elsewhere = enqueue_sync(&bench.pool, second, bench.repository, None, SyncRequest::new("test"))
        .await
        .unwrap();
    let of = |projects: &[Uuid]| TicketsFilter {
        project_ids: Some(projects.to_vec()),
        ..ten()
    };
    assert_eq!(ids(&listed(&bench, of(&[second])).await), [elsewhere.id]);
    assert_eq!(listed(&bench, of(&[bench.project])).await.len(), 5);
    assert_eq!(listed(&bench, of(&[bench.project, second])).await.len(), 6);
    assert!(
        listed(&bench, of(&[])).await.is_empty(),
        "no project is not all projects"
    );
}

#[tokio::test]
async fn pages_together_are_the_whole_list_also_when_requests_come_in_between() {
    let bench = Bench::new().await;
    for _ in 0..7 {
        bench.sync().await;
    }
    let all = ids(&listed(&bench, ten()).await);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = TicketsFilter {
            limit: 3,
            after,
            ..TicketsFilter::default()
        };
        let page = listed(&bench, page).await;
        let Some(last) = page.last() else { break };
        after = Some((last.created_at, last.id));
        seen.extend(ids(&page));
        bench.sync().await;
    }
    assert_eq!(seen, all);
}
