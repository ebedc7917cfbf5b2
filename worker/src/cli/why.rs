//! `quarry why PATH`: why a file or directory is, or is not, in the index. Compares the disk, the rules, the index and the
//! queue, and says the one thing that explains the others. Changes nothing.

mod facts;
mod words;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use clap::Args;
use quarry_codebase::Repository;
use quarry_queue::WaitingFile;
use quarry_registry::{Project, Registry};
use serde::Serialize;

use self::facts::{Below, Facts, State, below, look, state_of};
use self::words::explanation;
use super::output;
use super::session::{Located, Session, canonical_as_far_as_possible, repository_root};
use crate::walk::{LeftOut, WalkOptions};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A file or directory, also one that is gone
    pub(super) path: PathBuf,
    /// Project to look in [default: the project that holds the path]
    #[arg(long)]
    project: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Answer {
    /// Relative to the repository's root; as it was given where there is none.
    path: String,
    state: State,
    /// One or two sentences.
    explanation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<Rule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    indexed: Option<Indexed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<WaitingFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<Below>,
    /// A comparison of the whole tree waits or runs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pending_sync: bool,
    /// What to run, where that would change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

#[derive(Debug, Serialize)]
struct Rule {
    reason: &'static str,
    /// The path or the directory above it that is refused.
    refused: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    detail: String,
}

#[derive(Debug, Serialize)]
struct Indexed {
    at: DateTime<Utc>,
    chunks: i32,
    /// Where the tree stood when it was last compared.
    commit: Option<String>,
}

pub(super) async fn run(session: &Session, arguments: Arguments) -> Result<()> {
    let registry = session.registry().await?;
    let project = arguments.project.as_deref();
    let mut path = entry_path(&arguments.path)?;
    let mut located = session.locate_above(&registry, &path, project).await?;
    if located.is_none() {
        // A link from elsewhere into a repository stands for what it leads to.
        path = canonical_as_far_as_possible(&arguments.path)?;
        located = session.locate_above(&registry, &path, project).await?;
    }
    let answer = match located {
        Some(located) => answer(session, &registry, &located, &path).await?,
        None => outside(&arguments.path, &path),
    };
    if arguments.json {
        return output::json(&answer);
    }
    print(&answer)
}

/// Absolute, the links above it resolved; what lies at the path itself is not followed, because links are not.
fn entry_path(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path).with_context(|| format!("find {}", path.display()))?;
    match (absolute.parent(), absolute.file_name()) {
        (Some(parent), Some(name)) => Ok(canonical_as_far_as_possible(parent)?.join(name)),
        _ => canonical_as_far_as_possible(&absolute),
    }
}

fn outside(given: &Path, path: &Path) -> Answer {
    let root = repository_root(path);
    let is_repository = root.join(".git").exists() || root.join("quarry.toml").exists();
    let explanation = if is_repository {
        format!("The repository {} is not indexed.", root.display())
    } else {
        "It lies in no repository that is indexed.".to_owned()
    };
    let shown = if is_repository { root.as_path() } else { given };
    Answer {
        path: given.display().to_string(),
        state: State::RepositoryNotIndexed,
        explanation,
        project: None,
        repository: is_repository.then(|| root.display().to_string()),
        left_out: None,
        indexed: None,
        waiting: None,
        directory: None,
        pending_sync: false,
        remedy: Some(format!(
            "quarry index {}",
            output::shell_word(&shown.display().to_string())
        )),
    }
}

async fn answer(session: &Session, registry: &Registry, located: &Located, path: &Path) -> Result<Answer> {
    let Located { project, repository } = located;
    let relative = path
        .strip_prefix(&repository.root)
        .expect("a repository is found above its paths")
        .to_str()
        .context("the path is not UTF-8, and such names are left out of the index")?
        .to_owned();
    let options = WalkOptions {
        max_file_bytes: session.config.max_file_bytes(),
        ..WalkOptions::default()
    };
    let database = registry.database(project).await?;
    let (root, looked) = (PathBuf::from(&repository.root), relative.clone());
    let looking = tokio::task::spawn_blocking(move || look(&root, &options, &looked));
    let (left_out, on_disk) = looking.await??;
    let paths = [relative.clone()];
    let mut stored = quarry_codebase::file_states(&database, repository.id, &paths).await?;
    let waiting = quarry_queue::waiting_files(registry.pool(), project.id.0, repository.id, &paths).await?;
    let pending = quarry_queue::pending(registry.pool(), project.id.0, Some(repository.id)).await?;
    let facts = Facts {
        left_out,
        on_disk,
        stored: stored.remove(&relative),
        waiting: waiting.into_iter().next(),
        pending_sync: pending.sync,
    };
    let state = state_of(&facts);
    let directory = match state {
        State::Directory => Some(below(registry, &database, repository, &relative, options).await?),
        _ => None,
    };
    let commit = repository.git.as_ref().and_then(|git| git.commit.clone());
    let remedy = remedy(state, repository, project);
    Ok(Answer {
        explanation: explanation(state, &facts, directory.as_ref(), commit.as_deref()),
        path: if relative.is_empty() { ".".to_owned() } else { relative },
        state,
        project: Some(project.name.as_str().to_owned()),
        repository: Some(repository.root.clone()),
        left_out: facts.left_out.map(Rule::from),
        indexed: facts.stored.map(|stored| Indexed {
            at: stored.indexed_at,
            chunks: stored.chunk_count,
            commit,
        }),
        waiting: facts.waiting,
        directory,
        pending_sync: facts.pending_sync,
        remedy,
    })
}

fn remedy(state: State, repository: &Repository, project: &Project) -> Option<String> {
    let helps = matches!(
        state,
        State::Failed | State::Changed | State::NotIndexed | State::Deleted
    );
    let root = output::shell_word(&repository.root);
    helps.then(|| format!("quarry index {root} --project {} --wait", project.name.as_str()))
}

impl From<LeftOut> for Rule {
    fn from(left_out: LeftOut) -> Rule {
        let rule = left_out.rule;
        Rule {
            reason: left_out.reason.name(),
            refused: left_out.refused,
            file: rule.as_ref().map(|rule| rule.file.display().to_string()),
            line: rule.as_ref().map(|rule| rule.line),
            pattern: rule.map(|rule| rule.pattern),
            detail: left_out.detail,
        }
    }
}

fn print(answer: &Answer) -> Result<()> {
    let place = match (&answer.repository, &answer.project) {
        (Some(repository), Some(project)) => format!(" in {repository} (project {project})"),
        _ => String::new(),
    };
    output::line(output::printable(&format!("{}{place}", answer.path)))?;
    output::line(output::printable(&format!("  {}", answer.explanation)))?;
    match &answer.remedy {
        Some(remedy) => output::line(format!("  to change that: {remedy}")),
        None => Ok(()),
    }
}
