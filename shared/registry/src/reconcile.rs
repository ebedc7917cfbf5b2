//! Finishes or undoes what a crash left half done: projects that are neither created nor dropped completely.
//! Hands back what it did, by project name.
//! Never touches a project that was started a moment ago, nor a database whose stamp it does not recognise.

use std::time::Duration;

use serde::Serialize;

use crate::error::RegistryError;
use crate::names::ProjectName;
use crate::open::Registry;
use crate::projects::{Project, ProjectState};
use crate::stamp::{self, Ownership};

/// A creation takes 0.3 s and a drop little more; after this long whoever began is taken for dead.
pub(crate) const UNFINISHED_AFTER: Duration = Duration::from_secs(5 * 60);

/// What `Registry::reconcile` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// Creations that were undone; their names are free again.
    pub undone: Vec<ProjectName>,
    /// Drops that were finished.
    pub dropped: Vec<ProjectName>,
    /// Rows left alone, because the database they lead to carries another project's stamp: a person must look.
    pub foreign: Vec<ProjectName>,
}

impl Reconciled {
    pub(crate) fn cleared(&self, name: &ProjectName) -> bool {
        self.undone.contains(name) || self.dropped.contains(name)
    }
}

impl Registry {
    /// Clears projects that have been unfinished for more than five minutes. Several processes may do so at once.
    pub async fn reconcile(&self) -> Result<Reconciled, RegistryError> {
        self.reconcile_older_than(UNFINISHED_AFTER).await
    }

    /// The same with another age. Zero is for when nobody else is at work: it would undo a creation under way.
    pub async fn reconcile_older_than(&self, age: Duration) -> Result<Reconciled, RegistryError> {
        let mut done = Reconciled::default();
        for project in self.unready_for(age).await? {
            let name = project.name.clone();
            let state = project.state;
            if !self.clear(&project).await? {
                tracing::error!(
                    project.id = %project.id, database = project.database_name,
                    "project {name} leads to database {}, which is not its own: left alone",
                    project.database_name
                );
                done.foreign.push(name);
            } else if state == ProjectState::Dropping {
                tracing::warn!(project.id = %project.id, "finished dropping project {name}");
                done.dropped.push(name);
            } else {
                tracing::warn!(project.id = %project.id, "undid the creation of project {name}");
                done.undone.push(name);
            }
        }
        Ok(done)
    }

    /// Whether the project could be removed.
    async fn clear(&self, project: &Project) -> Result<bool, RegistryError> {
        match stamp::ownership(self, project).await? {
            Ownership::Foreign(_) => return Ok(false),
            Ownership::Missing => self.delete_unready(project.id).await?,
            Ownership::Ours | Ownership::Unstamped => {
                self.project_pools().close(project.id).await;
                self.remove(project).await?;
            }
        }
        Ok(true)
    }
}
