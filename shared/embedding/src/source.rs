//! Where the vectors of a process come from: the configured endpoint, or the built-in model, which is started on first use.
//! Hands out one client for the whole process, and turns a query into its vector or into the reason why there is none.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quarry_lifecycle::{Config, EmbeddingApi};
use tokio::sync::OnceCell;

use crate::{Api, ApiKey, BUILT_IN_MODEL, Embedded, EmbeddingClient, EmbeddingError, EndpointConfig, Pacing};

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
    /// Clients for other models than the configured one.
    others: Arc<Mutex<HashMap<String, EmbeddingClient>>>,
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
            others: Arc::default(),
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

    /// A client for this very model, whatever is configured as the one to use: the configured endpoint where it has several, or
    /// the built-in model. A project keeps its model until somebody changes it, and both are needed while it changes.
    ///
    /// # Errors
    /// [`EmbeddingError::NotOffered`] when neither has it; else as [`EmbeddingSource::client`].
    pub async fn client_for(&self, model: &str) -> Result<EmbeddingClient, EmbeddingError> {
        let usual = match self.client().await {
            Ok(client) => client.probe().await.map(|offered| (client, offered.model)),
            Err(error) => Err(error),
        };
        if let Ok((client, offered)) = &usual
            && offered == model
        {
            return Ok(client.clone());
        }
        if let Some(client) = self.others.lock().unwrap_or_else(PoisonError::into_inner).get(model) {
            return Ok(client.clone());
        }
        let other = match (&self.configured, usual) {
            (Some(_), _) if model == BUILT_IN_MODEL => {
                EmbeddingClient::connect_built_in(&self.home, &self.program).await?
            }
            (_, Err(error)) => return Err(error),
            (Some(config), Ok((client, offered))) => {
                // A server that does not say what it has may answer with whatever it has: its word is not enough.
                let listed = client.listed_models().await.unwrap_or_default();
                if !listed.iter().any(|name| name == model) {
                    return Err(not_offered(model, offered));
                }
                let config = EndpointConfig {
                    model: Some(model.to_owned()),
                    ..config.clone()
                };
                EmbeddingClient::connect_paced(config, self.pacing.clone())?
            }
            (None, Ok((_, offered))) => return Err(not_offered(model, offered)),
        };
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(others.entry(model.to_owned()).or_insert(other).clone())
    }

    /// Whether vectors come from the built-in model, for want of a configured endpoint.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.configured.is_none()
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
        let asked = async {
            let client = match self.client_for(pinned_model).await {
                Err(EmbeddingError::NotOffered { offered, .. }) => {
                    return Ok(Err(format!(
                        "the project is embedded with {pinned_model}, the endpoint offers {offered}: results come from words \
                         only (`quarry project model` embeds it anew)"
                    )));
                }
                client => client?,
            };
            let mut answers = client.embed(&[query]).await?;
            Ok(match answers.pop() {
                Some(Embedded::Vector(vector)) => Ok(vector),
                Some(Embedded::Refused(reason)) => Err(format!(
                    "the query has no vector ({reason}): results come from words only"
                )),
                None => Err("the endpoint gave no vector: results come from words only".to_owned()),
            })
        };
        // Starting the built-in model has a bound of its own.
        if self.is_built_in() {
            self.client().await.map_err(unanswered)?;
        }
        match tokio::time::timeout(QUERY_PATIENCE, asked).await {
            Ok(answer) => answer.unwrap_or_else(|error: EmbeddingError| Err(unanswered(error))),
            Err(_) => Err(format!(
                "the embedding endpoint does not answer within {} s: results come from words only",
                QUERY_PATIENCE.as_secs()
            )),
        }
    }
}

fn not_offered(wanted: &str, offered: String) -> EmbeddingError {
    EmbeddingError::NotOffered {
        wanted: wanted.to_owned(),
        offered,
    }
}
