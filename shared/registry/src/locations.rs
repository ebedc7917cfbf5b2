//! Which project the repository at a place belongs to, so that two directories called `api` never share one by
//! accident. Owns the table `project_locations`; makes a project for a place that has none.
//! Never looks at the disk: host and root are compared as they are given, so callers canonicalise the path first.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::error::{RegistryError, doing};
use crate::names::ProjectName;
use crate::open::Registry;
use crate::projects::{Project, ProjectRow};

/// How often a name is chosen anew because somebody else took it in between.
const ATTEMPTS: u32 = 20;

/// More projects than this are not numbered after one directory name.
const LAST_NUMBER: u32 = 9999;

/// Where a repository of a project stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The machine the files are on.
    pub host: String,
    /// The repository's canonical root directory, or its git URL.
    pub root: String,
    /// When the place was bound to the project.
    pub created_at: DateTime<Utc>,
}

impl Registry {
    /// The project that the repository at this place belongs to.
    pub async fn project_at(&self, host: &str, root: &str) -> Result<Option<Project>, RegistryError> {
        sqlx::query_as!(
            ProjectRow,
            "select p.id, p.name, p.database_name, p.description, p.state, p.embedding_model, p.embedding_dimensions,
                p.created_at, p.updated_at, p.created_by
            from project_locations l
            join projects p on p.id = l.project_id
            where l.host = $1 and l.root = $2 and p.state = 'ready'",
            host,
            root,
        )
        .fetch_optional(self.pool())
        .await
        .map_err(doing("look up the project of a location"))?
        .map(ProjectRow::parse)
        .transpose()
    }

    /// Lets the place belong to the project, whichever it belonged to before.
    pub async fn bind_location(&self, host: &str, root: &str, project: &Project) -> Result<(), RegistryError> {
        let bound = sqlx::query!(
            "insert into project_locations (host, root, project_id)
            select $1, $2, id
            from projects
            where id = $3 and state <> 'dropping'
            on conflict (host, root) do update
            set project_id = excluded.project_id",
            host,
            root,
            project.id.0,
        )
        .execute(self.pool())
        .await
        .map_err(doing("bind a location to the project"))?;
        if bound.rows_affected() == 0 {
            return Err(RegistryError::UnknownProjectId(project.id));
        }
        Ok(())
    }

    /// Forgets which project the place belongs to; whether there was one.
    pub async fn unbind_location(&self, host: &str, root: &str) -> Result<bool, RegistryError> {
        let unbound = sqlx::query!(
            "delete from project_locations
            where host = $1 and root = $2",
            host,
            root,
        )
        .execute(self.pool())
        .await
        .map_err(doing("unbind a location"))?;
        Ok(unbound.rows_affected() > 0)
    }

    /// The places that belong to the project.
    pub async fn locations(&self, project: &Project) -> Result<Vec<Location>, RegistryError> {
        sqlx::query_as!(
            Location,
            "select host, root, created_at
            from project_locations
            where project_id = $1
            order by host, root",
            project.id.0,
        )
        .fetch_all(self.pool())
        .await
        .map_err(doing("list the project's locations"))
    }

    /// The project that the place belongs to; a new one named after the directory if it belongs to none. Callers with
    /// the same place get the same project, also from different processes.
    pub async fn project_for_new_location(
        &self,
        host: &str,
        root: &str,
        directory_name: &str,
    ) -> Result<Project, RegistryError> {
        if let Some(project) = self.project_at(host, root).await? {
            return Ok(project);
        }
        let _one_at_a_time = self.locations_mutex().lock().await;
        let mut lock = self.pool().begin().await.map_err(doing("lock the location"))?;
        sqlx::query!(
            "select pg_advisory_xact_lock(hashtext('quarry.location'), hashtext($1 || chr(10) || $2))",
            host,
            root,
        )
        .execute(&mut *lock)
        .await
        .map_err(doing("lock the location"))?;
        if let Some(project) = self.project_at(host, root).await? {
            return Ok(project);
        }
        let project = self.create_numbered(directory_name, host, root).await?;
        lock.commit().await.map_err(doing("unlock the location"))?;
        Ok(project)
    }

    async fn create_numbered(&self, directory_name: &str, host: &str, root: &str) -> Result<Project, RegistryError> {
        let created_by = &self.options().application_name;
        let base = ProjectName::from_directory(directory_name);
        for _ in 0..ATTEMPTS {
            let Some(name) = self.free_name(&base).await? else {
                break;
            };
            match self
                .create_project_at(&name, None, created_by, Some((host, root)))
                .await
            {
                Err(RegistryError::NameTaken { .. } | RegistryError::NotReady { .. }) => {}
                result => return result,
            }
        }
        Err(RegistryError::NoFreeName { name: base.to_string() })
    }

    async fn free_name(&self, base: &ProjectName) -> Result<Option<ProjectName>, RegistryError> {
        let taken = self.names_with_base(base).await?;
        let numbered = (2..=LAST_NUMBER).map(|number| base.numbered(number));
        Ok(std::iter::once(base.clone())
            .chain(numbered)
            .find(|name| !taken.contains(name.as_str())))
    }
}
