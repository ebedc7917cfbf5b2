//! Where the system's events arrive. Translates them, gathers them and wakes the observer when a batch is ready.
//! Never blocks the thread that delivers events and never keeps more than a batch of paths.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use notify::EventKind;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};

use super::gathering::{Batch, Change, Gathering};

/// Only inotify says when a file that was written is closed.
const TELLS_CLOSE: bool = cfg!(target_os = "linux");

/// Events of one repository on their way from the system to its observer.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    gathering: Gathering,
    is_closed: bool,
}

/// What waiting for events came to.
pub(super) enum Arrival {
    Batch(Batch),
    /// Nothing until the given instant.
    Nothing,
    /// Nobody wants events any more.
    Closed,
}

impl Inbox {
    /// Takes up what the system says.
    pub(super) fn deliver(&self, event: notify::Result<notify::Event>) {
        let now = Instant::now();
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                tracing::debug!("an event could not be read: {error}");
                return self.wake(|gathering| gathering.lose(now));
            }
        };
        if event.need_rescan() {
            return self.wake(|gathering| gathering.lose(now));
        }
        let Some(change) = translate(event.kind) else { return };
        self.wake(|gathering| {
            let noted = event.paths.into_iter().map(|path| gathering.note(path, change, now));
            noted.fold(false, |woken, wakes| woken | wakes)
        });
    }

    /// Waits for the next batch, `until` at the latest.
    pub(super) fn wait(&self, until: Instant) -> Arrival {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            if state.is_closed {
                return Arrival::Closed;
            }
            let due = state.gathering.due();
            if due.is_some_and(|due| due <= now) {
                return Arrival::Batch(state.gathering.take(now));
            }
            if until <= now {
                return Arrival::Nothing;
            }
            let pause = due.map_or(until, |due| due.min(until)) - now;
            (state, _) = self
                .changed
                .wait_timeout(state, pause)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends the observer's waiting for good.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    fn wake(&self, note: impl FnOnce(&mut Gathering) -> bool) {
        if note(&mut self.state().gathering) {
            self.changed.notify_all();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A batch is whole after every step, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an event means; none: nothing changed (a file was opened or read).
fn translate(kind: EventKind) -> Option<Change> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Change::Closed),
        EventKind::Access(_) => None,
        EventKind::Create(CreateKind::File) if TELLS_CLOSE => Some(Change::Created),
        EventKind::Create(_) => Some(Change::Arrived),
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Some(Change::Left),
        // Told a second time, after the two halves of the renaming.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => None,
        EventKind::Modify(ModifyKind::Name(_)) => Some(Change::Arrived),
        EventKind::Modify(ModifyKind::Data(_)) if TELLS_CLOSE => Some(Change::Written),
        EventKind::Modify(_) | EventKind::Any | EventKind::Other => Some(Change::Other),
    }
}
