//! Asks a server where a branch stands, and fetches one commit into the objects of the cache.
//! A commit counts as there when its ref is: git writes that last, when everything below it has arrived.

use std::fs;

use super::cache::Cache;
use super::run_git::Git;
use super::{CloneError, is_object_name};

/// A branch and the default one are a few lines.
const MOST_BYTES_OF_REFS: usize = 64 * 1024;

/// Where a branch stands.
pub(super) struct Head {
    pub(super) commit: String,
    pub(super) branch: Option<String>,
}

/// The commit that `branch` has on the server; without a name the one that the server calls its default.
pub(super) async fn head(git: &Git, url: &str, branch: Option<&str>) -> Result<Head, CloneError> {
    let wanted = full_name(branch)?;
    let listed = git
        .remote()
        .args(["ls-remote", "--symref", "--", url, &wanted])
        .output(MOST_BYTES_OF_REFS)
        .await;
    let listed = match listed {
        // Said of the whole repository here, not of a commit.
        Err(CloneError::CommitGone(words)) => return Err(CloneError::Failed(format!("git failed: {words}"))),
        listed => listed?,
    };
    let mut head = None;
    let mut default_branch = None;
    for line in listed.lines() {
        let Some((value, _)) = line.split_once('\t').filter(|(_, name)| *name == wanted) else {
            continue;
        };
        match value.strip_prefix("ref: refs/heads/") {
            Some(target) => default_branch = Some(target.to_owned()),
            None if is_object_name(value) => head = Some(value.to_owned()),
            None => {}
        }
    }
    let Some(commit) = head else {
        return Err(CloneError::Refused(match branch {
            Some(branch) => format!(
                "the repository has no branch {branch} (any more): name another with `quarry index {url} --branch`"
            ),
            None => "the repository has no commit yet".to_owned(),
        }));
    };
    Ok(Head {
        commit,
        branch: branch.map(str::to_owned).or(default_branch),
    })
}

/// Sees to it that the commit is among the objects of the cache.
pub(super) async fn fetch(
    git: &Git,
    cache: &Cache,
    url: &str,
    commit: &str,
    branch: Option<&str>,
) -> Result<(), CloneError> {
    if !is_object_name(commit) {
        return Err(CloneError::Refused(format!("{commit:?} is no commit")));
    }
    create_objects(git, cache, commit).await?;
    let kept = format!("refs/quarry/{commit}");
    if is_there(git, cache, &kept).await? {
        return Ok(());
    }
    let by_name = fetch_into(git, cache, url, &format!("+{commit}:{kept}")).await;
    if !matches!(by_name, Err(CloneError::CommitGone(_))) {
        return by_name;
    }
    // Some servers give no commit by its name: then it can be had only while the branch stands there.
    let branch = full_name(branch)?;
    match fetch_into(git, cache, url, &format!("+{branch}:refs/quarry/branch")).await {
        Err(CloneError::CommitGone(_)) => return Err(CloneError::CommitGone(commit.to_owned())),
        fetched => fetched?,
    }
    if !is_there(git, cache, &format!("{commit}^{{commit}}")).await? {
        return Err(CloneError::CommitGone(commit.to_owned()));
    }
    let objects = cache.objects();
    let update = git.local().args(["update-ref", &kept, commit]).env("GIT_DIR", &objects);
    update.output(0).await.map(drop)
}

async fn fetch_into(git: &Git, cache: &Cache, url: &str, refspec: &str) -> Result<(), CloneError> {
    let objects = cache.objects();
    let mut run = git
        .remote()
        .args(["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--force"]);
    if let Some(depth) = git.depth {
        run = run.args([format!("--depth={depth}")]);
    }
    run.args(["--", url, refspec])
        .env("GIT_DIR", &objects)
        .watching(&objects)
        .output(MOST_BYTES_OF_REFS)
        .await
        .map(drop)
}

async fn is_there(git: &Git, cache: &Cache, name: &str) -> Result<bool, CloneError> {
    let run = git
        .local()
        .args(["cat-file", "-e", name])
        .env("GIT_DIR", cache.objects());
    match run.output(0).await {
        Ok(_) => Ok(true),
        // Anything it complains about means that the object cannot be used.
        Err(CloneError::Failed(_) | CloneError::Refused(_) | CloneError::CommitGone(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// An empty bare repository, which appears whole: without hooks, and with attributes that switch off every conversion of
/// files, whatever the repository's own attributes ask for.
async fn create_objects(git: &Git, cache: &Cache, commit: &str) -> Result<(), CloneError> {
    let objects = cache.objects();
    if objects.is_dir() {
        return Ok(());
    }
    let draft = cache.draft("objects.git");
    let mut run = git.local().args(["init", "--quiet", "--bare", "--template="]);
    if commit.len() == 64 {
        run = run.args(["--object-format=sha256"]);
    }
    run.args([&draft]).output(MOST_BYTES_OF_REFS).await?;
    fs::create_dir_all(draft.join("info"))?;
    fs::create_dir_all(draft.join("refs/quarry"))?;
    fs::write(
        draft.join("info/attributes"),
        "* -text -crlf !eol -ident -filter !working-tree-encoding\n",
    )?;
    fs::rename(draft, objects)?;
    Ok(())
}

/// The branch as the server lists it. What git itself would not take for a branch is refused.
fn full_name(branch: Option<&str>) -> Result<String, CloneError> {
    match branch {
        None => Ok("HEAD".to_owned()),
        Some(name) if quarry_registry::is_branch_name(name) => Ok(format!("refs/heads/{name}")),
        Some(name) => Err(CloneError::Refused(format!("{name:?} is no name of a branch"))),
    }
}
