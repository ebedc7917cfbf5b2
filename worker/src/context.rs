//! What every job needs: the registry, the embedding endpoint and the limits of this machine. Built once per process and
//! shared; holds no state of a run.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use quarry_embedding::EmbeddingSource;
use quarry_lifecycle::{Config, mask_url};
use quarry_registry::Registry;

use crate::clones::Clones;
use crate::pacing::SharedPace;
use crate::walk::WalkOptions;

/// Shared by all jobs of a process.
#[derive(Clone)]
pub struct Context {
    /// Projects, their databases and the queue.
    pub registry: Registry,
    /// Where vectors come from.
    pub embedding: EmbeddingSource,
    /// Name of this machine.
    pub host: String,
    /// Names that it shares with others that have the same repositories at the same paths: what is located here or under one
    /// of them can be read.
    pub labels: Vec<String>,
    /// How many jobs of one project all workers together run at a time.
    pub leases_per_project: Option<NonZeroU16>,
    /// Repositories by git URL on this machine.
    pub(crate) clones: Clones,
    /// Limits of the walk.
    pub walk: WalkOptions,
    /// Chunks in one publishing transaction.
    pub batch_chunks: usize,
    /// Attempts before a lane is parked.
    pub max_attempts: i16,
    /// After this long without a heartbeat this process counts as dead.
    pub lease: Duration,
    /// Time between two heartbeats.
    pub heartbeat: Duration,
    /// How long running jobs may go on when the process is told to stop.
    pub grace: Duration,
}

impl Context {
    /// Takes what a process needs from its configuration. Contacts nobody. `program` is the `quarry` binary; beside its
    /// own name `host` the machine has `labels`.
    pub fn new(registry: Registry, config: &Config, host: String, labels: Vec<String>, program: PathBuf) -> Context {
        Context {
            embedding: paced(EmbeddingSource::from_config(config, program), &registry, config),
            host,
            labels,
            leases_per_project: config.worker_project_concurrency(),
            clones: Clones::new(config),
            walk: WalkOptions {
                max_file_bytes: config.max_file_bytes(),
                ..WalkOptions::default()
            },
            batch_chunks: config.batch_chunks(),
            max_attempts: config.max_attempts(),
            lease: config.worker_lease(),
            heartbeat: config.worker_heartbeat(),
            grace: config.worker_grace(),
            registry,
        }
    }
}

/// With the rate that all workers of the registry share. Searches ask for their one vector without waiting behind loads.
fn paced(source: EmbeddingSource, registry: &Registry, config: &Config) -> EmbeddingSource {
    // The built-in model has no rate.
    let Some(url) = config.embedding_url() else {
        return source;
    };
    let bucket = format!("{} {}", mask_url(url), config.embedding_model().unwrap_or_default());
    let pool = registry.pool().clone();
    match SharedPace::new(pool, bucket, config.embedding_requests_per_second()) {
        Some(pace) => source.with_pacing(Arc::new(pace)),
        None => source,
    }
}
