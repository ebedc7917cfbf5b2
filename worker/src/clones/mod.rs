//! Repositories that are named by a git URL, fetched into a cache of this machine: `cache/repositories/<hash of the URL>`.
//! Hands a job the files of one commit in a directory of their own, which stays as long as the job holds the [`Tree`].
//! Never runs anything that a repository brings along, and never takes half a clone for a whole one.
//!
//! Everything a server sends is hostile until shown otherwise. Git runs without hooks, submodules and filters, speaks the
//! allowed protocols only, follows no redirect, and is watched for time and size; links are left out of the files.

mod cache;
mod check_out;
mod explain;
mod fetch;
mod run_git;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use quarry_lifecycle::Config;
use quarry_registry::{GitPolicy, GitUrl};
use tokio::sync::OnceCell;

pub(crate) use self::cache::Tree;
use self::cache::{Cache, forget_unused};
use self::run_git::Git;

/// A branch may move between the look at it and the fetch. Three times in a row is a server that plays games.
const MOST_LOOKS: usize = 3;

/// Clones that no job has read for so long are deleted; one that is needed again is fetched again.
const KEEP_UNUSED: Duration = Duration::from_secs(14 * 24 * 3600);

/// The clones of this machine.
#[derive(Clone)]
pub(crate) struct Clones {
    policy: Arc<GitPolicy>,
    git: Arc<Git>,
    directory: PathBuf,
    refresh: Option<Duration>,
    has_git: Arc<OnceCell<bool>>,
}

/// Why there are no files of a commit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CloneError {
    /// Trying again does not help before a person changes something; the text says what.
    #[error("{0}")]
    Refused(String),
    /// The clone is larger than it may be.
    #[error(
        "the repository is larger than git.max_bytes ({max_bytes} bytes): raise it (QUARRY_GIT_MAX_BYTES) to index it"
    )]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// The server has this commit no more, or gives it to nobody: choose another.
    #[error("commit {0} cannot be fetched any more")]
    CommitGone(String),
    /// May work the next time.
    #[error("{0}")]
    Failed(String),
    /// This machine's disk refuses.
    #[error("use the cache of repositories")]
    Cache(#[from] std::io::Error),
}

impl Clones {
    /// Takes what the settings say. Contacts nobody and creates nothing.
    #[must_use]
    pub(crate) fn new(config: &Config) -> Clones {
        let policy = GitPolicy::from_config(config);
        let git = Git {
            protocols: policy.protocols_for_git(),
            depth: config.git_depth(),
            max_bytes: config.git_max_bytes(),
            timeout: config.git_timeout(),
        };
        Clones {
            policy: Arc::new(policy),
            git: Arc::new(git),
            directory: config.home().join("cache").join("repositories"),
            refresh: config.git_refresh(),
            has_git: Arc::new(OnceCell::new()),
        }
    }

    /// Whether this machine can clone anything: git is there, and the settings do not forbid it altogether.
    pub(crate) async fn is_able(&self) -> bool {
        self.policy.clones_something() && *self.has_git.get_or_init(|| self.git.is_installed()).await
    }

    /// After this long a repository is asked for new commits; none: only when told to.
    pub(crate) fn refresh_after(&self) -> Option<Duration> {
        self.refresh
    }

    /// The newest commit of a branch, or of the server's default branch.
    pub(crate) async fn newest(&self, url: &GitUrl, branch: Option<&str>) -> Result<Tree, CloneError> {
        self.check(url).await?;
        for _ in 0..MOST_LOOKS {
            let head = fetch::head(&self.git, url.given(), branch).await?;
            match self.tree(url, &head.commit, branch).await {
                Ok(mut tree) => {
                    tree.branch = head.branch;
                    return Ok(tree);
                }
                Err(CloneError::CommitGone(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let reason = "the branch changes faster than it can be fetched";
        Err(CloneError::Failed(reason.to_owned()))
    }

    /// The files of one commit. `branch` helps with servers that hand out branches only.
    pub(crate) async fn at(&self, url: &GitUrl, commit: &str, branch: Option<&str>) -> Result<Tree, CloneError> {
        self.check(url).await?;
        self.tree(url, commit, branch).await
    }

    /// Deletes what no job has read for two weeks, unless somebody reads it now.
    pub(crate) async fn tidy(&self) -> Result<(), CloneError> {
        let directory = self.directory.clone();
        blocking(move || forget_unused(&directory, KEEP_UNUSED)).await
    }

    async fn check(&self, url: &GitUrl) -> Result<(), CloneError> {
        if let Err(refusal) = self.policy.check(url) {
            return Err(CloneError::Refused(refusal.to_string()));
        }
        if self.is_able().await {
            return Ok(());
        }
        let reason = "git is not installed on this machine: install it, or start a worker on a machine that has it";
        Err(CloneError::Refused(reason.to_owned()))
    }

    async fn tree(&self, url: &GitUrl, commit: &str, branch: Option<&str>) -> Result<Tree, CloneError> {
        let directory = self
            .directory
            .join(blake3::hash(url.canonical().as_bytes()).to_hex().as_str());
        let (opened, wanted) = (directory.clone(), commit.to_owned());
        let (cache, held) = blocking(move || {
            let cache = Cache::open(&opened)?;
            let held = cache.hold(&wanted)?;
            Ok((cache, held))
        })
        .await?;
        if let Some(tree) = held {
            return Ok(tree);
        }
        // One at a time fetches; those who only read do not come here.
        let _fetching = cache.lock_for_fetch(self.git.timeout * 2).await?;
        let (cache, wanted) = (Arc::new(cache), commit.to_owned());
        let again = Arc::clone(&cache);
        let held = blocking(move || {
            let held = again.hold(&wanted)?;
            again.sweep()?;
            Ok(held)
        });
        if let Some(tree) = held.await? {
            return Ok(tree);
        }
        let made = match self.make(&cache, url.given(), commit, branch).await {
            // A cache that is full of old commits, or damaged, must not stand in the way of the new one.
            Err(error) if cache.is_worth_a_new_start(&error) => {
                tracing::warn!("{url}: cloned anew, because {error}");
                cache.discard_objects()?;
                self.make(&cache, url.given(), commit, branch).await
            }
            made => made,
        };
        made?;
        let wanted = commit.to_owned();
        let held = blocking(move || cache.hold_only(&wanted)).await?;
        held.ok_or_else(|| CloneError::Failed("the files were deleted while they were made".to_owned()))
    }

    async fn make(&self, cache: &Cache, url: &str, commit: &str, branch: Option<&str>) -> Result<(), CloneError> {
        fetch::fetch(&self.git, cache, url, commit, branch).await?;
        check_out::check_out(&self.git, cache, commit).await
    }
}

/// Whether a text is a full object name, as git writes it.
fn is_object_name(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, CloneError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(CloneError::Cache(std::io::Error::other(error))),
    }
}

/// Bytes of all files below a directory; what vanishes meanwhile does not count. Blocks.
fn size_of(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
