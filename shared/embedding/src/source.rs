//! Where the vectors of a process come from: the configured endpoint, or the built-in model, which is started on first use.
//! Hands out one client for the whole process, and turns what is searched for into its vector or into the reason why there is
//! none.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quarry_lifecycle::{Config, EmbeddingApi};
use tokio::sync::OnceCell;

use crate::{
    Api, ApiKey, BUILT_IN_MODEL, Embedded, EmbeddingClient, EmbeddingError, EndpointConfig, ModelIdentity, Pacing,
    Purpose, TextForm,
};

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
            let (query_type, document_type) = config.embedding_input_types().unzip();
            let form = |prefix: Option<&str>, input_type: Option<&str>| TextForm {
                prefix: prefix.unwrap_or_default().to_owned(),
                input_type: input_type.map(str::to_owned),
            };
            EndpointConfig {
                model: config.embedding_model().map(str::to_owned),
                documents: form(config.embedding_document_prefix(), document_type),
                queries: form(config.embedding_query_prefix(), query_type),
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

    /// A client for the model of this [`ModelIdentity`], whatever is configured as the one to use: the configured endpoint where it
    /// has that model, sent documents as the identity says, or the built-in model. A project keeps its model until somebody
    /// changes it, and both are needed while it changes.
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
                let wanted = ModelIdentity::parse(model);
                let usual = ModelIdentity::parse(&offered).name;
                let can_be_sent = config.api == Api::OpenAi || wanted.documents.input_type.is_none();
                if !can_be_sent || !has_model(&client, &wanted.name, &usual).await {
                    return Err(not_offered(model, offered));
                }
                EmbeddingClient::connect_paced(config.with_identity(wanted, &usual), self.pacing.clone())?
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

    /// The vector of what is searched for in the space of `pinned_model`, or in words why there is none: the caller then
    /// searches lexically and passes the reason on. A question is a query; code that others like it are searched for is a
    /// document.
    ///
    /// # Errors
    /// A sentence for the person who asked.
    pub async fn search_vector(
        &self,
        pinned_model: Option<&str>,
        purpose: Purpose,
        text: &str,
    ) -> Result<Vec<f32>, String> {
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
            let mut answers = client.embed(purpose, &[text]).await?;
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

/// A server that does not say what it has may answer with whatever it has: only for its usual model is its word enough.
async fn has_model(client: &EmbeddingClient, name: &str, usual: &str) -> bool {
    if name == usual {
        return true;
    }
    let listed = client.listed_models().await.unwrap_or_default();
    listed.iter().any(|listed| listed == name)
}

fn not_offered(wanted: &str, offered: String) -> EmbeddingError {
    EmbeddingError::NotOffered {
        wanted: wanted.to_owned(),
        offered,
    }
}
