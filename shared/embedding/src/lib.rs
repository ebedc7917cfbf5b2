#![doc = include_str!("../README.md")]

mod batch;
mod built_in_state;
mod client;
mod embed;
mod endpoint;
mod endpoint_config;
mod error;
mod known_models;
mod model_identity;
mod ollama;
mod openai;
mod pacing;
mod probe;
mod retry;
mod retry_after;
mod source;
mod text_form;
mod transport;
mod vector_json;

pub use built_in_state::{BUILT_IN_DIMENSIONS, BUILT_IN_MODEL, BuiltInState, STOP_KEY_HEADER};
pub use client::EmbeddingClient;
pub use embed::Embedded;
pub use endpoint::{built_in_endpoint, stop_built_in};
pub use endpoint_config::{Api, ApiKey, EndpointConfig};
pub use error::EmbeddingError;
pub use known_models::usual_prefixes;
pub use model_identity::ModelIdentity;
pub use pacing::Pacing;
pub use probe::ModelInfo;
pub use retry::RetryPolicy;
pub use source::EmbeddingSource;
pub use text_form::{Purpose, TextForm};
