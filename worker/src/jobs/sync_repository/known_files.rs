//! What the index knows of a repository's files, as streams in the order of the walk: those it holds, and those that were
//! read and refused. A page at a time, so memory does not grow with the repository.

use std::cmp::Ordering;
use std::collections::VecDeque;

use quarry_codebase::{CodebaseError, RefusedFile, StoredFile, refused_files, stored_files, walk_key};
use quarry_registry::PgPool;
use uuid::Uuid;

/// Rows fetched at a time: about 300 kB.
const PAGE: u32 = 2_000;

/// A row that belongs to a path.
pub(super) trait KnownFile: Sized {
    fn into_path(self) -> String;
    fn path(&self) -> &str;
    fn page(
        database: &PgPool,
        repository_id: Uuid,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Vec<Self>, CodebaseError>> + Send;
}

impl KnownFile for StoredFile {
    fn into_path(self) -> String {
        self.path
    }

    fn path(&self) -> &str {
        &self.path
    }

    async fn page(database: &PgPool, repository_id: Uuid, after: Option<&str>) -> Result<Vec<Self>, CodebaseError> {
        stored_files(database, repository_id, after, PAGE).await
    }
}

impl KnownFile for RefusedFile {
    fn into_path(self) -> String {
        self.path
    }

    fn path(&self) -> &str {
        &self.path
    }

    async fn page(database: &PgPool, repository_id: Uuid, after: Option<&str>) -> Result<Vec<Self>, CodebaseError> {
        refused_files(database, repository_id, after, PAGE).await
    }
}

/// The rows of a repository in walk order.
pub(super) struct InWalkOrder<T> {
    database: PgPool,
    repository_id: Uuid,
    page: VecDeque<T>,
    last: Option<String>,
    exhausted: bool,
}

impl<T: KnownFile> InWalkOrder<T> {
    pub(super) fn new(database: PgPool, repository_id: Uuid) -> InWalkOrder<T> {
        InWalkOrder {
            database,
            repository_id,
            page: VecDeque::new(),
            last: None,
            exhausted: false,
        }
    }

    /// The row of `path`, if there is one. Rows that come before it have no file any more: their paths go to `gone`.
    pub(super) async fn advance_to(&mut self, path: &str, gone: &mut Vec<String>) -> Result<Option<T>, CodebaseError> {
        while let Some(next) = self.peek().await? {
            match compare(next.path(), path) {
                Ordering::Less => gone.extend(self.page.pop_front().map(T::into_path)),
                Ordering::Equal => return Ok(self.page.pop_front()),
                Ordering::Greater => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Everything the walk did not reach.
    pub(super) async fn drain(&mut self, gone: &mut Vec<String>) -> Result<(), CodebaseError> {
        while self.peek().await?.is_some() {
            gone.extend(self.page.drain(..).map(T::into_path));
        }
        Ok(())
    }

    async fn peek(&mut self) -> Result<Option<&T>, CodebaseError> {
        if self.page.is_empty() && !self.exhausted {
            let page = T::page(&self.database, self.repository_id, self.last.as_deref()).await?;
            // A short page is the last one: asking once more would only say so.
            self.exhausted = page.len() < PAGE as usize;
            self.last = page.last().map(|file| file.path().to_owned()).or(self.last.take());
            self.page = page.into();
        }
        Ok(self.page.front())
    }
}

fn compare(one: &str, other: &str) -> Ordering {
    if one == other {
        Ordering::Equal
    } else {
        walk_key(one).cmp(&walk_key(other))
    }
}
