//! How many jobs run at once. A rebuild of a vector index and a change of the model have places of their own, because it is
//! Postgres or the embedding endpoint that works on them, for minutes or hours: in the only slot of a worker they would keep
//! every save waiting.

use std::borrow::Cow;
use std::sync::Arc;

use quarry_queue::{ClaimFilter, JobKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of one worker process. A place is free again when what [`Slots::take`] gave is dropped, also by a panic.
pub(super) struct Slots {
    jobs: Arc<Semaphore>,
    /// One: builds of several projects at once would only compete for the server's memory.
    rebuild: Arc<Semaphore>,
    /// One: changes of several projects at once would only compete for the endpoint.
    change: Arc<Semaphore>,
}

impl Slots {
    pub(super) fn new(concurrency: usize) -> Slots {
        Slots {
            jobs: Arc::new(Semaphore::new(concurrency)),
            rebuild: Arc::new(Semaphore::new(1)),
            change: Arc::new(Semaphore::new(1)),
        }
    }

    /// How many jobs may be claimed.
    pub(super) fn free(&self) -> usize {
        self.jobs.available_permits()
    }

    /// What may be claimed: while a rebuild or a change runs, no second one.
    pub(super) fn narrow<'filter>(&self, filter: &'filter ClaimFilter) -> Cow<'filter, ClaimFilter> {
        let has_place = |kind: &JobKind| self.own_place(*kind).is_none_or(|place| place.available_permits() > 0);
        if filter.kinds.iter().all(has_place) {
            return Cow::Borrowed(filter);
        }
        let mut narrowed = filter.clone();
        narrowed.kinds.retain(has_place);
        Cow::Owned(narrowed)
    }

    fn own_place(&self, kind: JobKind) -> Option<&Arc<Semaphore>> {
        match kind {
            JobKind::RebuildVectorIndex => Some(&self.rebuild),
            JobKind::ChangeModel => Some(&self.change),
            JobKind::SyncRepository | JobKind::IndexFiles | JobKind::RemoveRepository => None,
        }
    }

    /// The place of a job that was claimed. Of two rebuilds claimed at once the second takes an ordinary one.
    pub(super) fn take(&self, kind: JobKind) -> Option<OwnedSemaphorePermit> {
        let own = self
            .own_place(kind)
            .and_then(|place| place.clone().try_acquire_owned().ok());
        own.or_else(|| self.jobs.clone().try_acquire_owned().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rebuild_leaves_the_only_slot_to_others_and_comes_alone() {
        let slots = Slots::new(1);
        let filter = ClaimFilter::everything("desk");
        let rebuild = slots.take(JobKind::RebuildVectorIndex);
        assert_eq!(slots.free(), 1);
        assert!(!slots.narrow(&filter).kinds.contains(&JobKind::RebuildVectorIndex));
        let change = slots.take(JobKind::ChangeModel);
        assert_eq!(slots.free(), 1);
        assert!(!slots.narrow(&filter).kinds.contains(&JobKind::ChangeModel));
        let load = slots.take(JobKind::IndexFiles);
        assert_eq!(slots.free(), 0);
        drop((rebuild, change, load));
        assert_eq!(slots.free(), 1);
        assert_eq!(slots.narrow(&filter).kinds, filter.kinds);
    }

    #[test]
    fn the_second_of_two_rebuilds_counts_as_a_job() {
        let slots = Slots::new(2);
        let both = [JobKind::RebuildVectorIndex; 2].map(|kind| slots.take(kind));
        assert_eq!(slots.free(), 1);
        assert!(both.iter().all(Option::is_some));
    }
}
