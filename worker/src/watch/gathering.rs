//! Gathers the events of one save, or of thousands, into one bounded batch of changed paths. Pure: the clock is given.
//! Never looks at the disk; what a batch means is judged by observer.rs.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A batch is ready when this long nothing came, so that the companions of a save travel with it …
const QUIET: Duration = Duration::from_millis(2);

/// … or after this long at the latest: a person waits for the first of them.
const LONGEST: Duration = Duration::from_millis(10);

/// A file that is being written is left out until it is closed, so that it is not read in the middle; but a log that is
/// never closed is also looked at.
const OPEN_LONGEST: Duration = Duration::from_millis(100);

/// Beyond this many paths a comparison of the whole tree is cheaper, and nothing is remembered.
pub(super) const PATHS_LIMIT: usize = 2_000;

/// What an event said about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// A file made where nothing was; its writer has yet to close it.
    Created,
    /// A directory made where nothing was, or anything renamed to this path, perhaps over something else.
    Arrived,
    /// Removed, or renamed away.
    Left,
    /// Content written; it may go on.
    Written,
    /// Closed after writing.
    Closed,
    /// Mode or owner changed, or something that the system does not tell.
    Other,
}

/// What a batch knows of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hint {
    /// Nothing was there when the batch began: if nothing is there now either, nothing happened.
    pub(super) is_new: bool,
    /// Something came to this path.
    pub(super) has_come: bool,
    /// What was at this path is gone.
    pub(super) has_left: bool,
    written_since: Option<Instant>,
}

/// Changed paths, or the admission that some are not known.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) hints: HashMap<PathBuf, Hint>,
    /// There are more than are kept: anything may have changed.
    pub(super) is_incomplete: bool,
    /// The system dropped events; then the batch is incomplete too.
    pub(super) has_losses: bool,
}

/// The batch that is being gathered.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    batch: Batch,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Gathering {
    /// Takes up one event. True: the batch was not due at all before, so whoever waits for it has to look.
    pub(super) fn note(&mut self, path: PathBuf, change: Change, now: Instant) -> bool {
        if !self.batch.is_incomplete {
            let hint = self.batch.hints.entry(path).or_insert(Hint {
                is_new: change == Change::Created,
                has_come: false,
                has_left: false,
                written_since: None,
            });
            hint.has_come |= matches!(change, Change::Created | Change::Arrived);
            hint.has_left |= change == Change::Left;
            hint.written_since = match change {
                Change::Created | Change::Written => hint.written_since.or(Some(now)),
                Change::Other => hint.written_since,
                Change::Arrived | Change::Left | Change::Closed => None,
            };
        }
        if self.batch.hints.len() > PATHS_LIMIT {
            self.batch.hints = HashMap::new();
            self.batch.is_incomplete = true;
        }
        self.touch(now)
    }

    /// The system dropped events.
    pub(super) fn lose(&mut self, now: Instant) -> bool {
        self.batch.hints = HashMap::new();
        self.batch.is_incomplete = true;
        self.batch.has_losses = true;
        self.touch(now)
    }

    fn touch(&mut self, now: Instant) -> bool {
        self.last = Some(now);
        self.first.replace(self.first.unwrap_or(now)).is_none()
    }

    /// When the batch is ready; none while there is none.
    pub(super) fn due(&self) -> Option<Instant> {
        match (self.first, self.last) {
            (Some(first), Some(last)) => Some((first + LONGEST).min(last + QUIET)),
            _ => {
                let open = self.batch.hints.values().filter_map(|hint| hint.written_since);
                open.min().map(|since| since + OPEN_LONGEST)
            }
        }
    }

    /// Hands out the batch and keeps the files that are still being written.
    pub(super) fn take(&mut self, now: Instant) -> Batch {
        (self.first, self.last) = (None, None);
        let mut batch = std::mem::take(&mut self.batch);
        let is_open = |hint: &Hint| hint.written_since.is_some_and(|since| now < since + OPEN_LONGEST);
        self.batch.hints = batch.hints.extract_if(|_, hint| is_open(hint)).collect();
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn paths(batch: &Batch) -> Vec<&str> {
        let mut paths: Vec<_> = batch.hints.keys().filter_map(|path| path.to_str()).collect();
        paths.sort_unstable();
        paths
    }

    #[test]
    fn a_save_is_ready_two_milliseconds_after_its_last_event() {
        let (mut gathering, start) = (Gathering::default(), Instant::now());
        assert_eq!(gathering.due(), None);
        assert!(gathering.note("a".into(), Change::Written, start));
        assert!(!gathering.note("a".into(), Change::Closed, start + milliseconds(1)));
        assert_eq!(gathering.due(), Some(start + milliseconds(3)));
        assert_eq!(paths(&gathering.take(start + milliseconds(3))), ["a"]);
        assert_eq!(gathering.due(), None);
    }

    #[test]
    fn a_stream_of_events_is_handed_out_every_ten_milliseconds() {
        let (mut gathering, start) = (Gathering::default(), Instant::now());
        for number in 0..30 {
            gathering.note(format!("{number}").into(), Change::Closed, start + milliseconds(number));
        }
        assert_eq!(gathering.due(), Some(start + milliseconds(10)));
    }

    #[test]
    fn a_file_in_the_middle_of_writing_waits_for_its_end_but_not_for_ever() {
        let (mut gathering, start) = (Gathering::default(), Instant::now());
        gathering.note("closed".into(), Change::Closed, start);
        gathering.note("open".into(), Change::Written, start);
        assert_eq!(paths(&gathering.take(start + milliseconds(2))), ["closed"]);
        assert_eq!(gathering.due(), Some(start + OPEN_LONGEST));
        gathering.note("open".into(), Change::Written, start + milliseconds(50));
        assert!(gathering.take(start + milliseconds(60)).hints.is_empty());
        assert_eq!(paths(&gathering.take(start + OPEN_LONGEST)), ["open"]);

        gathering.note("open".into(), Change::Written, start);
        gathering.take(start + milliseconds(2));
        assert!(gathering.note("open".into(), Change::Closed, start + milliseconds(20)));
        assert_eq!(gathering.due(), Some(start + milliseconds(22)));
        assert_eq!(paths(&gathering.take(start + milliseconds(22))), ["open"]);
    }

    #[test]
    fn what_is_made_and_removed_within_a_batch_is_new_and_what_was_there_before_is_not() {
        let (mut gathering, start) = (Gathering::default(), Instant::now());
        for change in [Change::Created, Change::Closed, Change::Left] {
            gathering.note("4913".into(), change, start);
        }
        for change in [Change::Left, Change::Created, Change::Closed] {
            gathering.note("saved".into(), change, start);
        }
        gathering.note("moved".into(), Change::Arrived, start);
        let batch = gathering.take(start);
        let is_new = |path: &str| batch.hints[std::path::Path::new(path)].is_new;
        assert_eq!([is_new("4913"), is_new("saved"), is_new("moved")], [true, false, false]);
        let has_left = |path: &str| batch.hints[std::path::Path::new(path)].has_left;
        assert_eq!(
            [has_left("4913"), has_left("saved"), has_left("moved")],
            [true, true, false]
        );
        assert!(batch.hints.values().all(|hint| hint.has_come));
    }

    #[test]
    fn too_many_paths_become_the_admission_that_anything_may_have_changed() {
        let (mut gathering, start) = (Gathering::default(), Instant::now());
        for number in 0..=PATHS_LIMIT * 3 {
            gathering.note(format!("{number}").into(), Change::Closed, start);
        }
        let batch = gathering.take(start);
        assert!(batch.is_incomplete && !batch.has_losses && batch.hints.is_empty());
        gathering.note("after".into(), Change::Closed, start);
        assert!(!gathering.take(start).is_incomplete, "the next batch starts over");
    }

    #[test]
    fn lost_events_make_a_batch_incomplete() {
        let (mut gathering, start) = (Gathering::default(), Instant::now());
        gathering.note("a".into(), Change::Closed, start);
        gathering.lose(start);
        let batch = gathering.take(start);
        assert!(batch.is_incomplete && batch.has_losses && batch.hints.is_empty());
    }
}
