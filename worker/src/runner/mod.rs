//! Claims jobs, runs them under a lease and settles them. One runner per process; as many processes as you like.
//! Knows no kind of job: see jobs/.

mod battery;
mod pulse;
mod refresh;
mod slots;
mod upkeep;
mod work;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use quarry_lifecycle::GIT_HOST;
use quarry_queue::{Claim, ClaimFilter, JobKind, WakeUp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::battery::Battery;
pub(crate) use self::battery::is_battery_in_use;
use self::pulse::Pulse;
use self::refresh::Refresh;
use self::slots::Slots;
use self::upkeep::Upkeep;
use self::work::run_and_settle;
use crate::context::Context;

/// A run that was told to stop and cannot (it waits for the database) is left behind after this; its lane goes back all
/// the same, and its fence is raised by whoever takes it up.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// A database that does not answer is asked again after this.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// A claim takes milliseconds; one that is under way when the worker is told to stop is waited for so long.
const CLAIM_ENDS_WITHIN: Duration = Duration::from_secs(1);

/// Works off the queue until told to stop.
pub struct Runner {
    context: Context,
    concurrency: usize,
    filter: ClaimFilter,
    idle_exit: Option<Duration>,
    pauses_on_battery: bool,
}

impl Runner {
    /// A runner that holds up to `concurrency` jobs at a time.
    #[must_use]
    pub fn new(context: Context, concurrency: usize) -> Runner {
        let filter = ClaimFilter::everything(&context.host)
            .with_labels(context.labels.iter().cloned())
            .with_leases_per_project(context.leases_per_project);
        Runner {
            context,
            concurrency: concurrency.max(1),
            filter,
            idle_exit: None,
            pauses_on_battery: false,
        }
    }

    /// Limits the runner to these projects.
    #[must_use]
    pub fn for_projects(mut self, projects: impl IntoIterator<Item = Uuid>) -> Runner {
        self.filter = self.filter.with_projects(projects);
        self
    }

    /// Limits the runner to these kinds of jobs.
    #[must_use]
    pub fn for_kinds(mut self, kinds: impl IntoIterator<Item = JobKind>) -> Runner {
        self.filter = self.filter.with_kinds(kinds);
        self
    }

    /// Lets the runner also take what is indexed under these labels.
    #[must_use]
    pub fn with_labels(mut self, labels: impl IntoIterator<Item = String>) -> Runner {
        self.filter = self.filter.with_labels(labels);
        self
    }

    /// Ends the runner after so long without work.
    #[must_use]
    pub fn with_idle_exit(mut self, idle_exit: Option<Duration>) -> Runner {
        self.idle_exit = idle_exit;
        self
    }

    /// Lets the runner begin nothing while the machine runs on its battery.
    #[must_use]
    pub fn with_pause_on_battery(mut self, pauses: bool) -> Runner {
        self.pauses_on_battery = pauses;
        self
    }

    /// Runs until `stop` is cancelled; then lets running jobs finish within a grace period and hands back the others.
    ///
    /// # Errors
    /// When the worker cannot be registered. Later failures of the database are waited out.
    pub async fn run(&self, stop: CancellationToken) -> Result<()> {
        let queue = self.context.registry.pool().clone();
        let pulse = Pulse::start(&self.context).await.context("register this worker")?;
        let upkeep = Upkeep::start(&self.context);
        let filter = Arc::new(self.filter_of_this_machine().await);
        let refresh = filter
            .hosts
            .iter()
            .any(|host| host == GIT_HOST)
            .then(|| Refresh::start(&self.context));
        let mut wake_up = WakeUp::listen(&queue);
        let mut running: JoinSet<i64> = JoinSet::new();
        let slots = Slots::new(self.concurrency);
        let mut battery = Battery::new(self.pauses_on_battery);
        let mut last_work = Instant::now();
        while !stop.is_cancelled() && !self.is_idle_for_too_long(last_work, &running) {
            let is_pausing = battery.is_pausing(Instant::now());
            let claims = match is_pausing {
                true => Vec::new(),
                false => match self.claim_unless_stopped(&pulse, &filter, &slots, &stop).await {
                    Some(claims) => claims,
                    None => break,
                },
            };
            if !claims.is_empty() {
                last_work = Instant::now();
            }
            for claim in claims {
                let held = pulse.watch(&claim);
                let slot = slots.take(claim.lane.kind);
                let work = run_and_settle(self.context.clone(), filter.clone(), claim, held);
                running.spawn(async move {
                    let _slot = slot;
                    work.await
                });
            }
            let is_full = slots.free() == 0;
            let due = tokio::select! {
                due = self.next_due(&filter, &slots), if !is_pausing => due,
                () = std::future::ready(()), if is_pausing => Some(battery.next_look()),
                () = stop.cancelled() => break,
            };
            tokio::select! {
                Some(ended) = running.join_next() => {
                    last_work = Instant::now();
                    pulse.forget(ended);
                }
                _ = wake_up.wait(due.unwrap_or_else(|| Instant::now() + quarry_queue::POLL_INTERVAL)), if !is_full => {}
                () = stop.cancelled() => {}
            }
        }
        upkeep.abort();
        if let Some(refresh) = refresh {
            refresh.abort();
        }
        pulse.finish_all();
        if !ended_within(self.context.grace, &mut running).await {
            pulse.stop_all();
            ended_within(STOP_LIMIT, &mut running).await;
        }
        running.abort_all();
        pulse.retire().await;
        Ok(())
    }

    fn is_idle_for_too_long(&self, last_work: Instant, running: &JoinSet<i64>) -> bool {
        running.is_empty() && self.idle_exit.is_some_and(|limit| last_work.elapsed() >= limit)
    }

    /// Also the repositories by git URL, where this machine can fetch them: a lane that nobody here can do stays with others.
    async fn filter_of_this_machine(&self) -> ClaimFilter {
        let mut filter = self.filter.clone();
        if self.context.clones.is_able().await {
            filter = filter.with_labels([GIT_HOST.to_owned()]);
        }
        filter
    }

    /// None: the worker is to stop. What a claim under way then leases goes back when the worker retires; cut off at once it
    /// could lease lanes after that. A database that does not answer must not keep the process from stopping.
    async fn claim_unless_stopped(
        &self,
        pulse: &Pulse,
        filter: &ClaimFilter,
        slots: &Slots,
        stop: &CancellationToken,
    ) -> Option<Vec<Claim>> {
        let claiming = self.claim(pulse, filter, slots);
        tokio::pin!(claiming);
        tokio::select! {
            claims = &mut claiming => Some(claims),
            () = stop.cancelled() => {
                tokio::time::timeout(CLAIM_ENDS_WITHIN, claiming).await.ok();
                None
            }
        }
    }

    async fn claim(&self, pulse: &Pulse, filter: &ClaimFilter, slots: &Slots) -> Vec<Claim> {
        if slots.free() == 0 {
            return Vec::new();
        }
        let (filter, worker) = (slots.narrow(filter), pulse.worker());
        let claiming = quarry_queue::claim(self.context.registry.pool(), &worker, &filter, slots.free());
        let trouble = match tokio::time::timeout(self.context.lease, claiming).await {
            Ok(Ok(claims)) => return claims,
            Ok(Err(error)) => format!("{:#}", anyhow::Error::from(error)),
            // What it leased all the same goes back with a heartbeat.
            Err(_) => "the database does not answer".to_owned(),
        };
        tracing::warn!("claim jobs: {trouble}");
        tokio::time::sleep(RECONNECT_PAUSE).await;
        Vec::new()
    }

    async fn next_due(&self, filter: &ClaimFilter, slots: &Slots) -> Option<Instant> {
        if slots.free() == 0 {
            return None;
        }
        // A failure shows in the next claim.
        let filter = slots.narrow(filter);
        let asking = quarry_queue::next_due(self.context.registry.pool(), &filter);
        let due = tokio::time::timeout(self.context.lease, asking).await.ok()?.ok()??;
        Some(Instant::now() + due)
    }
}

/// False: some still run.
async fn ended_within(limit: Duration, running: &mut JoinSet<i64>) -> bool {
    let ended = async { while running.join_next().await.is_some() {} };
    tokio::time::timeout(limit, ended).await.is_ok()
}
