//! What can be done to an entity, alone or in a batch. Hands change.rs and bulk.rs one kind of value, so that both mean
//! the same.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::error::WorkflowError;
use crate::patch::Change;

/// One change of one entity.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Store a document under the newest version of a schema.
    Create {
        /// The schema's name.
        schema: String,
        /// The document.
        data: Value,
        /// The id to give it; none: a new one.
        id: Option<Uuid>,
    },
    /// Store the next version of a document.
    Update {
        /// Which.
        target: Target,
        /// What to make of the document.
        change: Change,
    },
    /// Mark it as deleted; its history stays.
    Delete(Target),
    /// Take the mark away.
    Restore(Target),
    /// Store a past version's document as the next version.
    Revert {
        /// Which.
        target: Target,
        /// The past version.
        to_version: i32,
    },
}

/// An entity as its writer saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Which entity.
    pub id: Uuid,
    /// The version the writer saw; another one is a conflict.
    pub expected_version: i32,
    /// The fence of the writer's claim: the write is refused when the claim is over.
    pub fence: Option<i64>,
}

impl Operation {
    /// The entity that is changed, unless it is a new one.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Create { .. } => None,
            Self::Update { target, .. } | Self::Revert { target, .. } => Some(target),
            Self::Delete(target) | Self::Restore(target) => Some(target),
        }
    }

    /// Where a fault of the document lies in the operation as it is written.
    pub(crate) fn place_of(&self, error: &WorkflowError) -> &'static str {
        match (self, error) {
            (Self::Create { .. }, WorkflowError::UnknownSchema { .. }) => "/schema",
            (Self::Create { .. }, WorkflowError::IdTaken { .. }) => "/id",
            (Self::Create { .. }, _) => "/data",
            (_, WorkflowError::UnknownEntity { .. }) => "/id",
            (_, WorkflowError::Conflict(_) | WorkflowError::Deleted { .. }) => "/expected_version",
            (_, WorkflowError::ClaimLost { .. }) => "/fence",
            (Self::Revert { .. }, _) => "/to_version",
            (_, WorkflowError::InvalidPatch(_)) => "/patch",
            // What a patch made is wrong at the pointers of the document it made.
            (
                Self::Update {
                    change: Change::Replace(_),
                    ..
                },
                _,
            ) => "/data",
            _ => "",
        }
    }
}
