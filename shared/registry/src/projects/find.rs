//! Finds projects by name and id, and lists them.
//! Hands out ready projects only where a project is to be used; an unknown name is answered with the known ones.
//! Never changes a row: see change.rs.

use std::collections::HashSet;
use std::time::Duration;

use super::{Project, ProjectId, ProjectRow, ProjectState, ready};
use crate::error::{RegistryError, doing};
use crate::names::ProjectName;
use crate::open::Registry;

/// How many names an error about an unknown project lists.
const NAMES_IN_ERROR: i64 = 10;

impl Registry {
    /// The ready project with this name. The error lists the names that exist.
    pub async fn project(&self, name: &ProjectName) -> Result<Project, RegistryError> {
        match self.find_by_name(name).await? {
            Some(project) => ready(project),
            None => Err(RegistryError::UnknownProject {
                name: name.to_string(),
                known: self.known_names().await?,
            }),
        }
    }

    /// The ready project with this id.
    pub async fn project_by_id(&self, id: ProjectId) -> Result<Project, RegistryError> {
        match self.find_by_id(id).await? {
            Some(project) => ready(project),
            None => Err(RegistryError::UnknownProjectId(id)),
        }
    }

    /// All projects by name, those being created or dropped included.
    pub async fn projects(&self) -> Result<Vec<Project>, RegistryError> {
        let rows = sqlx::query_as!(
            ProjectRow,
            "select id, name, database_name, description, state, embedding_model, embedding_dimensions,
                created_at, updated_at, created_by
            from projects
            order by name"
        )
        .fetch_all(self.pool())
        .await
        .map_err(doing("list the projects"))?;
        rows.into_iter().map(ProjectRow::parse).collect()
    }

    pub(crate) async fn find_by_name(&self, name: &ProjectName) -> Result<Option<Project>, RegistryError> {
        sqlx::query_as!(
            ProjectRow,
            "select id, name, database_name, description, state, embedding_model, embedding_dimensions,
                created_at, updated_at, created_by
            from projects
            where name = $1",
            name.as_str(),
        )
        .fetch_optional(self.pool())
        .await
        .map_err(doing("look up the project"))?
        .map(ProjectRow::parse)
        .transpose()
    }

    pub(crate) async fn find_by_id(&self, id: ProjectId) -> Result<Option<Project>, RegistryError> {
        sqlx::query_as!(
            ProjectRow,
            "select id, name, database_name, description, state, embedding_model, embedding_dimensions,
                created_at, updated_at, created_by
            from projects
            where id = $1",
            id.0,
        )
        .fetch_optional(self.pool())
        .await
        .map_err(doing("look up the project"))?
        .map(ProjectRow::parse)
        .transpose()
    }

    /// The first names in use, for errors.
    async fn known_names(&self) -> Result<Vec<String>, RegistryError> {
        sqlx::query_scalar!(
            "select name
            from projects
            where state = 'ready'
            order by name
            limit $1",
            NAMES_IN_ERROR,
        )
        .fetch_all(self.pool())
        .await
        .map_err(doing("list the projects"))
    }

    /// Names, whatever their project's state, that `base` and its numbered variants may collide with.
    pub(crate) async fn names_with_base(&self, base: &ProjectName) -> Result<HashSet<String>, RegistryError> {
        let shortest = base.numbered(u32::MAX);
        let shared = shortest.as_str().trim_end_matches(|c: char| c.is_ascii_digit());
        let names = sqlx::query_scalar!(
            "select name
            from projects
            where starts_with(name, $1)",
            shared.trim_end_matches('_'),
        )
        .fetch_all(self.pool())
        .await
        .map_err(doing("list the projects"))?;
        Ok(names.into_iter().collect())
    }

    /// Projects that have been under way for at least `age`, by the server's clock.
    pub(crate) async fn unready_for(&self, age: Duration) -> Result<Vec<Project>, RegistryError> {
        let rows = sqlx::query_as!(
            ProjectRow,
            "select id, name, database_name, description, state, embedding_model, embedding_dimensions,
                created_at, updated_at, created_by
            from projects
            where state <> 'ready' and updated_at <= clock_timestamp() - make_interval(secs => $1)
            order by updated_at",
            age.as_secs_f64(),
        )
        .fetch_all(self.pool())
        .await
        .map_err(doing("list unfinished projects"))?;
        rows.into_iter().map(ProjectRow::parse).collect()
    }

    /// A ready name is taken; one under way may be free in a moment.
    pub(crate) async fn refusal(&self, name: &ProjectName) -> Result<RegistryError, RegistryError> {
        Ok(match self.find_by_name(name).await? {
            Some(project) if project.state != ProjectState::Ready => RegistryError::NotReady {
                name: name.to_string(),
                state: project.state,
            },
            _ => RegistryError::NameTaken { name: name.to_string() },
        })
    }
}
