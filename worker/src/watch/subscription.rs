//! The one door to the notify package: which paths the system is asked to report on. On Linux each directory is watched by
//! itself, so that ignored ones cost nothing; elsewhere the system reports on a whole tree.
//! Never decides which directories those are: see tree.rs.

use std::io;
use std::path::Path;
use std::sync::Arc;

use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::inbox::Inbox;

/// Whether the system reports on single directories only.
pub(super) const PER_DIRECTORY: bool = cfg!(target_os = "linux");

/// What the system reports to an inbox. Dropping it ends the reports.
pub(super) struct Subscription {
    watcher: RecommendedWatcher,
}

/// Why the system does not report on a path.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The system's limit on watched directories is reached: raise it; until then comparisons find what changes.
    #[error(
        "the system watches no more directories: raise fs.inotify.max_user_watches (sysctl), or ignore directories in \
         .quarryignore"
    )]
    TooManyWatches,
    /// The system's limit on watchers is reached: raise it, or end other programs that watch files.
    #[error("the system allows no more watchers: raise fs.inotify.max_user_instances (sysctl)")]
    TooManyWatchers,
    /// Our own limit is reached: see `watch.max_directories`.
    #[error(
        "the repository has more directories than watch.max_directories: raise it, or ignore some in .quarryignore"
    )]
    OverOurLimit,
    /// Nothing (readable) is there (any more).
    #[error("nothing can be watched there")]
    Unwatchable,
    /// Anything else the system says.
    #[error(transparent)]
    System(notify::Error),
}

impl Subscription {
    /// Opens a door through which events come to `inbox`.
    pub(super) fn open(inbox: Arc<Inbox>) -> Result<Subscription, Refusal> {
        let watcher = notify::recommended_watcher(move |event| inbox.deliver(event)).map_err(refusal)?;
        Ok(Subscription { watcher })
    }

    /// Asks for reports on what lies directly in `directory`. Asking again is allowed, and needed when another directory
    /// may have taken the place of the one that was asked for.
    pub(super) fn add_directory(&mut self, directory: &Path) -> Result<(), Refusal> {
        self.watcher
            .watch(directory, RecursiveMode::NonRecursive)
            .map_err(refusal)
    }

    /// Asks for reports on everything below `root`.
    pub(super) fn add_tree(&mut self, root: &Path) -> Result<(), Refusal> {
        self.watcher.watch(root, RecursiveMode::Recursive).map_err(refusal)
    }

    /// No more reports on this directory.
    pub(super) fn remove(&mut self, directory: &Path) {
        // It is not watched any more when it is gone, which is what is wanted.
        let _ = self.watcher.unwatch(directory);
    }
}

fn refusal(error: notify::Error) -> Refusal {
    match &error.kind {
        ErrorKind::MaxFilesWatch => Refusal::TooManyWatches,
        ErrorKind::PathNotFound | ErrorKind::WatchNotFound => Refusal::Unwatchable,
        ErrorKind::Io(cause) => match cause.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied => {
                Refusal::Unwatchable
            }
            // EMFILE and ENFILE have no name of their own; inotify says the first when its limit is reached.
            _ if matches!(cause.raw_os_error(), Some(23 | 24)) => Refusal::TooManyWatchers,
            _ => Refusal::System(error),
        },
        _ => Refusal::System(error),
    }
}
