//! What model an endpoint has, of how many dimensions, and how it writes vectors: asked once, with a short text.
//! Hands that to embed.rs and to callers that choose a model. Never embeds a text of theirs.

use crate::client::EmbeddingClient;
use crate::embed::{Embedded, judge};
use crate::endpoint_config::Api;
use crate::error::EmbeddingError;
use crate::model_identity::ModelIdentity;
use crate::retry::Refused;
use crate::vector_json::Encoding;
use crate::{ollama, openai};

/// A text that every model takes; its vector tells the dimensions and whether base64 is understood.
pub(crate) const PROBE_TEXT: &str = "read a file";

/// A model as the endpoint serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// Its [`ModelIdentity`], as it is written: its name, and with it how documents are sent, where that is configured.
    pub model: String,
    /// Components of its vectors.
    pub dimensions: u32,
}

pub(crate) struct Ready {
    /// Name to ask for the model by.
    pub(crate) name: String,
    pub(crate) model: ModelInfo,
    pub(crate) encoding: Encoding,
}

impl EmbeddingClient {
    /// The model and its dimensions, found by embedding a short text. Asked once; clones and later calls remember.
    ///
    /// # Errors
    /// Whatever keeps the endpoint from embedding anything at all, with what to check.
    pub async fn probe(&self) -> Result<ModelInfo, EmbeddingError> {
        Ok(self.ready().await?.model.clone())
    }

    /// The models that the endpoint says it has. Ollama's names come with and without their tag `latest`.
    ///
    /// # Errors
    /// When it does not answer or has no list.
    pub async fn listed_models(&self) -> Result<Vec<String>, EmbeddingError> {
        let mut models = self.list_models().await?;
        let untagged: Vec<String> = models
            .iter()
            .filter_map(|model| model.strip_suffix(":latest").map(str::to_owned))
            .collect();
        models.extend(untagged);
        Ok(models)
    }

    pub(crate) async fn ready(&self) -> Result<&Ready, EmbeddingError> {
        self.shared.ready.get_or_try_init(|| self.ask_probe()).await
    }

    async fn ask_probe(&self) -> Result<Ready, EmbeddingError> {
        let config = &self.shared.config;
        let name = match &config.model {
            Some(name) => name.clone(),
            None => self.first_model().await?,
        };
        let first = if config.api == Api::OpenAi {
            Encoding::Base64
        } else {
            Encoding::Float
        };
        let mut answer = self.ask(&name, first, &config.documents, &[PROBE_TEXT]).await;
        if matches!(answer, Err(Refused::Texts(_))) && first == Encoding::Base64 {
            answer = self.ask(&name, Encoding::Float, &config.documents, &[PROBE_TEXT]).await;
        }
        let vector = answer.map_err(|refused| self.endpoint_error(refused))?.swap_remove(0);
        let encoding = vector.encoding;
        let got = u32::try_from(vector.components.len()).unwrap_or(u32::MAX);
        let identity = ModelIdentity {
            name: name.clone(),
            documents: config.documents.clone(),
        };
        let model = ModelInfo {
            model: identity.to_string(),
            dimensions: config.dimensions.unwrap_or(got),
        };
        if let Embedded::Refused(reason) = judge(vector, &model)? {
            return Err(EmbeddingError::InvalidAnswer {
                url: self.base().to_string(),
                reason,
            });
        }
        Ok(Ready { name, model, encoding })
    }

    async fn first_model(&self) -> Result<String, EmbeddingError> {
        let url = self.address(self.models_path()).to_string();
        let models = self.list_models().await?;
        models.into_iter().next().ok_or(EmbeddingError::NoModel { url })
    }

    fn models_path(&self) -> &'static str {
        match self.shared.config.api {
            Api::OpenAi => "models",
            Api::Ollama => "tags",
        }
    }

    async fn list_models(&self) -> Result<Vec<String>, EmbeddingError> {
        let path = self.models_path();
        let body = self
            .exchange(path, "?", None)
            .await
            .map_err(|refused| self.endpoint_error(refused))?;
        let models = match self.shared.config.api {
            Api::OpenAi => openai::read_models(&body),
            Api::Ollama => ollama::read_models(&body),
        };
        let url = self.address(path).to_string();
        models.map_err(|reason| EmbeddingError::InvalidAnswer { url, reason })
    }
}
