//! Which repository of a project a call means by a directory, a git URL or a name.

use quarry_registry::{GitUrl, PgPool};
use uuid::Uuid;

use crate::tool_error::ToolError;

pub(super) async fn repository_named(database: &PgPool, named: &str) -> Result<Uuid, ToolError> {
    let repositories = quarry_codebase::repositories(database).await?;
    let url = GitUrl::parse(named).ok();
    let wanted = match &url {
        Some(url) => url.canonical(),
        None if named.len() > 1 => named.trim_end_matches('/'),
        None => named,
    };
    let matching: Vec<_> = repositories
        .iter()
        .filter(|repository| repository.root == wanted || repository.name == wanted)
        .collect();
    match matching.as_slice() {
        [only] => Ok(only.id),
        [] if repositories.is_empty() => Err(ToolError::new(
            "nothing is indexed in this project: call index_repository first",
        )),
        [] => {
            let known: Vec<&str> = repositories.iter().map(|repository| repository.root.as_str()).collect();
            Err(ToolError::new(format!(
                "no such repository in this project; it has {}",
                known.join(", ")
            )))
        }
        _ => Err(ToolError::new(
            "several repositories have that name: give the directory; list_projects shows them",
        )),
    }
}
