//! What every job needs: the registry, the embedding endpoint and the limits of this machine. Built once per process and
//! shared; holds no state of a run.

use std::path::PathBuf;
use std::time::Duration;

use quarry_embedding::EmbeddingSource;
use quarry_lifecycle::Config;
use quarry_registry::Registry;

use crate::walk::WalkOptions;

/// Shared by all jobs of a process.
#[derive(Clone)]
pub struct Context {
    /// Projects, their databases and the queue.
    pub registry: Registry,
    /// Where vectors come from.
    pub embedding: EmbeddingSource,
    /// Name of this machine: only repositories located here can be read.
    pub host: String,
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
    /// Takes what a process needs from its configuration. Contacts nobody. `program` is the `quarry` binary.
    pub fn new(registry: Registry, config: &Config, host: String, program: PathBuf) -> Context {
        Context {
            registry,
            embedding: EmbeddingSource::from_config(config, program),
            host,
            walk: WalkOptions {
                max_file_bytes: config.max_file_bytes(),
            },
            batch_chunks: config.batch_chunks(),
            max_attempts: config.max_attempts(),
            lease: config.worker_lease(),
            heartbeat: config.worker_heartbeat(),
            grace: config.worker_grace(),
        }
    }
}
