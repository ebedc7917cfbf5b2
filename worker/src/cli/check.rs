//! `quarry check`: compares the index with the tree, file by file, and says what differs. Ends with status 1 if anything
//! does. Repairs nothing: it names the command that does.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use quarry_codebase::{DifferenceKind, Repository};
use quarry_registry::{Project, Registry};
use serde_json::{Value, json};

use super::output;
use super::session::{Located, Session, canonical_as_far_as_possible};
use crate::check::{Check, Checked};
use crate::walk::WalkOptions;

/// How often a wait looks at the queue.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Differences printed for a person; all that are known are in --json.
const SHOWN_DIFFERENCES: usize = 50;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only the repository at or above this path [default: all of the project]
    pub(super) path: Option<PathBuf>,
    /// Project to check [default: the project of the current directory]
    #[arg(long)]
    project: Option<String>,
    /// Wait first until nothing is pending
    #[arg(long)]
    wait: bool,
    /// Seconds that --wait waits at most
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout_s: u64,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What became of one repository.
enum Outcome {
    Compared(Checked),
    /// Its files cannot be read here; why.
    NotComparable(String),
}

pub(super) async fn run(session: &Session, arguments: Arguments) -> Result<()> {
    let registry = session.registry().await?;
    let (project, repositories) = chosen(session, &registry, &arguments).await?;
    let database = registry.database(&project).await?;
    let mut outcomes = Vec::with_capacity(repositories.len());
    for repository in repositories {
        if let Some(reason) = why_not_comparable(session, &repository)? {
            outcomes.push((repository, Outcome::NotComparable(reason)));
            continue;
        }
        let check = Check {
            registry: registry.clone(),
            project: project.clone(),
            database: database.clone(),
            repository_id: repository.id,
            root: PathBuf::from(&repository.root),
            walk: WalkOptions {
                max_file_bytes: session.config.max_file_bytes(),
                ..WalkOptions::default()
            },
        };
        if arguments.wait {
            wait_until_settled(session, &check, Duration::from_secs(arguments.timeout_s)).await?;
        }
        let checked = check
            .run()
            .await
            .with_context(|| format!("compare {} with its index", repository.root))?;
        outcomes.push((repository, Outcome::Compared(checked)));
    }
    if arguments.json {
        output::json(&describe(&project, &outcomes))?;
    } else {
        for (repository, outcome) in &outcomes {
            print(&project, repository, outcome)?;
        }
    }
    if !outcomes
        .iter()
        .any(|(_, outcome)| matches!(outcome, Outcome::Compared(_)))
    {
        bail!("nothing could be compared: no repository of this project lies on this machine");
    }
    if !is_equal(&outcomes) {
        bail!("the index of project {} differs from the tree", project.name.as_str());
    }
    Ok(())
}

async fn chosen(session: &Session, registry: &Registry, arguments: &Arguments) -> Result<(Project, Vec<Repository>)> {
    if let Some(path) = &arguments.path {
        let below = canonical_as_far_as_possible(path)?;
        let located = session
            .locate_above(registry, &below, arguments.project.as_deref())
            .await?;
        let Located { project, repository } = located.with_context(|| {
            let path = path.display();
            format!("{path} lies in no indexed repository: run `quarry index {path}`")
        })?;
        return Ok((project, vec![repository]));
    }
    let project = session.project(registry, arguments.project.as_deref()).await?;
    let repositories = quarry_codebase::repositories(&registry.database(&project).await?).await?;
    if repositories.is_empty() {
        bail!(
            "nothing is indexed in project {}: run `quarry index PATH`",
            project.name.as_str()
        );
    }
    Ok((project, repositories))
}

fn why_not_comparable(session: &Session, repository: &Repository) -> Result<Option<String>> {
    Ok(if repository.remote.is_some() {
        Some("it is a git URL, and lies in no directory".to_owned())
    } else if !session.hosts()?.contains(&repository.host) {
        Some(format!("its files are on {}", repository.host))
    } else if !Path::new(&repository.root).is_dir() {
        Some("its directory is gone".to_owned())
    } else {
        None
    })
}

/// Returns when nothing waits or runs for the repository, or what is left stands parked.
async fn wait_until_settled(session: &Session, check: &Check, limit: Duration) -> Result<()> {
    let until = Instant::now() + limit;
    loop {
        let pending = check.pending().await?;
        let waits = pending.sync || pending.lanes > 0;
        if !waits {
            return Ok(());
        }
        let root = check.root.display();
        if quarry_queue::workers_alive(check.registry.pool(), &session.host()?).await? == 0 {
            bail!(
                "{} files of {root} wait and no worker is alive on this machine: start one with `quarry worker`, or run \
                 `quarry index {root} --wait`",
                pending.files
            );
        }
        if Instant::now() >= until {
            bail!(
                "{} files of {root} still wait after {} s",
                pending.files,
                limit.as_secs()
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn is_anything_compared(outcomes: &[(Repository, Outcome)]) -> bool {
    outcomes
        .iter()
        .any(|(_, outcome)| matches!(outcome, Outcome::Compared(_)))
}

fn is_equal(outcomes: &[(Repository, Outcome)]) -> bool {
    let differs_nowhere = outcomes.iter().all(|(_, outcome)| match outcome {
        Outcome::Compared(checked) => checked.differences.is_empty(),
        Outcome::NotComparable(_) => true,
    });
    differs_nowhere && is_anything_compared(outcomes)
}

fn describe(project: &Project, outcomes: &[(Repository, Outcome)]) -> Value {
    let repositories: Vec<Value> = outcomes
        .iter()
        .map(|(repository, outcome)| match outcome {
            Outcome::Compared(checked) => json!({
                "repository": repository.root,
                "files": checked.files,
                "chunks": checked.chunks,
                "differences": checked.differences,
                "more_differences": checked.more,
                "pending": checked.pending,
                "pending_sync": checked.pending_sync,
                "remedy": remedy(project, repository, checked),
            }),
            Outcome::NotComparable(reason) => json!({
                "repository": repository.root,
                "host": repository.host,
                "not_comparable": reason,
            }),
        })
        .collect();
    json!({
        "project": project.name.as_str(),
        "repositories": repositories,
        "equal": is_equal(outcomes),
    })
}

fn print(project: &Project, repository: &Repository, outcome: &Outcome) -> Result<()> {
    let root = &repository.root;
    let checked = match outcome {
        Outcome::NotComparable(reason) => return output::line(format!("{root}: cannot be compared: {reason}")),
        Outcome::Compared(checked) => checked,
    };
    let verdict = match checked.differences.len() {
        0 => "equal".to_owned(),
        1 => "1 difference".to_owned(),
        many if checked.more => format!("more than {many} differences"),
        many => format!("{many} differences"),
    };
    let mut summary = format!("{root}: {} files, {} chunks: {verdict}", checked.files, checked.chunks);
    if checked.pending > 0 {
        summary.push_str(&format!("; {} files wait", checked.pending));
    }
    if checked.pending_sync {
        summary.push_str("; a comparison of the whole tree waits");
    }
    output::line(summary)?;
    for found in checked.differences.iter().take(SHOWN_DIFFERENCES) {
        let place = if found.path.is_empty() { "-" } else { &found.path };
        output::line(output::printable(&format!(
            "  {:<12} {place}: {}",
            found.kind, found.detail
        )))?;
    }
    if checked.differences.len() > SHOWN_DIFFERENCES {
        output::line("  …")?;
    }
    if let Some(remedy) = remedy(project, repository, checked) {
        output::line(format!("  to put it right: {remedy}"))?;
    }
    Ok(())
}

/// The command that puts all of it right.
fn remedy(project: &Project, repository: &Repository, checked: &Checked) -> Option<String> {
    let strongest = checked.differences.iter().map(|found| strength(found.kind)).max()?;
    let root = output::shell_word(&repository.root);
    let project = project.name.as_str();
    let index = format!("quarry index {root} --project {project} --wait");
    Some(match strongest {
        Remedy::Sync => index,
        Remedy::Full => format!("{index} --full"),
        Remedy::Anew => format!("quarry repository remove {root} --project {project} && {index}"),
    })
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Remedy {
    /// A comparison of the tree with the stored hashes sees it.
    Sync,
    /// Reading and cutting every file again replaces it.
    Full,
    /// Runs that find the same text leave it as it is: only an index made anew is free of it.
    Anew,
}

fn strength(kind: DifferenceKind) -> Remedy {
    match kind {
        DifferenceKind::Missing
        | DifferenceKind::Extra
        | DifferenceKind::Content
        | DifferenceKind::Outdated
        | DifferenceKind::Counter
        | DifferenceKind::Parked => Remedy::Sync,
        DifferenceKind::Stamp | DifferenceKind::File | DifferenceKind::Chunk => Remedy::Full,
        DifferenceKind::Vector | DifferenceKind::LooseChunks | DifferenceKind::Lexical | DifferenceKind::Fence => {
            Remedy::Anew
        }
    }
}
