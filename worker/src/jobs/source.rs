//! Where a run reads the files of its repository: the directory itself, or the checkout of one commit of a git URL.
//! Hands out a root that holds still for the whole run where it is a commit. Compares and indexes nothing.
//!
//! All lanes of a git URL read the commit that stands in the project's database, on whichever machine they run. Only a sync
//! chooses another one, and then marks what waits once more: see [`Source::is_current`].

use std::path::PathBuf;

use quarry_codebase::{GitState, Remote, Repository};
use quarry_lifecycle::GIT_HOST;
use quarry_queue::{Priority, SyncRequest};
use quarry_registry::GitUrl;

use super::{JobError, Run};
use crate::clones::{CloneError, Tree};
use crate::git::git_state;
use crate::walk::WalkOptions;

/// The files of a repository.
pub(crate) struct Source {
    pub(crate) repository: Repository,
    pub(crate) root: PathBuf,
    pub(crate) walk: WalkOptions,
    /// Keeps the checkout; none for a directory.
    tree: Option<Tree>,
}

impl From<CloneError> for JobError {
    fn from(error: CloneError) -> Self {
        match error {
            CloneError::Refused(_) | CloneError::TooLarge { .. } => JobError::Permanent(error.to_string()),
            CloneError::CommitGone(_) | CloneError::Failed(_) | CloneError::Cache(_) => {
                JobError::Transient(error.into())
            }
        }
    }
}

impl Run {
    /// The newest state of the repository. For a git URL that is fetched, and becomes what all lanes read.
    pub(super) async fn newest_source(&self) -> Result<Source, JobError> {
        let repository = self.repository().await?;
        let queue = self.context.registry.pool();
        let Some(remote) = &repository.remote else {
            // A file that a run has read and not yet published is neither stored nor, when its directory was moved away or
            // has come to be ignored meanwhile, in the tree: no comparison would find it. Its mark is renewed, and it is read
            // once more.
            quarry_queue::mark_waiting_again(queue, &self.claim).await?;
            return self.directory(repository);
        };
        quarry_queue::report_progress(queue, &self.claim, "fetching", 0, None).await?;
        let url = parse(remote)?;
        let tree = tokio::select! {
            tree = self.context.clones.newest(&url, remote.branch.as_deref()) => tree?,
            () = self.stop.cancelled() => return Err(JobError::Stopped),
        };
        // First what is to be read, then the marks that were made for what was read before, and only then the comparison:
        // a lane that publishes the old commit's text meanwhile finds its marks renewed and reads once more.
        if quarry_codebase::record_target(&self.database, &self.fence(), repository.id, &tree.commit).await? {
            quarry_queue::mark_waiting_again(queue, &self.claim).await?;
        }
        Ok(self.checkout(repository, tree))
    }

    /// What the lanes of the repository read now.
    pub(super) async fn source(&self) -> Result<Source, JobError> {
        let repository = self.repository().await?;
        let Some(remote) = &repository.remote else {
            return self.directory(repository);
        };
        let Some(commit) = &remote.target_commit else {
            let reason = "the repository was not fetched yet: its sync does that";
            return Err(JobError::Transient(anyhow::anyhow!(reason)));
        };
        match self
            .context
            .clones
            .at(&parse(remote)?, commit, remote.branch.as_deref())
            .await
        {
            Ok(tree) => Ok(self.checkout(repository, tree)),
            // Somebody rewrote the branch. A sync finds what stands there now, and this lane waits for it.
            Err(error @ CloneError::CommitGone(_)) => {
                self.ask_for_sync(&repository).await?;
                Err(JobError::Transient(
                    anyhow::Error::from(error).context("a new sync of the repository was asked for"),
                ))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn ask_for_sync(&self, repository: &Repository) -> Result<(), JobError> {
        let request = SyncRequest {
            priority: Priority::Sync,
            ..SyncRequest::new("quarry")
        };
        let (queue, project) = (self.context.registry.pool(), self.claim.lane.project_id);
        quarry_queue::enqueue_sync(queue, project, repository.id, Some(GIT_HOST), request).await?;
        Ok(())
    }

    async fn repository(&self) -> Result<Repository, JobError> {
        let id = self
            .claim
            .lane
            .repository_id
            .expect("lanes of this kind belong to a repository");
        Ok(quarry_codebase::find_repository(&self.database, id).await?)
    }

    fn directory(&self, repository: Repository) -> Result<Source, JobError> {
        let root = PathBuf::from(&repository.root);
        if !root.is_dir() {
            return Err(JobError::Permanent(format!(
                "the directory {} is gone: put it back, or run `quarry repository remove {}`",
                root.display(),
                root.display()
            )));
        }
        Ok(Source {
            repository,
            root,
            walk: self.context.walk,
            tree: None,
        })
    }

    fn checkout(&self, repository: Repository, tree: Tree) -> Source {
        Source {
            repository,
            root: tree.root.clone(),
            // The ignore rules of whoever runs this worker are not those of the other machines.
            walk: WalkOptions {
                personal_ignore_rules: false,
                ..self.context.walk
            },
            tree: Some(tree),
        }
    }
}

impl Source {
    /// What git says of it, for people.
    pub(super) async fn git_state(&self) -> Option<GitState> {
        match &self.tree {
            None => git_state(&self.root).await,
            Some(tree) => Some(GitState {
                commit: Some(tree.commit.clone()),
                branch: tree.branch.clone(),
                dirty: Some(false),
            }),
        }
    }

    /// Whether this still is what the lanes are to read. Asked after marks were read and before they are dropped: marks that
    /// were made for a newer commit must not be dropped for the text of this one.
    pub(crate) async fn is_current(&self, run: &Run) -> Result<bool, JobError> {
        let Some(tree) = &self.tree else { return Ok(true) };
        let target = quarry_codebase::target_commit(&run.database, self.repository.id).await?;
        Ok(target.as_deref() == Some(tree.commit.as_str()))
    }
}

/// Parsed again, because a row of a database is not a place where a URL becomes harmless.
fn parse(remote: &Remote) -> Result<GitUrl, JobError> {
    GitUrl::parse(&remote.fetch_url).map_err(|error| JobError::Permanent(error.to_string()))
}
