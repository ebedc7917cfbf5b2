//! Turns the events of one repository into paths to index and comparisons to make. Runs on a thread of its own, because it
//! reads the disk; what it finds it puts into the outbox. Events are hints: what counts is what is on the disk now.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use super::gap::Clocks;
use super::gathering::{Batch, Hint};
use super::inbox::{Arrival, Inbox};
use super::outbox::Outbox;
use super::pace::{Handed, Pace, Reason};
use super::tree::{Tree, TreeOptions};
use crate::walk::{SkipReason, Verdict, is_rule_file};

/// How often the root and the clocks are looked at: a system call or two.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How well a repository is watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Health {
    /// Directories that the system reports on.
    pub(crate) directories: usize,
    /// What keeps changes from being seen at once; none when nothing does.
    pub(crate) problem: Option<String>,
}

/// When comparisons are made that no event asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rescans {
    /// While everything is watched; none: never.
    pub(super) every: Option<Duration>,
    /// While something is not.
    pub(super) poll: Duration,
}

/// Watches one repository.
pub(super) struct Observer {
    options: TreeOptions,
    rescans: Rescans,
    /// None: the root is gone, and looked for.
    tree: Option<Tree>,
    inbox: Arc<Inbox>,
    outbox: Arc<Outbox>,
    health: watch::Sender<Health>,
    pace: Pace,
    /// Watch everything anew before the next comparison.
    must_watch_anew: bool,
    clocks: Clocks,
    last_rescan: Instant,
    next_look: Instant,
}

impl Observer {
    /// `tree` is watched already, its events wait in `inbox`.
    pub(super) fn new(
        options: TreeOptions,
        rescans: Rescans,
        tree: Tree,
        (inbox, outbox): (Arc<Inbox>, Arc<Outbox>),
        health: watch::Sender<Health>,
    ) -> Observer {
        let now = Instant::now();
        let observer = Observer {
            options,
            rescans,
            tree: Some(tree),
            inbox,
            outbox,
            health,
            pace: Pace::new(now),
            must_watch_anew: false,
            clocks: Clocks::new(now, SystemTime::now()),
            last_rescan: now,
            next_look: now + LOOK_EVERY,
        };
        observer.report();
        observer
    }

    /// Observes until the inbox is closed. Blocks.
    pub(super) fn run(mut self) {
        loop {
            let until = self.pace.due().map_or(self.next_look, |due| due.min(self.next_look));
            match self.inbox.wait(until) {
                Arrival::Batch(batch) => self.judge(batch, Instant::now()),
                Arrival::Nothing => {}
                Arrival::Closed => return,
            }
            let now = Instant::now();
            if now >= self.next_look {
                self.next_look = now + LOOK_EVERY;
                self.look_around(now);
            }
            self.hand_on(now);
        }
    }

    fn hand_on(&mut self, now: Instant) {
        let handed = self.pace.take(now);
        if let Some(reason) = handed.sync {
            tracing::info!("comparing {}: {reason}", self.options.root.display());
            // Watched first: what changes after the comparison has passed is reported.
            if std::mem::take(&mut self.must_watch_anew) {
                self.watch_anew();
            }
        }
        if handed != Handed::default() {
            self.outbox.add(handed);
        }
    }

    fn compare_now(&mut self, reason: Reason, now: Instant) {
        self.watch_anew();
        self.last_rescan = now;
        tracing::info!("comparing {}: {reason}", self.options.root.display());
        let sync = Some(reason);
        self.outbox.add(Handed {
            sync,
            ..Handed::default()
        });
    }

    fn watch_anew(&mut self) {
        if let Some(tree) = &mut self.tree {
            tree.watch_everything();
        }
        self.report();
    }

    fn report(&self) {
        let health = match &self.tree {
            Some(tree) => Health {
                directories: tree.directories(),
                problem: tree.refusal().map(ToString::to_string),
            },
            None => Health {
                directories: 0,
                problem: Some("the directory is gone".to_owned()),
            },
        };
        let root = self.options.root.display();
        self.health.send_if_modified(|before| {
            if health.problem != before.problem {
                match &health.problem {
                    Some(problem) => tracing::warn!("{root}: {problem}"),
                    None => tracing::info!("{root} is watched completely"),
                }
            }
            let is_other = *before != health;
            *before = health;
            is_other
        });
    }

    /// What no event tells: the root is another directory, the machine slept, it is time for a comparison.
    fn look_around(&mut self, now: Instant) {
        let jumped = self.clocks.jumped(now, SystemTime::now());
        let Some(tree) = &self.tree else {
            return self.find_root(now);
        };
        if !tree.is_in_place() {
            return self.find_root(now);
        }
        let pause = match tree.refusal() {
            Some(_) => Some(
                self.rescans
                    .every
                    .map_or(self.rescans.poll, |every| every.min(self.rescans.poll)),
            ),
            None => self.rescans.every,
        };
        if jumped {
            self.compare_now(Reason::ClockJumped, now);
        } else if pause.is_some_and(|pause| now >= self.last_rescan + pause) {
            self.compare_now(Reason::Rescan, now);
        }
    }

    /// The directory that was watched is gone or replaced. Its index stays until it is there again or removed by hand.
    fn find_root(&mut self, now: Instant) {
        let was_there = self.tree.take().is_some();
        if let Ok(tree) = Tree::open(self.options.clone(), self.inbox.clone()) {
            self.tree = Some(tree);
            self.last_rescan = now;
            self.pace.want_sync(Reason::RootReturned, now);
        }
        if was_there || self.tree.is_some() {
            self.report();
        }
    }

    fn judge(&mut self, batch: Batch, now: Instant) {
        let Some(tree) = &mut self.tree else { return };
        if batch.is_incomplete {
            self.must_watch_anew = true;
            let reason = if batch.has_losses {
                Reason::EventsLost
            } else {
                Reason::ManyChanges
            };
            self.pace.want_sync(reason, now);
        }
        let root = tree.root().to_owned();
        if batch.hints.get(&root).is_some_and(|hint| hint.has_left) {
            return self.find_root(now);
        }
        self.judge_git(&batch, now);
        for (path, hint) in &batch.hints {
            match path.strip_prefix(&root).map(Path::to_str) {
                Ok(Some("")) | Ok(None) | Err(_) => self.judge_outside(path, now),
                Ok(Some(".git")) if hint.has_come || hint.has_left => self.rules_changed(now),
                Ok(Some(relative)) if !relative.starts_with(".git/") => self.judge_path(relative, *hint, now),
                Ok(Some(_)) => self.judge_outside(path, now),
            }
        }
    }

    /// Git's own files come first: they say whether the others are the work of git.
    fn judge_git(&mut self, batch: &Batch, now: Instant) {
        let Some(tree) = &mut self.tree else { return };
        let Some(git) = &mut tree.git else { return };
        let lock = git.lock();
        if batch.hints.contains_key(&lock) {
            if lock.exists() {
                self.pace.hold(now);
            } else {
                self.pace.release(now);
            }
        }
        if batch.hints.keys().any(|path| git.holds(path)) && git.moved() {
            self.pace.want_sync(Reason::GitMoved, now);
            tree.watch_outside();
        }
    }

    fn judge_outside(&mut self, path: &Path, now: Instant) {
        if self.tree.as_ref().is_some_and(|tree| tree.is_outer_rule_file(path)) {
            self.rules_changed(now);
        }
    }

    fn rules_changed(&mut self, now: Instant) {
        if let Some(tree) = &mut self.tree {
            tree.forget_rules();
        }
        self.must_watch_anew = true;
        self.pace.want_sync(Reason::RulesChanged, now);
    }

    fn judge_path(&mut self, relative: &str, hint: Hint, now: Instant) {
        let Some(tree) = &mut self.tree else { return };
        let parent = relative.rsplit_once('/').map_or("", |(parent, _)| parent);
        // The system may still report on a directory that has just come to be ignored.
        if !tree.is_entered(parent) && !self.must_watch_anew {
            return;
        }
        if is_rule_file(relative) {
            self.rules_changed(now);
        }
        let Some(tree) = &mut self.tree else { return };
        let found = fs::symlink_metadata(tree.root().join(relative)).ok();
        match found {
            Some(metadata) if metadata.is_dir() => self.judge_directory(relative, hint, now),
            Some(_) => {
                if tree.forget(relative) {
                    self.pace.want_sync(Reason::DirectoryMoved, now);
                }
                self.mark(relative, now);
            }
            None if tree.forget(relative) => self.pace.want_sync(Reason::DirectoryMoved, now),
            // An editor's intermediate file came and went.
            None if hint.is_new => {
                if self.may_be_stored(relative) {
                    self.pace.mark_later(relative.to_owned(), now);
                }
            }
            None => self.mark(relative, now),
        }
    }

    fn judge_directory(&mut self, relative: &str, hint: Hint, now: Instant) {
        let Some(tree) = &mut self.tree else { return };
        let was_entered = tree.is_entered(relative);
        if hint.has_left {
            if tree.forget(relative) {
                self.pace.want_sync(Reason::DirectoryMoved, now);
            } else {
                // A file was there before.
                self.mark(relative, now);
            }
        } else if was_entered && !hint.has_come {
            // Its mode changed. What an unreadable directory holds is unknown, which a comparison knows how to treat.
            let is_readable = fs::read_dir(tree.root().join(relative)).is_ok();
            if !is_readable && tree.forget(relative) {
                self.pace.want_sync(Reason::DirectoryMoved, now);
            }
            return;
        }
        let Some(tree) = &mut self.tree else { return };
        for file in tree.enter_new(relative) {
            self.mark(&file, now);
        }
        self.report();
    }

    /// Asks for a file to be looked at.
    fn mark(&mut self, relative: &str, now: Instant) {
        if self.may_be_stored(relative) {
            self.pace.mark(relative.to_owned(), now);
        }
    }

    /// False: it cannot be in the index, whatever it holds.
    fn may_be_stored(&mut self, relative: &str) -> bool {
        let Some(tree) = &mut self.tree else { return false };
        let verdict = tree.rules().verdict(relative);
        tracing::debug!(file.path = relative, "{relative} changed: {verdict:?}");
        match verdict {
            Verdict::Index => true,
            // It may have been smaller, or a plain file, when it was indexed.
            Verdict::Skip(reason) => matches!(
                reason,
                SkipReason::TooLarge | SkipReason::Symlink | SkipReason::Special | SkipReason::Unreadable
            ),
        }
    }
}
