//! Which lanes a worker can take, whose turn it is with it, and from where on it looks for them. Asks no database.

use std::num::NonZeroU16;
use std::time::Duration;

use uuid::Uuid;

use crate::claim_floor::{ClaimFloor, LOOKS_AGAIN_AFTER};
use crate::lane::JobKind;
use crate::turns::Turns;

/// What a worker is able and willing to do, whose turn it is with it, and how far back lanes wait for it. Keep one for the
/// life of the worker; clones share the last two.
#[derive(Clone, Debug)]
pub struct ClaimFilter {
    /// Where it reaches files: its own host's name, then the labels it carries. It gets the lanes of those and the
    /// lanes any host can do.
    pub hosts: Vec<String>,
    /// The kinds it does.
    pub kinds: Vec<JobKind>,
    /// Only these projects; none: all.
    pub projects: Option<Vec<Uuid>>,
    /// How many lanes of one project may be leased at a time, by all workers together; none: as many as there are.
    /// What [`crate::limit_project`] says of a project goes before it. Exact if all workers say the same.
    pub leases_per_project: Option<NonZeroU16>,
    pub(crate) turns: Turns,
    pub(crate) floor: ClaimFloor,
}

impl ClaimFilter {
    /// Every kind and every project reachable from `host`.
    pub fn everything(host: impl Into<String>) -> Self {
        Self {
            hosts: vec![host.into()],
            kinds: JobKind::ALL.to_vec(),
            projects: None,
            leases_per_project: None,
            turns: Turns::default(),
            floor: ClaimFloor::new(LOOKS_AGAIN_AFTER),
        }
    }

    /// Also what several machines can reach that share a label.
    #[must_use]
    pub fn with_labels(mut self, labels: impl IntoIterator<Item = String>) -> Self {
        self.hosts.extend(labels);
        self
    }

    /// Only these kinds.
    #[must_use]
    pub fn with_kinds(mut self, kinds: impl IntoIterator<Item = JobKind>) -> Self {
        self.kinds = kinds.into_iter().collect();
        self
    }

    /// Only these projects.
    #[must_use]
    pub fn with_projects(mut self, projects: impl IntoIterator<Item = Uuid>) -> Self {
        self.projects = Some(projects.into_iter().collect());
        self
    }

    /// At most so many lanes of one project at a time, by all workers together.
    #[must_use]
    pub fn with_leases_per_project(mut self, leases: Option<NonZeroU16>) -> Self {
        self.leases_per_project = leases;
        self
    }

    /// How often the oldest waiting lane is looked for: claims look for no lane that is due since much longer. Zero: every
    /// time. The default is five seconds.
    #[must_use]
    pub fn with_looks_for_the_oldest_every(mut self, interval: Duration) -> Self {
        self.floor = ClaimFloor::new(interval);
        self
    }

    pub(crate) fn kind_words(&self) -> Vec<&'static str> {
        self.kinds.iter().map(|kind| kind.as_str()).collect()
    }

    /// Each place once, last the one for what any host can do.
    pub(crate) fn distinct_hosts(&self) -> Vec<&str> {
        let mut hosts: Vec<&str> = Vec::with_capacity(self.hosts.len() + 1);
        for host in self.hosts.iter().map(String::as_str).chain([""]) {
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        hosts
    }

    pub(crate) fn default_limit(&self) -> Option<i32> {
        self.leases_per_project.map(|leases| i32::from(leases.get()))
    }
}
