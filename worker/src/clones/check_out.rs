//! Writes the files of one commit into a directory of their own, which appears when all of them are there.
//! Leaves out links and submodules; refuses more files or bytes than the limits before it writes the first one.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::Path;

use super::cache::Cache;
use super::run_git::Git;
use super::{CloneError, blocking};

/// The largest repositories have some hundred thousand files. A few kilobytes of objects can name billions.
const MOST_FILES: u64 = 2_000_000;

/// Longer than any path that a file system takes.
const LONGEST_ENTRY: usize = 16 * 1024;

pub(super) async fn check_out(git: &Git, cache: &Cache, commit: &str) -> Result<(), CloneError> {
    let (objects, draft) = (cache.objects(), cache.draft(commit));
    let (files, index, list) = (draft.join("files"), draft.join("index"), draft.join("paths"));
    fs::create_dir_all(&files)?;
    list_files(git, &objects, commit, &list).await?;
    git.local()
        .args(["read-tree", commit])
        .env("GIT_DIR", &objects)
        .env("GIT_INDEX_FILE", &index)
        .output(0)
        .await?;
    git.local()
        .args(["checkout-index", "--quiet", "--force", "-z", "--stdin"])
        .env("GIT_DIR", &objects)
        .env("GIT_INDEX_FILE", &index)
        .env("GIT_WORK_TREE", &files)
        .current_dir(&files)
        .stdin(File::open(&list)?)
        .output(0)
        .await?;
    // As in any clone: ignore files of directories above do not speak for this one.
    fs::create_dir(files.join(".git"))?;
    let tree = cache.tree(commit);
    blocking(move || {
        flush(&files)?;
        fs::rename(&files, &tree)?;
        fs::remove_dir_all(&draft)
    })
    .await
}

/// Writes the paths of all plain files to `list`, each ended by NUL.
async fn list_files(git: &Git, objects: &Path, commit: &str, list: &Path) -> Result<(), CloneError> {
    let mut listing = Listing {
        list: BufWriter::new(File::create(list)?),
        entry: Vec::new(),
        files: 0,
        bytes: 0,
        max_bytes: git.max_bytes,
    };
    git.local()
        .args(["ls-tree", "-r", "-l", "-z", "--full-tree", commit])
        .env("GIT_DIR", objects)
        .read(|bytes| match listing.take(bytes) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        })
        .await?;
    listing.list.flush()?;
    Ok(())
}

struct Listing {
    list: BufWriter<File>,
    entry: Vec<u8>,
    files: u64,
    bytes: u64,
    max_bytes: u64,
}

impl Listing {
    fn take(&mut self, bytes: &[u8]) -> Result<(), CloneError> {
        for part in bytes.split_inclusive(|byte| *byte == 0) {
            self.entry.extend_from_slice(part);
            if self.entry.len() > LONGEST_ENTRY {
                return Err(CloneError::Refused(
                    "the commit names a path that no disk can hold".to_owned(),
                ));
            }
            if part.ends_with(&[0]) {
                let entry = std::mem::take(&mut self.entry);
                self.add(&entry)?;
            }
        }
        Ok(())
    }

    /// `100644 blob <hash>    1234\tpath\0`
    fn add(&mut self, entry: &[u8]) -> Result<(), CloneError> {
        let Some(tab) = entry.iter().position(|byte| *byte == b'\t') else {
            return Err(CloneError::Failed(
                "git lists files in another form than expected".to_owned(),
            ));
        };
        let (about, path) = (String::from_utf8_lossy(&entry[..tab]), &entry[tab + 1..]);
        let mut words = about.split_ascii_whitespace();
        let (mode, size) = (words.next().unwrap_or_default(), words.next_back().unwrap_or_default());
        // 120000 is a link and 160000 another repository.
        if !mode.starts_with("100") {
            return Ok(());
        }
        self.files += 1;
        self.bytes = self.bytes.saturating_add(size.parse().unwrap_or(0));
        if self.bytes > self.max_bytes {
            return Err(CloneError::TooLarge {
                max_bytes: self.max_bytes,
            });
        }
        if self.files > MOST_FILES {
            return Err(CloneError::Refused(format!(
                "the commit has more than {MOST_FILES} files"
            )));
        }
        Ok(self.list.write_all(path)?)
    }
}

/// A machine that loses power must not find empty files under a name that says they are whole.
fn flush(directory: &Path) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(File::open(directory)?)?;
    #[cfg(not(target_os = "linux"))]
    {
        let _ = directory;
        rustix::fs::sync();
    }
    Ok(())
}
