//! Each change of a row of `projects`: from the reserved name through `ready` to its end, and what a person may edit.
//! Every statement says which state it expects, and its caller learns whether it was so.
//! Never decides what comes next: see provision.rs, reconcile.rs and pin_embedding.rs.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Project, ProjectId, ProjectRow, ready};
use crate::error::{RegistryError, doing};
use crate::names::{ProjectName, database_name};
use crate::open::Registry;

impl Registry {
    /// Gives the project another name. Its database and id stay, so nothing that runs is disturbed.
    pub async fn rename_project(&self, project: &Project, new_name: &ProjectName) -> Result<Project, RegistryError> {
        let row = sqlx::query_as!(
            ProjectRow,
            "update projects
            set name = $2
            where id = $1 and state = 'ready'
            returning id, name, database_name, description, state, embedding_model, embedding_dimensions,
                created_at, updated_at, created_by",
            project.id.0,
            new_name.as_str(),
        )
        .fetch_optional(self.pool())
        .await
        .map_err(|error| name_taken_or(error, new_name, "rename the project"))?;
        row.ok_or(RegistryError::UnknownProjectId(project.id))?.parse()
    }

    /// Replaces the project's description; None removes it.
    pub async fn update_project(&self, project: &Project, description: Option<&str>) -> Result<Project, RegistryError> {
        let row = sqlx::query_as!(
            ProjectRow,
            "update projects
            set description = $2
            where id = $1 and state = 'ready'
            returning id, name, database_name, description, state, embedding_model, embedding_dimensions,
                created_at, updated_at, created_by",
            project.id.0,
            description,
        )
        .fetch_optional(self.pool())
        .await
        .map_err(doing("update the project"))?;
        row.ok_or(RegistryError::UnknownProjectId(project.id))?.parse()
    }

    /// Notes another model than the one that was pinned.
    pub(crate) async fn replace_embedding(
        &self,
        id: ProjectId,
        model: &str,
        dimensions: i32,
    ) -> Result<Project, RegistryError> {
        let row = sqlx::query_as!(
            ProjectRow,
            "update projects
            set embedding_model = $2, embedding_dimensions = $3
            where id = $1 and state = 'ready' and embedding_model is not null
            returning id, name, database_name, description, state, embedding_model, embedding_dimensions,
                created_at, updated_at, created_by",
            id.0,
            model,
            dimensions,
        )
        .fetch_optional(self.pool())
        .await
        .map_err(doing("note the project's other model"))?;
        row.ok_or(RegistryError::UnknownProjectId(id))?.parse()
    }

    /// Reserves the name: the first step of creating a project.
    pub(crate) async fn insert_creating(
        &self,
        name: &ProjectName,
        description: Option<&str>,
        created_by: &str,
    ) -> Result<Project, RegistryError> {
        let id = Uuid::new_v4();
        sqlx::query_as!(
            ProjectRow,
            "insert into projects (id, name, database_name, description, created_by)
            values ($1, $2, $3, $4, $5)
            returning id, name, database_name, description, state, embedding_model, embedding_dimensions,
                created_at, updated_at, created_by",
            id,
            name.as_str(),
            database_name(name, id),
            description,
            created_by,
        )
        .fetch_one(self.pool())
        .await
        .map_err(|error| name_taken_or(error, name, "register the project"))?
        .parse()
    }

    /// None: the row is not `creating` any more, somebody undid it.
    pub(crate) async fn mark_ready(&self, id: ProjectId) -> Result<Option<Project>, RegistryError> {
        sqlx::query_as!(
            ProjectRow,
            "update projects
            set state = 'ready'
            where id = $1 and state = 'creating'
            returning id, name, database_name, description, state, embedding_model, embedding_dimensions,
                created_at, updated_at, created_by",
            id.0,
        )
        .fetch_optional(self.pool())
        .await
        .map_err(doing("mark the project as ready"))?
        .map(ProjectRow::parse)
        .transpose()
    }

    /// Whether the project was there to be dropped.
    pub(crate) async fn mark_dropping(&self, id: ProjectId) -> Result<bool, RegistryError> {
        let marked = sqlx::query!(
            "update projects
            set state = 'dropping'
            where id = $1 and state in ('ready', 'dropping')",
            id.0,
        )
        .execute(self.pool())
        .await
        .map_err(doing("mark the project as dropping"))?;
        Ok(marked.rows_affected() > 0)
    }

    /// Forgets a project whose database is gone. A ready row is never deleted.
    pub(crate) async fn delete_unready(&self, id: ProjectId) -> Result<(), RegistryError> {
        sqlx::query!(
            "delete from projects
            where id = $1 and state <> 'ready'",
            id.0,
        )
        .execute(self.pool())
        .await
        .map_err(doing("delete the project's row"))?;
        Ok(())
    }
}

/// Reads the row and keeps it locked until the transaction ends, without disturbing rows that refer to it.
pub(crate) async fn lock_row(connection: &mut PgConnection, id: ProjectId) -> Result<Project, RegistryError> {
    sqlx::query_as!(
        ProjectRow,
        "select id, name, database_name, description, state, embedding_model, embedding_dimensions,
            created_at, updated_at, created_by
        from projects
        where id = $1
        for no key update",
        id.0,
    )
    .fetch_optional(connection)
    .await
    .map_err(doing("lock the project's row"))?
    .ok_or(RegistryError::UnknownProjectId(id))?
    .parse()
    .and_then(ready)
}

/// Notes the model of a project that had none.
pub(crate) async fn set_embedding(
    connection: &mut PgConnection,
    id: ProjectId,
    model: &str,
    dimensions: i32,
) -> Result<Project, RegistryError> {
    sqlx::query_as!(
        ProjectRow,
        "update projects
        set embedding_model = $2, embedding_dimensions = $3
        where id = $1 and embedding_model is null
        returning id, name, database_name, description, state, embedding_model, embedding_dimensions,
            created_at, updated_at, created_by",
        id.0,
        model,
        dimensions,
    )
    .fetch_one(connection)
    .await
    .map_err(doing("pin the embedding model"))?
    .parse()
}

fn name_taken_or(error: sqlx::Error, name: &ProjectName, action: &str) -> RegistryError {
    let taken = error
        .as_database_error()
        .is_some_and(|error| error.constraint() == Some("projects_name_key"));
    if taken {
        return RegistryError::NameTaken { name: name.to_string() };
    }
    doing(action)(error)
}
