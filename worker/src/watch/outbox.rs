//! What the queue has yet to be told about a repository. Bounded: while the database is away, many paths become one
//! comparison. Hands over to deliver.rs; never talks to the database itself.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::pace::{Handed, Reason};

/// More paths than this are not kept while the database is away.
const KEPT_LIMIT: usize = 2_000;

/// Between the observer's thread and the task that talks to the queue.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: Mutex<Handed>,
    filled: Notify,
}

impl Outbox {
    /// Adds to what the queue has to be told.
    pub(super) fn add(&self, handed: Handed) {
        merge(&mut self.waiting(), handed);
        self.filled.notify_one();
    }

    /// Waits until there is something and takes all of it.
    pub(super) async fn take(&self) -> Handed {
        loop {
            let handed = std::mem::take(&mut *self.waiting());
            if handed != Handed::default() {
                return handed;
            }
            self.filled.notified().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Handed> {
        // A merge cannot panic halfway.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn merge(waiting: &mut Handed, more: Handed) {
    waiting.sync = waiting.sync.or(more.sync);
    waiting.marks.extend(more.marks);
    if waiting.marks.len() > KEPT_LIMIT {
        waiting.marks.clear();
        waiting.sync = Some(Reason::ManyChanges);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(range: std::ops::Range<usize>) -> Handed {
        Handed {
            marks: range.map(|number| format!("file {number}")).collect(),
            sync: None,
        }
    }

    #[tokio::test]
    async fn what_is_added_comes_out_once() {
        let outbox = Outbox::default();
        outbox.add(marks(0..2));
        outbox.add(marks(1..3));
        let asked = Handed {
            sync: Some(Reason::GitMoved),
            ..Handed::default()
        };
        outbox.add(asked);
        let taken = outbox.take().await;
        assert_eq!((taken.marks.len(), taken.sync), (3, Some(Reason::GitMoved)));
        outbox.add(marks(7..8));
        assert_eq!(outbox.take().await, marks(7..8));
    }

    #[tokio::test]
    async fn more_than_is_kept_becomes_one_comparison() {
        let outbox = Outbox::default();
        for start in 0..KEPT_LIMIT {
            outbox.add(marks(start..start + 10));
        }
        let taken = outbox.take().await;
        assert_eq!(taken.sync, Some(Reason::ManyChanges));
        assert!(taken.marks.len() <= KEPT_LIMIT);
    }
}
