//! How far an answer can be trusted: how old the index is, what waits, what was left out. Put beside every search result.
//! What waits is counted by the queue in another database, so the caller passes it in.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use crate::CodebaseError;
use crate::model_change::{NextModel, embedding_models};
use crate::repositories::{GitState, IndexingStatus, Repository, repositories};

/// What the queue knows of the repositories an answer comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pending {
    /// Files marked dirty and not yet indexed.
    pub files: u64,
    /// A comparison of the whole tree waits or runs, so more files may be found.
    pub sync: bool,
}

/// What an answer says of its own age and completeness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Freshness {
    /// One word for it.
    pub state: FreshnessState,
    /// The commit the tree stood on when it was last compared; none for several repositories or without git.
    pub commit: Option<String>,
    /// The branch it was on; none as for the commit, or when detached.
    pub branch: Option<String>,
    /// Whether tracked files differed from the commit then.
    pub dirty: Option<bool>,
    /// Seconds since the index last equalled the tree; of the oldest, where there are several repositories.
    pub age_s: Option<i64>,
    /// Files known to have changed and not yet indexed.
    pub pending_files: u64,
    /// Files left out of the index by rule.
    pub skipped_files: u64,
    /// The same by reason.
    pub skipped: BTreeMap<String, u64>,
    /// The first load has not finished: whole files are missing.
    pub partial: bool,
    /// The model whose vectors are being made beside those that answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_model: Option<NextModel>,
}

/// The state of an index in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FreshnessState {
    /// Equal to the tree when it was last compared, and nothing waits.
    Fresh,
    /// Changes are known and wait or are being worked on.
    Pending,
    /// The last attempt failed; what was indexed before still answers.
    Failed,
    /// Nothing was ever indexed.
    Empty,
}

/// The freshness of one repository, or of the whole project.
///
/// # Errors
/// [`CodebaseError::Database`] only. A repository that is not there counts as empty.
pub async fn freshness(pool: &PgPool, repository: Option<Uuid>, pending: Pending) -> Result<Freshness, CodebaseError> {
    let mut chosen = repositories(pool).await?;
    chosen.retain(|candidate| repository.is_none_or(|id| candidate.id == id));
    Ok(Freshness {
        next_model: embedding_models(pool).await?.next,
        ..judge(&chosen, pending, Utc::now())
    })
}

fn judge(repositories: &[Repository], pending: Pending, now: DateTime<Utc>) -> Freshness {
    let oldest = repositories
        .iter()
        .filter_map(|repository| repository.last_indexed_at)
        .min();
    let partial = repositories
        .iter()
        .any(|repository| repository.last_indexed_at.is_none());
    let failed = repositories
        .iter()
        .any(|repository| repository.status == IndexingStatus::Failed);
    let state = if pending.files > 0 || pending.sync {
        FreshnessState::Pending
    } else if failed {
        FreshnessState::Failed
    } else if oldest.is_none() {
        FreshnessState::Empty
    } else if repositories
        .iter()
        .any(|repository| repository.status != IndexingStatus::Completed)
    {
        FreshnessState::Pending
    } else {
        FreshnessState::Fresh
    };
    let git = match repositories {
        [only] => only.git.clone().unwrap_or_default(),
        _ => GitState::default(),
    };
    let mut skipped: BTreeMap<String, u64> = BTreeMap::new();
    for (reason, count) in repositories.iter().flat_map(|repository| &repository.skipped_files) {
        *skipped.entry(reason.clone()).or_default() += count;
    }
    Freshness {
        state,
        commit: git.commit,
        branch: git.branch,
        dirty: git.dirty,
        age_s: oldest.map(|at| (now - at).num_seconds().max(0)),
        pending_files: pending.files,
        skipped_files: skipped.values().sum(),
        skipped,
        partial,
        next_model: None,
    }
}

impl Freshness {
    /// The same in words.
    pub fn sentence(&self) -> String {
        let age = match self.age_s {
            None => "never completely indexed".to_owned(),
            Some(seconds @ ..60) => format!("compared with the tree {seconds} s ago"),
            Some(seconds @ 60..3600) => format!("compared with the tree {} min ago", seconds / 60),
            Some(seconds @ 3600..86_400) => format!("compared with the tree {} h ago", seconds / 3600),
            Some(seconds) => format!("compared with the tree {} days ago", seconds / 86_400),
        };
        let mut sentence = format!("index {}, {age}", self.state.as_str());
        if let Some(commit) = &self.commit {
            let short = commit.get(..12).unwrap_or(commit);
            let dirty = if self.dirty == Some(true) { " with changes" } else { "" };
            sentence.push_str(&format!(" at {short}{dirty}"));
        }
        if self.pending_files > 0 {
            sentence.push_str(&format!(", {} files waiting", self.pending_files));
        }
        if let Some(next) = &self.next_model {
            sentence.push_str(&format!(", being embedded anew with {}", next.model));
        }
        if self.skipped_files > 0 {
            let reasons: Vec<String> = self
                .skipped
                .iter()
                .map(|(reason, count)| format!("{count} {reason}"))
                .collect();
            sentence.push_str(&format!(", left out: {}", reasons.join(", ")));
        }
        sentence
    }
}

impl FreshnessState {
    /// As it stands in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            FreshnessState::Fresh => "fresh",
            FreshnessState::Pending => "pending",
            FreshnessState::Failed => "failed",
            FreshnessState::Empty => "empty",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn repository(status: IndexingStatus, indexed: Option<i64>) -> Repository {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        Repository {
            id: Uuid::nil(),
            host: "host".to_owned(),
            root: "/root".to_owned(),
            name: "root".to_owned(),
            status,
            last_indexed_at: indexed.map(|seconds| now + chrono::Duration::seconds(seconds)),
            total_files: 1,
            total_chunks: 1,
            indexing_seconds: None,
            skipped_files: BTreeMap::from([("binary".to_owned(), 2)]),
            git: None,
            remote: None,
            last_error: None,
            created_at: now,
            updated_at: now,
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::<Utc>::UNIX_EPOCH + chrono::Duration::seconds(seconds)
    }

    #[test]
    fn what_waits_makes_an_answer_pending_even_after_a_completion() {
        let completed = [repository(IndexingStatus::Completed, Some(10))];
        let judged = judge(&completed, Pending { files: 3, sync: false }, at(70));
        assert_eq!(judged.state, FreshnessState::Pending);
        assert_eq!(
            (judged.age_s, judged.pending_files, judged.skipped_files),
            (Some(60), 3, 2)
        );
        assert!(!judged.partial);
        assert_eq!(
            judge(&completed, Pending::default(), at(70)).state,
            FreshnessState::Fresh
        );
    }

    #[test]
    fn a_first_load_that_runs_is_partial() {
        let judged = judge(
            &[repository(IndexingStatus::InProgress, None)],
            Pending { files: 0, sync: true },
            at(0),
        );
        assert!(judged.partial);
        assert_eq!(judged.state, FreshnessState::Pending);
    }

    #[test]
    fn a_failure_is_not_called_fresh() {
        let judged = judge(
            &[repository(IndexingStatus::Failed, Some(1))],
            Pending::default(),
            at(2),
        );
        assert_eq!(judged.state, FreshnessState::Failed);
    }

    #[test]
    fn a_project_is_as_old_as_its_oldest_repository() {
        let both = [
            repository(IndexingStatus::Completed, Some(5)),
            repository(IndexingStatus::Completed, Some(50)),
        ];
        assert_eq!(judge(&both, Pending::default(), at(60)).age_s, Some(55));
    }

    #[test]
    fn what_is_left_out_is_added_up_by_reason_and_said() {
        let mut both = [
            repository(IndexingStatus::Completed, Some(5)),
            repository(IndexingStatus::Completed, Some(50)),
        ];
        both[1].skipped_files.insert("secret".to_owned(), 1);
        both[1].git = Some(GitState {
            commit: Some("0123456789abcdef".to_owned()),
            branch: Some("main".to_owned()),
            dirty: Some(true),
        });
        let judged = judge(&both, Pending::default(), at(60));
        assert_eq!(judged.skipped_files, 5);
        assert!(
            judged.sentence().ends_with("left out: 4 binary, 1 secret"),
            "{}",
            judged.sentence()
        );
        assert_eq!(
            (judged.commit, judged.dirty),
            (None, None),
            "two repositories have no one commit"
        );
        let judged = judge(&both[1..], Pending::default(), at(60));
        assert_eq!((judged.branch.as_deref(), judged.dirty), (Some("main"), Some(true)));
        assert!(
            judged.sentence().contains(" at 0123456789ab with changes,"),
            "{}",
            judged.sentence()
        );
    }

    #[test]
    fn no_repository_is_empty() {
        assert_eq!(judge(&[], Pending::default(), at(0)).state, FreshnessState::Empty);
    }
}
