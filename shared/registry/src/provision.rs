//! Creates and drops projects. Postgres cannot create a database inside a transaction, so both are sagas: each step
//! leaves a state from which reconcile.rs finishes or undoes the rest.
//! Never drops a database whose stamp it does not recognise.

use std::time::{Duration, Instant};

use sqlx::{ConnectOptions, Connection};

use crate::error::{RegistryError, doing, has_code, sqlstate};
use crate::identifiers::{Identifier, bound_sessions, create_database_from, drop_database, revoke_public};
use crate::initialize::create_database_sql;
use crate::names::ProjectName;
use crate::open::Registry;
use crate::projects::Project;
use crate::reconcile::UNFINISHED_AFTER;
use crate::stamp::{self, Ownership};
use crate::template::{Template, ensure_template, template_name};

/// A publishing transaction computes between two of its statements, for seconds on a busy machine.
const PUBLICATION_STANDS_STILL: Duration = Duration::from_secs(60);

impl Registry {
    /// Creates a project with a database of its own. Of several callers with one name exactly one succeeds.
    /// `created_by` is the client's name and version.
    pub async fn create_project(
        &self,
        name: &ProjectName,
        description: Option<&str>,
        created_by: &str,
    ) -> Result<Project, RegistryError> {
        self.create_project_at(name, description, created_by, None).await
    }

    /// The same for the repository at a host and root: the place is the project's before the project is ready, so that
    /// a crash never leaves a project that nobody finds again.
    pub(crate) async fn create_project_at(
        &self,
        name: &ProjectName,
        description: Option<&str>,
        created_by: &str,
        location: Option<(&str, &str)>,
    ) -> Result<Project, RegistryError> {
        // Before queueing behind other creations: a name that is taken is refused at once.
        let started = Instant::now();
        let project = self.reserve_name(name, description, created_by).await?;
        match self.provision(&project, location, started).await {
            Ok(project) => {
                let database = &project.database_name;
                let duration_ms = started.elapsed().as_millis();
                tracing::info!(
                    project.id = %project.id, database, duration_ms,
                    "created project {name} in database {database}"
                );
                Ok(project)
            }
            Err(error) => {
                if let Err(undo) = self.undo(&project).await {
                    tracing::warn!(
                        project.id = %project.id, error = %undo,
                        "cannot undo the creation of project {name} now, the reconciler will: {undo}"
                    );
                }
                Err(error)
            }
        }
    }

    /// Drops the project and its database for good. Everything that still uses it loses its connection.
    pub async fn drop_project(&self, project: &Project) -> Result<(), RegistryError> {
        if let Ownership::Foreign(stamp) = stamp::ownership(self, project).await? {
            return Err(RegistryError::WrongDatabase {
                project: project.name.to_string(),
                database: project.database_name.clone(),
                stamp,
            });
        }
        if !self.mark_dropping(project.id).await? {
            return Err(RegistryError::UnknownProjectId(project.id));
        }
        self.project_pools().close(project.id).await;
        self.remove(project).await?;
        tracing::info!(project.id = %project.id, "dropped project {}", project.name);
        Ok(())
    }

    /// Drops the database, whose owner has been checked, and then the row.
    pub(crate) async fn remove(&self, project: &Project) -> Result<(), RegistryError> {
        let database = Identifier::new(&project.database_name)?;
        sqlx::raw_sql(drop_database(&database))
            .execute(self.pool())
            .await
            .map_err(doing(format!("drop database {}", database.as_str())))?;
        self.delete_unready(project.id).await
    }

    /// Makes the template when it is missing.
    pub(crate) async fn ensure_template(&self) -> Result<Template, RegistryError> {
        let _one_at_a_time = self.template_mutex().lock().await;
        ensure_template(self.pool(), self.server()).await
    }

    /// A name left behind by a crash is cleared and tried once more.
    async fn reserve_name(
        &self,
        name: &ProjectName,
        description: Option<&str>,
        created_by: &str,
    ) -> Result<Project, RegistryError> {
        match self.insert_creating(name, description, created_by).await {
            Err(RegistryError::NameTaken { .. }) => {}
            result => return result,
        }
        let refusal = self.refusal(name).await?;
        if matches!(refusal, RegistryError::NotReady { .. }) && self.reconcile().await?.cleared(name) {
            return self.insert_creating(name, description, created_by).await;
        }
        Err(refusal)
    }

    async fn provision(
        &self,
        project: &Project,
        location: Option<(&str, &str)>,
        started: Instant,
    ) -> Result<Project, RegistryError> {
        if let Some((host, root)) = location {
            self.bind_location(host, root, project).await?;
        }
        let _creation = self.creations().acquire().await.expect("the semaphore is never closed");
        self.ensure_template().await?;
        // The reconciler takes a row for dead after UNFINISHED_AFTER. Stopping at half of it leaves the statement,
        // which the statement timeout bounds, enough time: no database is ever created behind the reconciler's back.
        if started.elapsed() > UNFINISHED_AFTER / 2 {
            return Err(abandoned(project));
        }
        let database = Identifier::new(&project.database_name)?;
        self.clone_template(&database).await?;
        self.finish_database(project, &database).await?;
        match self.mark_ready(project.id).await? {
            Some(project) => Ok(project),
            None => Err(abandoned(project)),
        }
    }

    async fn clone_template(&self, database: &Identifier) -> Result<(), RegistryError> {
        let created = sqlx::raw_sql(create_database_from(database, &template_name()?))
            .execute(self.pool())
            .await;
        match created {
            Ok(_) => Ok(()),
            Err(error) if has_code(&error, sqlstate::INSUFFICIENT_PRIVILEGE) => Err(RegistryError::MissingPrivilege {
                action: format!("create database {}", database.as_str()),
                admin_sql: create_database_sql(self.server()),
            }),
            Err(error) => Err(doing(format!("create database {}", database.as_str()))(error)),
        }
    }

    /// Closes the database to other roles, bounds its statements, and stamps it last: a stamped one is complete.
    async fn finish_database(&self, project: &Project, database: &Identifier) -> Result<(), RegistryError> {
        sqlx::raw_sql(revoke_public(database))
            .execute(self.pool())
            .await
            .map_err(doing("close the project's database to other roles"))?;
        let timeout = self.options().project_statement_timeout;
        sqlx::raw_sql(bound_sessions(database, timeout, PUBLICATION_STANDS_STILL))
            .execute(self.pool())
            .await
            .map_err(doing("set the project's timeouts"))?;
        let mut connection = self
            .server()
            .clone()
            .database(database.as_str())
            .connect()
            .await
            .map_err(|source| RegistryError::Connect {
                database: database.as_str().to_owned(),
                source,
            })?;
        stamp::stamp(&mut connection, project.id).await?;
        connection
            .close()
            .await
            .map_err(doing("leave the project's new database"))
    }

    /// Takes back what a failed creation did. The row may be gone already, the database's name is ours either way.
    async fn undo(&self, project: &Project) -> Result<(), RegistryError> {
        match stamp::ownership(self, project).await? {
            Ownership::Foreign(_) => self.delete_unready(project.id).await,
            _ => self.remove(project).await,
        }
    }
}

fn abandoned(project: &Project) -> RegistryError {
    RegistryError::CreationAbandoned {
        name: project.name.to_string(),
    }
}
