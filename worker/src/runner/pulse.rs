//! Keeps the leases of this process alive: one heartbeat for all of them. Stops what was cancelled or lost, and everything
//! when its own clock says that the lease must be over, so that a worker cut off from the database stops by itself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quarry_queue::{Beat, Claim, Lease, QueueError, Worker};
use quarry_registry::PgPool;
use tokio::task::{AbortHandle, JoinError};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::jobs::Signals;

/// A claim in work and why it was told to stop.
pub(super) struct Held {
    claim: Claim,
    pub(super) signals: Signals,
    lost: CancellationToken,
    cancelled: AtomicBool,
}

/// Leases that cannot be handed back run out by themselves soon after.
const RETIRE_LIMIT: Duration = Duration::from_secs(5);

impl Held {
    fn new(claim: &Claim) -> Held {
        Held {
            claim: claim.clone(),
            signals: Signals::default(),
            lost: CancellationToken::new(),
            cancelled: AtomicBool::new(false),
        }
    }

    /// Returns when the lease is lost.
    pub(super) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    fn lose(&self) {
        self.lost.cancel();
        self.signals.stop.cancel();
    }

    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        self.signals.stop.cancel();
    }
}

pub(super) struct Pulse {
    shared: Arc<Shared>,
    beating: AbortHandle,
}

struct Shared {
    queue: PgPool,
    host: String,
    lease: Duration,
    heartbeat: Duration,
    state: Mutex<State>,
}

struct State {
    worker: Worker,
    held: HashMap<i64, Arc<Held>>,
}

impl Pulse {
    /// Registers the worker and begins to beat.
    pub(super) async fn start(context: &Context) -> Result<Pulse, QueueError> {
        let queue = context.registry.pool().clone();
        let worker = register(&queue, &context.host, context.lease).await?;
        let shared = Arc::new(Shared {
            queue,
            host: context.host.clone(),
            lease: context.lease,
            heartbeat: context.heartbeat,
            state: Mutex::new(State {
                worker,
                held: HashMap::new(),
            }),
        });
        let beating = tokio::spawn(shared.clone().beat_for_ever()).abort_handle();
        Ok(Pulse { shared, beating })
    }

    pub(super) fn worker(&self) -> Worker {
        self.shared.state().worker.clone()
    }

    /// Takes a fresh claim under the heartbeat.
    pub(super) fn watch(&self, claim: &Claim) -> Arc<Held> {
        let held = Arc::new(Held::new(claim));
        self.shared.state().held.insert(claim.job_id, held.clone());
        held
    }

    /// A job has ended.
    pub(super) fn forget(&self, ended: Result<i64, JoinError>) {
        match ended {
            Ok(job_id) => {
                self.shared.state().held.remove(&job_id);
            }
            // Its lease is settled by nobody: it returns to the queue when this worker retires or is rescued.
            Err(error) => tracing::error!("settling a job panicked: {error}"),
        }
    }

    /// Tells every job to publish what it has in hand and leave the rest.
    pub(super) fn finish_all(&self) {
        for held in self.shared.state().held.values() {
            held.signals.finish_soon.cancel();
        }
    }

    /// Tells every job to stop and hand its work back.
    pub(super) fn stop_all(&self) {
        for held in self.shared.state().held.values() {
            held.signals.stop.cancel();
        }
    }

    /// Stops beating and hands back at once whatever is still leased.
    pub(super) async fn retire(self) {
        self.beating.abort();
        let worker = self.worker();
        match tokio::time::timeout(RETIRE_LIMIT, quarry_queue::retire_worker(&self.shared.queue, &worker)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("retire this worker: {:#}", anyhow::Error::from(error)),
            Err(_) => tracing::warn!("retire this worker: the database does not answer; its leases run out"),
        }
    }
}

async fn register(queue: &PgPool, host: &str, lease: Duration) -> Result<Worker, QueueError> {
    quarry_queue::register_worker(queue, host, std::process::id(), env!("CARGO_PKG_VERSION"), lease).await
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is locked; the map stays whole in any case.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn beat_for_ever(self: Arc<Shared>) {
        let mut last_beat = Instant::now();
        let mut strays = Vec::new();
        loop {
            tokio::time::sleep(self.heartbeat).await;
            let (worker, before): (Worker, Vec<Arc<Held>>) = {
                let state = self.state();
                (state.worker.clone(), state.held.values().cloned().collect())
            };
            let sent = Instant::now();
            let left = self.lease.saturating_sub(last_beat.elapsed());
            let answer = tokio::time::timeout(left, quarry_queue::heartbeat(&self.queue, &worker)).await;
            match answer {
                Ok(Ok(beat)) if beat.alive => {
                    last_beat = sent;
                    obey(&beat, &before);
                    strays = self.hand_back_strays(&worker, &beat, &strays).await;
                }
                Ok(Ok(_)) => self.register_anew(&before, &mut last_beat).await,
                Ok(Err(error)) => tracing::warn!("heartbeat: {:#}", anyhow::Error::from(error)),
                Err(_) => tracing::warn!("heartbeat: the database does not answer"),
            }
            if last_beat.elapsed() >= self.lease {
                for held in self.state().held.values() {
                    held.lose();
                }
            }
        }
    }

    /// Leases that no run here holds: the answer to a claim was lost, or a settlement was given up. Their worker lives, so
    /// nobody would ever rescue them. Those that were strays at the last beat already go back; a claim whose answer is
    /// just on its way is not one twice.
    async fn hand_back_strays(&self, worker: &Worker, beat: &Beat, before: &[Lease]) -> Vec<Lease> {
        let strays: Vec<Lease> = {
            let held = &self.state().held;
            let is_held = |lease: &&Lease| {
                held.get(&lease.job_id)
                    .is_some_and(|held| held.claim.fence == lease.fence)
            };
            beat.leases.iter().filter(|lease| !is_held(lease)).copied().collect()
        };
        let twice: Vec<Lease> = strays
            .iter()
            .filter(|stray| before.iter().any(|lease| lease.fence == stray.fence))
            .copied()
            .collect();
        if !twice.is_empty() {
            tracing::warn!("hands back {} jobs that nothing here works on", twice.len());
            let handing_back = quarry_queue::hand_back_strays(&self.queue, worker, &twice);
            match tokio::time::timeout(self.heartbeat, handing_back).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!("hand jobs back: {:#}", anyhow::Error::from(error)),
                Err(_) => tracing::warn!("hand jobs back: the database does not answer"),
            }
        }
        strays
    }

    async fn register_anew(&self, before: &[Arc<Held>], last_beat: &mut Instant) {
        tracing::warn!(
            "this worker was taken for dead: its {} jobs go on elsewhere",
            before.len()
        );
        for held in before {
            held.lose();
        }
        let sent = Instant::now();
        let registering = register(&self.queue, &self.host, self.lease);
        match tokio::time::timeout(self.lease, registering).await {
            Ok(Ok(worker)) => {
                self.state().worker = worker;
                *last_beat = sent;
            }
            Ok(Err(error)) => tracing::warn!("register anew: {:#}", anyhow::Error::from(error)),
            Err(_) => tracing::warn!("register anew: the database does not answer"),
        }
    }
}

/// Stops the jobs that the database says are cancelled or gone.
fn obey(beat: &Beat, before: &[Arc<Held>]) {
    let cancelled: Vec<i64> = beat.cancelled().collect();
    for held in before {
        if cancelled.contains(&held.claim.job_id) {
            held.cancel();
        } else if beat.lost(&held.claim) {
            held.lose();
        }
    }
}
