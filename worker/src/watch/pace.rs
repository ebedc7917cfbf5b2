//! Decides when what changed is handed on: single paths at once, a comparison of the whole tree when it has become quiet,
//! nothing while git is in the middle of writing. Pure: the clock is given.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

/// More changed paths than this at once give way to one comparison of the tree: a tool wrote them, and comparing is cheaper.
pub(super) const MARKS_LIMIT: usize = 500;

/// A comparison waits until nothing has happened for this long …
const QUIET: Duration = Duration::from_millis(100);

/// … or for this long at the latest; git is waited for no longer either.
const LONGEST: Duration = Duration::from_secs(2);

/// What came and went is looked at this much later: by then whoever saw it in between has put it into the index.
const AFTERTHOUGHT: Duration = Duration::from_secs(1);

/// Time between two comparisons that follow each other closely; doubled each time up to a limit.
const SPACING: Duration = Duration::from_secs(1);

/// Limit of the spacing.
const SPACING_LIMIT: Duration = Duration::from_secs(4);

/// Limit when events are lost: reading a huge tree may itself cause the loss, and must not repeat itself for ever.
const SPACING_LIMIT_AFTER_LOSS: Duration = Duration::from_secs(60);

/// Why a repository is compared as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Started,
    ManyChanges,
    EventsLost,
    GitMoved,
    DirectoryMoved,
    RulesChanged,
    RootReturned,
    ClockJumped,
    Rescan,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Reason::Started => "watching has begun",
            Reason::ManyChanges => "many files changed at once",
            Reason::EventsLost => "the system lost events",
            Reason::GitMoved => "git moved to another commit",
            Reason::DirectoryMoved => "a directory was moved or removed",
            Reason::RulesChanged => "an ignore file changed",
            Reason::RootReturned => "the directory is there again",
            Reason::ClockJumped => "the machine was asleep",
            Reason::Rescan => "it was time to look",
        })
    }
}

/// What is to be handed on now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Handed {
    pub(super) marks: BTreeSet<String>,
    pub(super) sync: Option<Reason>,
}

/// What changed and has not been handed on.
#[derive(Debug)]
pub(super) struct Pace {
    marks: BTreeSet<String>,
    afterthoughts: BTreeSet<String>,
    afterthoughts_due: Option<Instant>,
    sync: Option<Wanted>,
    held_since: Option<Instant>,
    is_held: bool,
    last_change: Instant,
    last_sync: Option<Instant>,
    spacing: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Wanted {
    reason: Reason,
    since: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Pace {
        Pace {
            marks: BTreeSet::new(),
            afterthoughts: BTreeSet::new(),
            afterthoughts_due: None,
            sync: None,
            held_since: None,
            is_held: false,
            last_change: now,
            last_sync: None,
            spacing: SPACING,
        }
    }

    /// A file changed.
    pub(super) fn mark(&mut self, path: String, now: Instant) {
        self.last_change = now;
        // What changes before the comparison is asked for is covered by it.
        if self.sync.is_some_and(|wanted| wanted.reason == Reason::ManyChanges) {
            return;
        }
        self.marks.insert(path);
        if self.marks.len() > MARKS_LIMIT {
            self.want_sync(Reason::ManyChanges, now);
        }
    }

    /// A file came and went again, as those that editors save with. Nobody waits for it, but a comparison or a run may have
    /// found it in between.
    pub(super) fn mark_later(&mut self, path: String, now: Instant) {
        self.afterthoughts.insert(path);
        self.afterthoughts_due.get_or_insert(now + AFTERTHOUGHT);
        if self.afterthoughts.len() > MARKS_LIMIT {
            self.afterthoughts.clear();
            self.afterthoughts_due = None;
            self.want_sync(Reason::ManyChanges, now);
        }
    }

    /// Single paths do not tell what changed.
    pub(super) fn want_sync(&mut self, reason: Reason, now: Instant) {
        self.last_change = now;
        if matches!(reason, Reason::ManyChanges | Reason::EventsLost) {
            self.marks.clear();
        }
        let wanted = self.sync.get_or_insert(Wanted { reason, since: now });
        if reason == Reason::EventsLost {
            wanted.reason = reason;
        }
    }

    /// Git began to write, and holds its lock.
    pub(super) fn hold(&mut self, now: Instant) {
        self.is_held = true;
        self.held_since.get_or_insert(now);
    }

    /// Git gave its lock back.
    pub(super) fn release(&mut self, now: Instant) {
        self.is_held = false;
        if self.marks.is_empty() && self.sync.is_none() {
            self.held_since = None;
        }
        self.last_change = now;
    }

    /// When something is to be handed on; none while there is nothing.
    pub(super) fn due(&self) -> Option<Instant> {
        let marks = self.marks_due();
        let sync = self.sync_due();
        [marks, sync, self.afterthoughts_due].into_iter().flatten().min()
    }

    fn marks_due(&self) -> Option<Instant> {
        if self.marks.is_empty() {
            return None;
        }
        let Some(since) = self.held_since else {
            return Some(self.last_change);
        };
        let latest = since + LONGEST;
        // What git wrote under its lock is probably the work of one command: its last step tells whether HEAD moved.
        Some(if self.is_held {
            latest
        } else {
            latest.min(self.last_change + QUIET)
        })
    }

    fn sync_due(&self) -> Option<Instant> {
        let wanted = self.sync?;
        let latest = wanted.since + LONGEST;
        let quiet = if self.is_held { latest } else { self.last_change + QUIET };
        let spaced = self.last_sync.map(|last| last + self.spacing);
        Some(quiet.min(latest).max(spaced.unwrap_or(wanted.since)))
    }

    /// Hands out what is due.
    pub(super) fn take(&mut self, now: Instant) -> Handed {
        let mut handed = Handed::default();
        if self.sync_due().is_some_and(|due| due <= now) {
            handed.sync = self.sync.take().map(|wanted| wanted.reason);
            self.space_out(handed.sync, now);
            // The comparison covers them; what git wrote would otherwise be enqueued twice.
            if self.held_since.is_some() {
                self.marks.clear();
            }
        }
        if handed.sync.is_some() || self.marks_due().is_some_and(|due| due <= now) {
            handed.marks = std::mem::take(&mut self.marks);
            self.held_since = None;
        }
        if self.afterthoughts_due.is_some_and(|due| due <= now) {
            self.afterthoughts_due = None;
            handed.marks.append(&mut self.afterthoughts);
        }
        handed
    }

    fn space_out(&mut self, reason: Option<Reason>, now: Instant) {
        let limit = match reason {
            Some(Reason::EventsLost) => SPACING_LIMIT_AFTER_LOSS,
            _ => SPACING_LIMIT,
        };
        let follows_closely = self.last_sync.is_some_and(|last| now < last + 4 * self.spacing);
        self.spacing = if follows_closely {
            (self.spacing * 2).min(limit)
        } else {
            SPACING
        };
        self.last_sync = Some(now);
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
