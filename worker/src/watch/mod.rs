//! Watches repositories: a saved file is in the queue some milliseconds later. Events are hints and may be lost; a
//! comparison of the whole tree is the truth, and is asked for at the start, from time to time, and whenever events do not
//! tell enough. Hands paths to the queue, which debounces them; never reads a file and never indexes anything.
//!
//! ```text
//! system ─► subscription ─► inbox (gathers a batch) ─► observer (judges it) ─► pace ─► outbox ─► deliver ─► queue
//! ```

mod gathering;
mod inbox;
mod subscription;

mod git_metadata;
mod tree;

mod gap;
mod observer;
mod pace;

mod deliver;
mod outbox;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use quarry_lifecycle::Config;
use quarry_registry::Registry;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use self::observer::Health;

use self::deliver::{Addressee, deliver};
use self::inbox::Inbox;
use self::observer::{Observer, Rescans};
use self::outbox::Outbox;
use self::pace::{Handed, Reason};
use self::tree::{Tree, TreeOptions};
use crate::walk::{WalkError, WalkOptions};

/// The repository to watch.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) project_id: Uuid,
    pub(crate) repository_id: Uuid,
    /// Where workers must be to read it.
    pub(crate) host: String,
    /// Its directory on this machine.
    pub(crate) root: PathBuf,
}

/// How to watch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WatchOptions {
    walk: WalkOptions,
    rescan: Option<Duration>,
    poll: Duration,
    max_directories: usize,
}

impl WatchOptions {
    /// Takes them from the configuration.
    pub(crate) fn from_config(config: &Config) -> WatchOptions {
        WatchOptions {
            walk: WalkOptions {
                max_file_bytes: config.max_file_bytes(),
                ..WalkOptions::default()
            },
            rescan: config.watch_rescan(),
            poll: config.watch_poll(),
            max_directories: config.watch_max_directories(),
        }
    }
}

/// Why a watch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Somebody asked for it.
    Stopped,
    /// The repository is not in its project any more.
    Removed,
}

/// A repository that is watched: nothing that changes in it from now on is missed. Dropping it ends the watching.
pub(crate) struct Watch {
    inbox: Arc<Inbox>,
    outbox: Arc<Outbox>,
    health: watch::Receiver<Health>,
    addressee: Addressee,
    name: String,
}

impl Watch {
    /// Watches the repository and asks for a first comparison, in this order.
    ///
    /// # Errors
    /// When its root cannot be read.
    pub(crate) async fn begin(
        watched: Watched,
        options: WatchOptions,
        registry: Registry,
        requested_by: String,
    ) -> Result<Watch, WalkError> {
        let name = watched.root.display().to_string();
        let (inbox, outbox) = (Arc::new(Inbox::default()), Arc::new(Outbox::default()));
        let (health_sender, health) = watch::channel(Health::default());
        let tree_options = TreeOptions {
            root: watched.root,
            walk: options.walk,
            max_directories: options.max_directories,
        };
        let rescans = Rescans {
            every: options.rescan,
            poll: options.poll,
        };
        let boxes = (inbox.clone(), outbox.clone());
        let opening = tokio::task::spawn_blocking(move || {
            let tree = Tree::open(tree_options.clone(), boxes.0.clone())?;
            Ok(Observer::new(tree_options, rescans, tree, boxes, health_sender))
        });
        let observer = opening.await.expect("opening a tree does not panic")?;
        outbox.add(Handed {
            sync: Some(Reason::Started),
            ..Handed::default()
        });
        // It ends when this watch is dropped; a blocking task of the runtime would keep the process from ending.
        std::thread::spawn(move || observer.run());
        let addressee = Addressee {
            registry,
            project_id: watched.project_id,
            repository_id: watched.repository_id,
            host: watched.host,
            requested_by,
        };
        Ok(Watch {
            inbox,
            outbox,
            health,
            addressee,
            name,
        })
    }

    /// How well the repository is watched, now and later.
    pub(crate) fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Hands what changes to the queue until `stop` is cancelled, or until the repository is removed from its project.
    /// An absent database is waited for.
    pub(crate) async fn run(&self, stop: CancellationToken) -> Ended {
        tokio::select! {
            () = deliver(&self.outbox, &self.addressee, &self.name) => Ended::Removed,
            () = stop.cancelled() => Ended::Stopped,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.inbox.close();
    }
}
