//! One repository's part of the cache, shared by all processes of this machine:
//!
//! ```text
//! objects.git/    what was fetched: a bare repository, one at a time writes
//! trees/<commit>/ the files of a commit; a name appears when all of them are there
//! held/<commit>   locked, shared, by everybody who reads these files
//! new/            what is being made; whatever is found there is left over from a crash
//! fetch.lock      held while somebody fetches; doors.lock for moments, while a tree is taken, added or deleted
//! used            touched whenever a tree is taken
//! ```
//!
//! Locks belong to open files, so they end with their process, however it ends. Never runs git.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::CloneError;

/// Whoever fetches holds the lock for seconds to minutes.
const LOOK_AT_LOCK_EVERY: Duration = Duration::from_millis(50);

/// The cache of one repository.
pub(super) struct Cache {
    directory: PathBuf,
}

/// The files of one commit. They stay where they are as long as this lives.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The directory.
    pub(crate) root: PathBuf,
    /// Which commit.
    pub(crate) commit: String,
    /// The branch that was asked for, where the server named it.
    pub(crate) branch: Option<String>,
    _held: File,
}

impl Cache {
    pub(super) fn open(directory: &Path) -> io::Result<Cache> {
        for part in ["trees", "held", "new"] {
            fs::create_dir_all(directory.join(part))?;
        }
        Ok(Cache {
            directory: directory.to_owned(),
        })
    }

    pub(super) fn objects(&self) -> PathBuf {
        self.directory.join("objects.git")
    }

    /// A place for something that is being made, which does not exist yet.
    pub(super) fn draft(&self, name: &str) -> PathBuf {
        self.directory.join("new").join(name)
    }

    pub(super) fn tree(&self, commit: &str) -> PathBuf {
        self.directory.join("trees").join(commit)
    }

    /// The files of a commit, if they are here.
    pub(super) fn hold(&self, commit: &str) -> io::Result<Option<Tree>> {
        let _door = self.lock_doors()?;
        self.hold_behind_door(commit)
    }

    /// As [`Cache::hold`]; the files of other commits are deleted unless somebody reads them.
    pub(super) fn hold_only(&self, commit: &str) -> io::Result<Option<Tree>> {
        let door = self.lock_doors()?;
        let tree = self.hold_behind_door(commit)?;
        for entry in fs::read_dir(self.directory.join("trees"))? {
            let name = entry?.file_name();
            if name == commit {
                continue;
            }
            let held = self.directory.join("held").join(&name);
            if is_free(&held)? {
                fs::rename(
                    self.directory.join("trees").join(&name),
                    self.draft(&format!("old-{}", name.display())),
                )?;
                remove_file(&held)?;
            }
        }
        drop(door);
        self.sweep()?;
        Ok(tree)
    }

    fn hold_behind_door(&self, commit: &str) -> io::Result<Option<Tree>> {
        let root = self.tree(commit);
        if !root.is_dir() {
            return Ok(None);
        }
        let held = File::create(self.directory.join("held").join(commit))?;
        held.lock_shared()?;
        File::create(self.directory.join("used"))?.set_modified(SystemTime::now())?;
        Ok(Some(Tree {
            root,
            commit: commit.to_owned(),
            branch: None,
            _held: held,
        }))
    }

    fn lock_doors(&self) -> io::Result<File> {
        let door = File::create(self.directory.join("doors.lock"))?;
        door.lock()?;
        Ok(door)
    }

    /// Waits until nobody else fetches this repository.
    pub(super) async fn lock_for_fetch(&self, patience: Duration) -> Result<File, CloneError> {
        let lock = File::create(self.directory.join("fetch.lock"))?;
        let started = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::Error(error)) => return Err(error.into()),
                Err(TryLockError::WouldBlock) if started.elapsed() < patience => {
                    tokio::time::sleep(LOOK_AT_LOCK_EVERY).await;
                }
                Err(TryLockError::WouldBlock) => {
                    let reason = "another process of this machine fetches the repository and does not finish";
                    return Err(CloneError::Failed(reason.to_owned()));
                }
            }
        }
    }

    /// Deletes what somebody who died left half-made. For the holder of the fetch lock.
    pub(super) fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.directory.join("new"))? {
            // A git that outlived its worker may still write here; then the next sweep finds the rest.
            let _ = fs::remove_dir_all(entry?.path());
        }
        let objects = self.objects();
        for directory in ["", "refs/quarry", "objects/pack"] {
            let Ok(entries) = fs::read_dir(objects.join(directory)) else {
                continue;
            };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if name.ends_with(".lock") || name.starts_with("tmp_") {
                    remove_file(&entry.path())?;
                }
            }
        }
        Ok(())
    }

    /// Whether an error may come from what was fetched before.
    pub(super) fn is_worth_a_new_start(&self, error: &CloneError) -> bool {
        let may_be_ours = match error {
            CloneError::TooLarge { .. } => true,
            CloneError::Failed(text) => DAMAGE.iter().any(|phrase| text.contains(phrase)),
            _ => false,
        };
        may_be_ours && self.objects().join("refs/quarry").is_dir()
    }

    pub(super) fn discard_objects(&self) -> io::Result<()> {
        let old = self.draft("old-objects");
        match fs::rename(self.objects(), &old) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.sweep()
    }
}

/// What git says when objects that should be there are not, or are not what they should be.
const DAMAGE: [&str; 9] = [
    "bad object",
    "corrupt",
    "is empty",
    "unable to read",
    "failed to unpack",
    "not a valid object",
    "did not send all necessary objects",
    "not a git repository",
    "shallow file",
];

/// Deletes the caches that nobody has used for `age`. Blocks.
pub(super) fn forget_unused(repositories: &Path, age: Duration) -> io::Result<()> {
    let entries = match fs::read_dir(repositories) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let directory = entry?.path();
        let used = fs::metadata(directory.join("used")).or_else(|_| fs::metadata(&directory))?;
        if used.modified()?.elapsed().unwrap_or_default() < age {
            continue;
        }
        let cache = Cache::open(&directory)?;
        let fetching = File::create(directory.join("fetch.lock"))?;
        if fetching.try_lock().is_err() {
            continue;
        }
        let _door = cache.lock_doors()?;
        let mut is_read = false;
        for held in fs::read_dir(directory.join("held"))? {
            is_read |= !is_free(&held?.path())?;
        }
        if !is_read {
            tracing::info!(directory = %directory.display(), "deletes the unused clone {}", directory.display());
            fs::remove_dir_all(&directory)?;
        }
    }
    Ok(())
}

/// Whether nobody holds the lock of this file.
fn is_free(path: &Path) -> io::Result<bool> {
    match File::create(path)?.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    fn cache(commits: &[&str]) -> (tempfile::TempDir, Cache) {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::open(&directory.path().join("a")).unwrap();
        for commit in commits {
            fs::create_dir(cache.tree(commit)).unwrap();
        }
        (directory, cache)
    }

    #[test]
    fn a_tree_that_somebody_reads_is_not_deleted() {
        let (_directory, cache) = cache(&["one", "two", "three"]);
        assert!(cache.hold("four").unwrap().is_none());
        let one = cache.hold("one").unwrap().unwrap();
        let three = cache.hold_only("three").unwrap().unwrap();
        assert!(one.root.is_dir() && three.root.is_dir() && !cache.tree("two").exists());
        drop(one);
        cache.hold_only("three").unwrap();
        assert!(!cache.tree("one").exists());
        assert_eq!(
            fs::read_dir(cache.draft("")).unwrap().count(),
            0,
            "nothing half-deleted is left"
        );
    }

    #[test]
    fn what_a_crash_left_half_made_is_never_taken_and_goes() {
        let (_directory, cache) = cache(&[]);
        fs::create_dir_all(cache.draft("abc/files")).unwrap();
        let pack = cache.objects().join("objects/pack");
        fs::create_dir_all(&pack).unwrap();
        for left in ["shallow.lock", "objects/pack/tmp_pack_x1"] {
            fs::write(cache.objects().join(left), "").unwrap();
        }
        fs::write(pack.join("pack-1.pack"), "").unwrap();
        assert!(cache.hold("abc").unwrap().is_none());
        cache.sweep().unwrap();
        assert!(!cache.draft("abc").exists() && !cache.objects().join("shallow.lock").exists());
        let left: Vec<_> = fs::read_dir(&pack)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["pack-1.pack"]);
    }

    #[tokio::test]
    async fn one_at_a_time_fetches_and_the_others_wait_for_a_bounded_time() {
        let (_directory, cache) = cache(&[]);
        let first = cache.lock_for_fetch(Duration::ZERO).await.unwrap();
        let refused = cache.lock_for_fetch(Duration::from_millis(120)).await.unwrap_err();
        assert!(refused.to_string().contains("another process"), "{refused}");
        drop(first);
        cache.lock_for_fetch(Duration::ZERO).await.unwrap();
    }

    #[test]
    fn unused_clones_are_deleted_unless_they_are_read() {
        let (directory, cache) = cache(&["one"]);
        let one = cache.hold("one").unwrap().unwrap();
        forget_unused(directory.path(), Duration::ZERO).unwrap();
        assert!(one.root.is_dir(), "it is read");
        drop(one);
        forget_unused(directory.path(), Duration::from_secs(3600)).unwrap();
        assert!(cache.tree("one").is_dir(), "it was used just now");
        forget_unused(directory.path(), Duration::ZERO).unwrap();
        assert!(!cache.tree("one").exists());
    }
}
