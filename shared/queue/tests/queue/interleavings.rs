//! Everybody at one repository at once, in random order: nobody deadlocks, nothing is lost.

use crate::support::*;
use futures::future::join_all;
use quarry_queue::*;
use serde_json::json;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Refuses, inside the database, every step of a lane that its life does not have. After the update, since a trigger
/// before it would lock the row early and hide what happens without.
const GUARD: &str = "
    create function guard() returns trigger language plpgsql as $$
    begin
        if new.state = 'leased' and old.state <> 'leased' and (old.state <> 'ready' or new.fence <= old.fence) then
            raise exception 'a lane went from % to leased', old.state;
        elsif new.state = 'leased' and old.state = 'leased'
            and (new.fence, new.worker_id, new.claimed_generation) <> (old.fence, old.worker_id, old.claimed_generation)
        then
            raise exception 'a lease was replaced without being ended';
        elsif new.done_generation < old.done_generation or new.dirty_generation < old.dirty_generation then
            raise exception 'a generation went back';
        elsif new.state = 'idle' and old.state = 'leased' and new.dirty_generation > new.claimed_generation then
            raise exception 'a request was forgotten';
        elsif new.state = 'ready' and old.state <> 'ready' and new.run_at < statement_timestamp() then
            raise exception 'a lane became ready that was due before: claims would not look for it';
        end if;
        return new;
    end $$;
    create trigger guard after update on jobs for each row execute function guard()";

#[tokio::test(flavor = "multi_thread")]
async fn random_interleavings_never_deadlock() {
    let bench = Bench::new().await;
    sqlx::raw_sql(GUARD).execute(&bench.pool).await.unwrap();
    let seed = u64::from(std::process::id());
    eprintln!("seed {seed}");
    // Long enough to find an order of locks that is wrong most of the time; longer to be sure of one that is right.
    let seconds = std::env::var("QUARRY_TEST_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(3);
    let end = Instant::now() + Duration::from_secs(seconds);
    let steps = AtomicU32::new(0);
    join_all((0..8).map(|n| {
        let (bench, steps) = (&bench, &steps);
        async move {
            let mut numbers = Numbers(seed * 8 + n);
            let mut worker = register_worker(&bench.pool, HOST, 1, "test", Duration::from_secs(60))
                .await
                .unwrap();
            while Instant::now() < end {
                step(bench, &mut worker, &mut numbers).await;
                steps.fetch_add(1, Ordering::Relaxed);
            }
            bench.expire(&worker).await;
        }
    }))
    .await;
    // Quiet again: what is left is drained, and then nothing is dirty.
    rescue(&bench.pool, &RetryPolicy::default()).await.unwrap();
    let removing = bench.column("select count(*) from jobs where state = 'removing'").await > 0;
    if !removing {
        bench.sync().await;
    }
    loop {
        bench.make_all_due().await;
        bench.drain().await;
        if bench.column("select count(*) from jobs where state = 'ready'").await == 0 {
            break;
        }
    }
    assert_eq!(bench.column("select count(*) from dirty_files").await, 0);
    assert_eq!(bench.column("select count(*) from jobs where state <> 'idle'").await, 0);
    let open = "select count(*) from tickets join ticket_waits on ticket_id = tickets.id join jobs on jobs.id = job_id
        where cancelled_at is null and done_generation < generation";
    assert_eq!(bench.column(open).await, 0, "a ticket that nobody will ever serve");
    assert!(steps.into_inner() > 100, "too few steps to mean anything");
}

/// Every error but the two a caller must expect fails the test: a deadlock shows as a database error.
async fn step(bench: &Bench, worker: &mut Worker, numbers: &mut Numbers) {
    let pool = &bench.pool;
    let (project, repository) = (bench.project, bench.repository);
    let names: Vec<String> = (0..1 + numbers.below(6))
        .map(|_| format!("f{}", numbers.below(40)))
        .collect();
    let asked = match numbers.below(100) {
        0..30 => mark_dirty(pool, project, repository, None, &names, Debounce::NONE, "test")
            .await
            .map(|_| ()),
        30..40 => enqueue_sync(pool, project, repository, None, SyncRequest::new("test"))
            .await
            .map(|_| ()),
        40..42 => enqueue_remove(pool, project, repository, "test").await.map(|_| ()),
        42..48 => match enqueue_sync(pool, project, repository, None, SyncRequest::new("test")).await {
            Ok(ticket) => cancel_ticket(pool, ticket.id).await,
            Err(error) => Err(error),
        },
        48..51 => {
            bench.expire(worker).await;
            rescue(
                pool,
                &RetryPolicy {
                    max_losses: i16::MAX,
                    ..RetryPolicy::default()
                },
            )
            .await
            .unwrap();
            *worker = register_worker(pool, HOST, 1, "test", Duration::from_secs(60))
                .await
                .unwrap();
            Ok(())
        }
        51..53 => {
            retire_worker(pool, worker).await.unwrap();
            *worker = register_worker(pool, HOST, 1, "test", Duration::from_secs(60))
                .await
                .unwrap();
            Ok(())
        }
        _ => run_one(bench, worker, numbers, &names).await,
    };
    match asked {
        Ok(()) | Err(QueueError::RepositoryRemoved(_) | QueueError::LeaseLost) => {}
        Err(error) => panic!("{error:?}"),
    }
}

async fn run_one(bench: &Bench, worker: &Worker, numbers: &mut Numbers, names: &[String]) -> Result<()> {
    let pool = &bench.pool;
    let limit = 1 + usize::try_from(numbers.below(3)).unwrap();
    for claim in claim(pool, worker, &ClaimFilter::everything(HOST), limit).await? {
        if claim.lane.kind == JobKind::SyncRepository {
            mark_dirty_from_sync(pool, &claim, names, Priority::Bulk).await?;
        }
        let files = dirty_files(pool, &claim, None, 100).await?;
        if numbers.below(2) == 0 {
            drop_dirty(pool, &claim, &files).await?;
        }
        heartbeat(pool, worker).await?;
        let outcome = match numbers.below(10) {
            0 => Outcome::Failed {
                error: "no".into(),
                retry: at_once(i16::MAX),
            },
            1 => Outcome::HandedBack,
            2 => Outcome::Cancelled,
            _ => Outcome::Succeeded,
        };
        let follow_up = FollowUp {
            rebuild_vector_index: numbers.below(4) == 0,
        };
        settle(pool, &claim, &files, outcome, json!({}), follow_up).await?;
    }
    Ok(())
}
