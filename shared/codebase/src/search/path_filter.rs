//! The files a search may answer from: repository, glob, language and extension, resolved to ids before anything is ranked,
//! so that a narrow filter never costs a hit. Hands the ids and the number of their chunks to the search.

use globset::{GlobBuilder, GlobMatcher};
use rustc_hash::FxHashSet;
use sqlx::PgConnection;
use uuid::Uuid;

use super::request::{SearchRequest, invalid};
use crate::CodebaseError;

/// Files that a search may answer from.
#[derive(Debug, Default)]
pub(crate) struct AllowedFiles {
    /// `codebase.files.id`.
    pub ids: FxHashSet<i64>,
    /// Their chunks.
    pub chunk_count: u64,
}

/// A glob over paths, checked.
#[derive(Debug)]
pub(crate) struct PathGlob {
    matcher: GlobMatcher,
    /// A directory was named: everything below counts too.
    below: Option<String>,
    /// Every match starts with it; Postgres narrows by it.
    literal_prefix: String,
}

impl PathGlob {
    pub(crate) fn parse(pattern: &str) -> Result<PathGlob, CodebaseError> {
        let trimmed = pattern.trim();
        let trimmed = trimmed.strip_prefix("./").unwrap_or(trimmed);
        let trimmed = trimmed.strip_prefix('/').unwrap_or(trimmed);
        if trimmed.is_empty() {
            return Err(invalid(format!(
                "path_glob {pattern:?} names nothing: leave it out, or use one like src/**/*.rs"
            )));
        }
        let is_literal = !trimmed.contains(['*', '?', '[', '{', '\\']);
        let below = is_literal.then(|| format!("{}/", trimmed.trim_end_matches('/')));
        let full = if trimmed.ends_with('/') {
            format!("{trimmed}**")
        } else if !trimmed.contains('/') {
            format!("**/{trimmed}")
        } else {
            trimmed.to_owned()
        };
        let glob = GlobBuilder::new(&full)
            .literal_separator(true)
            .build()
            .map_err(|error| {
                invalid(format!(
                    "path_glob {pattern:?} is not a valid glob ({}): use one like src/**/*.rs",
                    error.kind()
                ))
            })?;
        // A bare name matches at any depth and, as a directory, from the root: nothing to narrow by.
        let literal_end = full.find(['*', '?', '[', '{', '\\']).unwrap_or(full.len());
        Ok(PathGlob {
            matcher: glob.compile_matcher(),
            below,
            literal_prefix: full[..literal_end].to_owned(),
        })
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        self.matcher.is_match(path)
            || self
                .below
                .as_deref()
                .is_some_and(|directory| path.starts_with(directory))
    }
}

/// Resolves the filters of a request; `None` when every file may answer. `repository_ids` are given only when the project has
/// other repositories.
pub(crate) async fn allowed_files(
    connection: &mut PgConnection,
    request: &SearchRequest,
    repository_ids: Option<&[Uuid]>,
) -> Result<Option<AllowedFiles>, CodebaseError> {
    let glob = request.path_glob.as_deref().map(PathGlob::parse).transpose()?;
    let language = request
        .language
        .as_deref()
        .map(|language| language.trim().to_lowercase());
    let file_type = request
        .file_type
        .as_deref()
        .map(|file_type| file_type.trim().trim_start_matches('.').to_lowercase());
    if repository_ids.is_none() && glob.is_none() && language.is_none() && file_type.is_none() {
        return Ok(None);
    }
    let prefix = glob.as_ref().map_or("", |glob| &glob.literal_prefix);
    let rows = sqlx::query!(
        "select id, path, chunk_count
         from codebase.files
         where ($1::uuid[] is null or repository_id = any($1))
             and ($2::text is null or language = $2)
             and ($3::text is null or file_type = $3)
             and starts_with(path, $4)",
        repository_ids,
        language,
        file_type,
        prefix
    )
    .fetch_all(connection)
    .await?;
    let mut allowed = AllowedFiles::default();
    for row in rows {
        if glob.as_ref().is_none_or(|glob| glob.matches(&row.path)) {
            allowed.ids.insert(row.id);
            allowed.chunk_count += u64::try_from(row.chunk_count).unwrap_or(0);
        }
    }
    Ok(Some(allowed))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    #[test]
    fn globs_mean_what_their_writer_expects() {
        for (pattern, path, matches) in [
            ("src/*.rs", "src/a.rs", true),
            ("src/*.rs", "src/b/a.rs", false),
            ("src/**/*.rs", "src/a.rs", true),
            ("src/**/*.rs", "src/b/c/a.rs", true),
            ("**/*.rs", "a.rs", true),
            ("*.rs", "src/b/a.rs", true),
            ("*.{ts,tsx}", "web/a.tsx", true),
            ("src/", "src/b/a.rs", true),
            ("src", "src/b/a.rs", true),
            ("src/b", "src/b/a.rs", true),
            ("src/b", "src/bc/a.rs", false),
            ("./src/a.rs", "src/a.rs", true),
            ("/src/a.rs", "src/a.rs", true),
            ("a.rs", "src/a.rs", true),
            ("SRC/*", "src/a.rs", false),
            ("[ab].rs", "src/b.rs", true),
        ] {
            assert_eq!(
                PathGlob::parse(pattern).unwrap().matches(path),
                matches,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn every_match_starts_with_the_literal_prefix() {
        for (pattern, prefix) in [
            ("src/**/*.rs", "src/"),
            ("*.rs", ""),
            ("src/b", "src/b"),
            ("src", ""),
            ("src/", "src/"),
        ] {
            assert_eq!(PathGlob::parse(pattern).unwrap().literal_prefix, prefix);
        }
    }

    #[test]
    fn a_broken_glob_is_refused_with_an_example() {
        for pattern in ["src/[", "{a", "a\\", " ", "/"] {
            let refusal = PathGlob::parse(pattern).unwrap_err().to_string();
            assert!(refusal.contains("src/**/*.rs"), "{refusal}");
        }
    }
}
