//! What the tools stand on: the registry, the project of a call, the embedding endpoint. Connected by the first call that
//! needs them and asked for anew by every call, so a server or endpoint that comes back is found without a restart.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use quarry_codebase::{Freshness, Pending};
use quarry_embedding::{EmbeddingSource, Purpose};
use quarry_lifecycle::Config;
use quarry_registry::{PgPool, Project, Registry, RegistryOptions, reach};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use uuid::Uuid;

use crate::Options;
use crate::access::Access;
use crate::postgres_watch::{PostgresWatch, Seen};
use crate::tool_error::ToolError;
use crate::worker_process::WorkerProcess;

/// A restarting Postgres takes connections again within two seconds; what lasts longer is told to the caller.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// A query is embedded in milliseconds and the built-in model starts in less than a second; then words have to do.
const EMBED_WITHIN: Duration = Duration::from_secs(4);

/// Names offered where a call has to choose a project.
const MOST_NAMES: usize = 10;

pub(crate) struct Backend {
    pub(crate) config: Config,
    pub(crate) options: Options,
    pub(crate) worker: WorkerProcess,
    embedding: EmbeddingSource,
    opened: Mutex<Option<Opened>>,
    postgres: PostgresWatch,
    turns: Semaphore,
}

struct Opened {
    url: String,
    registry: Registry,
}

impl Backend {
    pub(crate) fn new(config: Config, options: Options) -> Backend {
        let embedding = EmbeddingSource::from_config(&config, options.program.clone());
        let at_once = config.project_pool().max_connections.max(1) as usize;
        Backend {
            config,
            options,
            worker: WorkerProcess::default(),
            embedding,
            opened: Mutex::default(),
            postgres: PostgresWatch::default(),
            turns: Semaphore::new(at_once),
        }
    }

    /// The registry, on a server that answers, or a moment ago did.
    pub(crate) async fn registry(&self) -> Result<Registry> {
        let seen = self.postgres.seen(Instant::now());
        if seen == Seen::Answering
            && let Some(open) = self.opened.lock().await.as_ref()
        {
            return Ok(open.registry.clone());
        }
        let reached = self.reached(seen).await;
        match &reached {
            Ok(_) => self.postgres.note_answer(Instant::now()),
            Err(_) => self.postgres.note_silence(),
        }
        reached
    }

    async fn reached(&self, seen: Seen) -> Result<Registry> {
        let url = match self.config.database_url() {
            Some(url) => url.to_owned(),
            None => {
                quarry_postgres::ensure_running(self.config.home())
                    .await
                    .context("start Postgres")?
                    .url
            }
        };
        if seen == Seen::Away {
            reach(&url, CONNECT_WITHIN).await?;
        }
        let registry = self.opened(&url).await?;
        // Waits out a restart. A pool that is only busy has nothing to say against the server.
        if registry.pool().acquire().await.is_err() {
            reach(&url, CONNECT_WITHIN).await?;
        }
        Ok(registry)
    }

    /// The registry at this address, opened when this is the first call or the embedded Postgres runs elsewhere than before.
    async fn opened(&self, url: &str) -> Result<Registry> {
        let mut opened = self.opened.lock().await;
        if let Some(open) = opened.as_ref().filter(|open| open.url == url) {
            return Ok(open.registry.clone());
        }
        let name = concat!("quarry-mcp/", env!("CARGO_PKG_VERSION"));
        let options = RegistryOptions {
            min_connections: 0, // a session may sleep for hours: it keeps no idle connection
            acquire_timeout: CONNECT_WITHIN,
            ..RegistryOptions::from_config(&self.config, name)
        };
        // Those that waited here for somebody who did not find it need not find that out one after the other.
        if self.postgres.seen(Instant::now()) == Seen::Away {
            reach(url, CONNECT_WITHIN).await?;
        }
        let registry = Registry::open(url, options).await;
        let registry = registry.inspect_err(|_| self.postgres.note_silence())?;
        *opened = Some(Opened {
            url: url.to_owned(),
            registry: registry.clone(),
        });
        Ok(registry)
    }

    /// A search's turn, first come, first served: as many at once as there are connections to a project. The wait for a
    /// turn is bounded by the call's deadline, that for a connection by how long a silent Postgres is given.
    pub(crate) async fn turn(&self) -> SemaphorePermit<'_> {
        self.turns.acquire().await.expect("the semaphore is never closed")
    }

    pub(crate) fn embedding(&self) -> &EmbeddingSource {
        &self.embedding
    }

    pub(crate) fn host(&self) -> Result<String> {
        Ok(self.config.host()?)
    }

    /// The project of the current directory, else the only one that the caller may use.
    pub(crate) async fn default_project(&self, registry: &Registry, access: &Access) -> Result<Project, ToolError> {
        let directory = std::env::current_dir().context("read the current directory")?;
        if let Some((project, _)) = self.project_above(registry, &directory).await?
            && access.sees(&project.name)
        {
            return Ok(project);
        }
        let mut projects = registry.projects().await?;
        projects.retain(|project| access.sees(&project.name));
        match projects.len() {
            0 => Err(ToolError::new("nothing is indexed yet: call index_repository first")),
            1 => Ok(projects.remove(0)),
            count => {
                let names: Vec<&str> = projects
                    .iter()
                    .take(MOST_NAMES)
                    .map(|project| project.name.as_str())
                    .collect();
                let more = if count > MOST_NAMES { ", …" } else { "" };
                Err(ToolError::new(format!(
                    "there are several projects: name one in `project` ({}{more})",
                    names.join(", ")
                )))
            }
        }
    }

    /// The indexed repository that holds `directory`, or is it, with its project.
    pub(crate) async fn project_above(
        &self,
        registry: &Registry,
        directory: &Path,
    ) -> Result<Option<(Project, String)>, ToolError> {
        let host = self.host()?;
        for ancestor in directory.ancestors() {
            let Some(root) = ancestor.to_str() else { continue };
            if let Some(project) = registry.project_at(&host, root).await? {
                return Ok(Some((project, root.to_owned())));
            }
        }
        Ok(None)
    }

    pub(crate) async fn freshness(
        &self,
        project: &Project,
        database: &PgPool,
        repository: Option<Uuid>,
    ) -> Result<Freshness, ToolError> {
        let registry = self.registry().await?;
        let pending = quarry_queue::pending(registry.pool(), project.id.0, repository).await?;
        let pending = Pending {
            files: pending.files,
            sync: pending.sync,
        };
        Ok(quarry_codebase::freshness(database, repository, pending).await?)
    }

    /// The model whose vectors the project holds.
    pub(crate) async fn model(&self, project: &Project, database: &PgPool) -> Result<Option<String>, ToolError> {
        let stored = quarry_codebase::embedding_models(database).await?.stored;
        Ok(stored.or_else(|| project.embedding.as_ref().map(|pinned| pinned.model.clone())))
    }

    /// The vector of what is searched for, from this model, or in words why there is none.
    pub(crate) async fn search_vector(
        &self,
        model: Option<&str>,
        purpose: Purpose,
        text: &str,
    ) -> Result<Vec<f32>, String> {
        // A start of the built-in model goes on when this call gives up: the next one finds it running.
        let source = self.embedding.clone();
        let connected = tokio::spawn(async move { source.client().await.map(drop) });
        let asked = async {
            if let Ok(Err(error)) = connected.await {
                return Err(format!(
                    "the embedding endpoint does not answer ({error}): results come from words only"
                ));
            }
            self.embedding.search_vector(model, purpose, text).await
        };
        tokio::time::timeout(EMBED_WITHIN, asked).await.unwrap_or_else(|_| {
            let seconds = EMBED_WITHIN.as_secs();
            Err(format!(
                "the embedding endpoint did not answer within {seconds} s: results come from words only"
            ))
        })
    }

    /// Sees to it that a worker of this machine is alive, or about to be.
    pub(crate) async fn ensure_worker(&self) -> Result<(), ToolError> {
        let registry = self.registry().await?;
        if quarry_queue::workers_alive(registry.pool(), &self.host()?).await? == 0 {
            self.worker.start(&self.options.program, &self.config)?;
        }
        Ok(())
    }

    /// Whether the worker of this session failed and nobody else is there to do its work.
    pub(crate) async fn worker_failed(&self) -> Result<bool, ToolError> {
        Ok(self.worker.failure(self.config.home()).is_some() && self.no_worker().await?.is_some())
    }

    /// Why nobody works on what waits on this machine, if nobody does.
    pub(crate) async fn no_worker(&self) -> Result<Option<String>, ToolError> {
        let registry = self.registry().await?;
        if self.worker.is_running() || quarry_queue::workers_alive(registry.pool(), &self.host()?).await? > 0 {
            return Ok(None);
        }
        let reason = self.worker.failure(self.config.home());
        Ok(Some(
            reason.unwrap_or_else(|| "no worker is alive on this machine".to_owned()),
        ))
    }
}
