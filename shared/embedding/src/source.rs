//! Where the vectors of a process come from: the configured endpoint, or the built-in model, which is started on first use.
//! Hands out one client for the whole process, and turns a query into its vector or into the reason why there is none.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use quarry_lifecycle::{Config, EmbeddingApi};
use tokio::sync::OnceCell;

use crate::{Api, ApiKey, Embedded, EmbeddingClient, EmbeddingError, EndpointConfig, Pacing};

/// The longest a search waits for its vector. One text takes milliseconds; an endpoint that is gone or buried in batches must
/// not keep a person waiting for an answer that words alone can give.
const QUERY_PATIENCE: Duration = Duration::from_secs(5);

/// The embedding endpoint of a process; contacted on first use. Clones share the client.
#[derive(Clone)]
pub struct EmbeddingSource {
    configured: Option<EndpointConfig>,
    home: PathBuf,
    program: PathBuf,
    client: Arc<OnceCell<EmbeddingClient>>,
    pacing: Option<Arc<dyn Pacing>>,
}

impl EmbeddingSource {
    /// The endpoint that the configuration names, else the built-in model served by `program embedder`.
    #[must_use]
    pub fn from_config(config: &Config, program: PathBuf) -> EmbeddingSource {
        let configured = config.embedding_url().map(|url| {
            let api = match config.embedding_api() {
                EmbeddingApi::OpenAi => Api::OpenAi,
                EmbeddingApi::Ollama => Api::Ollama,
            };
            EndpointConfig {
                model: config.embedding_model().map(str::to_owned),
                api_key: config.embedding_api_key().map(|key| ApiKey::from(key.to_owned())),
                concurrency: config.embedding_concurrency(),
                timeout: config.embedding_timeout(),
                ..EndpointConfig::new(url, api)
            }
        });
        EmbeddingSource {
            configured,
            home: config.home().to_path_buf(),
            program,
            client: Arc::default(),
            pacing: None,
        }
    }

    /// Lets every request of the client wait for its turn. To be called before the client is used.
    #[must_use]
    pub fn with_pacing(mut self, pacing: Arc<dyn Pacing>) -> EmbeddingSource {
        self.pacing = Some(pacing);
        self
    }

    /// The client, connected. An attempt that fails is made again by the next caller.
    ///
    /// # Errors
    /// As [`EmbeddingClient::connect`] and [`EmbeddingClient::connect_built_in`].
    pub async fn client(&self) -> Result<EmbeddingClient, EmbeddingError> {
        self.client.get_or_try_init(|| self.connect()).await.cloned()
    }

    async fn connect(&self) -> Result<EmbeddingClient, EmbeddingError> {
        match &self.configured {
            Some(config) => EmbeddingClient::connect_paced(config.clone(), self.pacing.clone()),
            None => EmbeddingClient::connect_built_in(&self.home, &self.program).await,
        }
    }

    /// The vector of a query in the space of `pinned_model`, or in words why there is none: the caller then searches
    /// lexically and passes the reason on.
    ///
    /// # Errors
    /// A sentence for the person who asked.
    pub async fn query_vector(&self, pinned_model: Option<&str>, query: &str) -> Result<Vec<f32>, String> {
        let Some(pinned_model) = pinned_model else {
            return Err("nothing is embedded yet: results come from words only".to_owned());
        };
        let unanswered = |error: EmbeddingError| {
            format!("the embedding endpoint does not answer ({error}): results come from words only")
        };
        // Starting the built-in model has a bound of its own.
        let client = self.client().await.map_err(unanswered)?;
        let asked = async {
            let offered = client.probe().await?.model;
            if offered != pinned_model {
                return Ok(Err(format!(
                    "the project is embedded with {pinned_model}, the endpoint offers {offered}: results come from words only"
                )));
            }
            let mut answers = client.embed(&[query]).await?;
            Ok(match answers.pop() {
                Some(Embedded::Vector(vector)) => Ok(vector),
                Some(Embedded::Refused(reason)) => Err(format!(
                    "the query has no vector ({reason}): results come from words only"
                )),
                None => Err("the endpoint gave no vector: results come from words only".to_owned()),
            })
        };
        match tokio::time::timeout(QUERY_PATIENCE, asked).await {
            Ok(answer) => answer.unwrap_or_else(|error: EmbeddingError| Err(unanswered(error))),
            Err(_) => Err(format!(
                "the embedding endpoint does not answer within {} s: results come from words only",
                QUERY_PATIENCE.as_secs()
            )),
        }
    }
}
