//! `quarry watch`: hands what is saved in the given repositories to the queue, until Ctrl-C. Workers do the indexing, here
//! or in other processes.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use quarry_lifecycle::Shutdown;
use quarry_registry::Registry;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::output;
use super::session::{Located, Session, created_by};
use crate::watch::{Ended, Watch, WatchOptions, Watched};

/// How often somebody is looked for who indexes what is saved.
const LOOK_FOR_WORKERS_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Directories of the repositories
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Project to index into [default: named after the directory]
    #[arg(long)]
    project: Option<String>,
}

pub(super) async fn run(session: &Session, command: Arguments) -> Result<()> {
    // Wrong paths are named before anything is started.
    for path in &command.paths {
        super::session::canonical_directory(path)?;
    }
    let registry = session.registry().await?;
    let shutdown = Shutdown::on_signals();
    let mut watching = JoinSet::new();
    for path in &command.paths {
        let located = session
            .locate_or_create(&registry, path, command.project.as_deref())
            .await?;
        let watch = begin(session, &registry, &located).await?;
        output::line(describe(&located, &watch))?;
        watching.spawn(run_one(watch, located.repository.root, shutdown.token()));
    }
    let asking = warn_without_workers(session.host()?, &registry, shutdown.token());
    let watched = async {
        // One that is removed does not end the others.
        let mut ended = Ok(Ended::Stopped);
        while let Some(result) = watching.join_next().await {
            ended = result;
        }
        shutdown.request();
        match ended? {
            Ended::Stopped => Ok(()),
            Ended::Removed => bail!("nothing is left to watch"),
        }
    };
    let ((), watched) = tokio::join!(asking, watched);
    watched
}

/// Begins to watch a repository that is located.
pub(super) async fn begin(session: &Session, registry: &Registry, located: &Located) -> Result<Watch> {
    let watched = Watched {
        project_id: located.project.id.0,
        repository_id: located.repository.id,
        host: located.repository.host.clone(),
        root: PathBuf::from(&located.repository.root),
    };
    let options = WatchOptions::from_config(&session.config);
    Watch::begin(watched, options, registry.clone(), created_by())
        .await
        .with_context(|| format!("watch {}", located.repository.root))
}

/// One line for a person.
pub(super) fn describe(located: &Located, watch: &Watch) -> String {
    let health = watch.health().borrow().clone();
    let mut line = format!(
        "watching {} in project {}: {} directories",
        located.repository.root,
        located.project.name.as_str(),
        health.directories
    );
    if let Some(problem) = health.problem {
        line.push_str(&format!("; changes elsewhere are found later: {problem}"));
    }
    line
}

/// Watches one repository to the end, and says when that is not what was asked for.
pub(super) async fn run_one(watch: Watch, root: String, stop: CancellationToken) -> Ended {
    let ended = watch.run(stop).await;
    if ended == Ended::Removed {
        output::notice(format!("no longer watching {root}: it was removed from its project"));
    }
    ended
}

/// Says when nobody indexes what is saved, and when somebody does again.
async fn warn_without_workers(host: String, registry: &Registry, stop: CancellationToken) {
    let mut had_workers = true;
    loop {
        // A database that does not answer is reported by those who need it.
        if let Ok(alive) = quarry_queue::workers_alive(registry.pool(), &host).await {
            if alive == 0 && had_workers {
                output::notice("no worker is running, so what is saved waits: start one with `quarry worker`");
            } else if alive > 0 && !had_workers {
                output::notice("a worker is running");
            }
            had_workers = alive > 0;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_FOR_WORKERS_EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}
