//! The table `projects`: what a row of it is. Every statement on the table stands in the files below this one.
//! Hands `Project` values to everything else.
//! Never touches a project's database: see provision.rs, pin_embedding.rs and pools.rs.

mod change;
mod find;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::RegistryError;
use crate::names::ProjectName;

pub(crate) use change::{lock_row, set_embedding};

/// Identifies a project for as long as it exists; a dropped and recreated project gets another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProjectId(pub Uuid);

impl fmt::Display for ProjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Where a project stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProjectState {
    /// Its database is being made, or its creator died: `Registry::reconcile` clears it.
    Creating,
    /// In use.
    Ready,
    /// Its database is being dropped, or who dropped it died: `Registry::reconcile` finishes it.
    Dropping,
}

impl fmt::Display for ProjectState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Creating => "being created",
            Self::Ready => "ready",
            Self::Dropping => "being dropped",
        })
    }
}

/// The model whose embeddings a project holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedEmbedding {
    /// The model's name as its endpoint gives it.
    pub model: String,
    /// Length of its vectors.
    pub dimensions: u32,
}

impl fmt::Display for PinnedEmbedding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({} dimensions)", self.model, self.dimensions)
    }
}

/// A project as the registry knows it at the time of the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Project {
    /// Stays the same when the project is renamed.
    pub id: ProjectId,
    /// Unique among the projects of a registry.
    pub name: ProjectName,
    /// The database that holds the project's code and entities.
    pub database_name: String,
    /// Free text for people.
    pub description: Option<String>,
    /// Only a ready project can be used.
    pub state: ProjectState,
    /// None until the first index run.
    pub embedding: Option<PinnedEmbedding>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When its row changed last.
    pub updated_at: DateTime<Utc>,
    /// Name and version of the client that created it.
    pub created_by: String,
}

/// A row of `projects`, before its texts are parsed.
pub(crate) struct ProjectRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) database_name: String,
    pub(crate) description: Option<String>,
    pub(crate) state: String,
    pub(crate) embedding_model: Option<String>,
    pub(crate) embedding_dimensions: Option<i32>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) created_by: String,
}

impl ProjectRow {
    /// Fails only for a row that the table's constraints would refuse.
    pub(crate) fn parse(self) -> Result<Project, RegistryError> {
        let state = match self.state.as_str() {
            "creating" => ProjectState::Creating,
            "dropping" => ProjectState::Dropping,
            _ => ProjectState::Ready,
        };
        let embedding = match (self.embedding_model, self.embedding_dimensions) {
            (Some(model), Some(dimensions)) => Some(PinnedEmbedding {
                model,
                dimensions: dimensions.unsigned_abs(),
            }),
            _ => None,
        };
        Ok(Project {
            id: ProjectId(self.id),
            name: ProjectName::parse(&self.name)?,
            database_name: self.database_name,
            description: self.description,
            state,
            embedding,
            created_at: self.created_at,
            updated_at: self.updated_at,
            created_by: self.created_by,
        })
    }
}

fn ready(project: Project) -> Result<Project, RegistryError> {
    if project.state == ProjectState::Ready {
        return Ok(project);
    }
    Err(RegistryError::NotReady {
        name: project.name.to_string(),
        state: project.state,
    })
}
