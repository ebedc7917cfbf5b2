//! Another embedding model for a project that goes on answering from the vectors of the old one: the table `embedding_model`
//! says which is which, a second column of vectors is filled beside, and one transaction makes it the one that is searched.
//! Never embeds: see worker/src/jobs/change_model.rs.

mod begin;
mod embedding_models;
mod fill;
mod switch;

pub use begin::{begin_model_change, cancel_model_change};
pub use embedding_models::{EmbeddingModels, NextModel, embedding_models, note_stored_model};
pub(crate) use embedding_models::{hold_stored_model, stored_model};
pub use fill::{ModelChangeProgress, NextVector, UnembeddedChunk, chunks_to_embed, model_change_progress, store_next};
pub use switch::{Switched, switch_model};
