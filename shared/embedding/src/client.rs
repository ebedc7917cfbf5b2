//! Asks an endpoint what its model is and what vectors texts have, in the order of the texts.
//! Hands callers checked vectors, or the reason why one text has none; a failure of the endpoint fails the call.
//! Stores nothing, and never writes a text or a key anywhere.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::future::try_join_all;
use reqwest::Url;
use tokio::sync::{OnceCell, Semaphore};

use crate::batch;
use crate::endpoint::built_in_endpoint;
use crate::endpoint_config::{Api, EndpointConfig};
use crate::error::EmbeddingError;
use crate::pacing::Pacing;
use crate::retry::{Refused, retry};
use crate::transport::{Failure, Refusal, Transport, is_loopback};
use crate::vector_json::{Encoding, WireVector};
use crate::{ollama, openai};

/// A text that every model takes; its vector tells the dimensions and whether base64 is understood.
const PROBE_TEXT: &str = "read a file";

/// How long an endpoint that has never answered this client is tried again. Most likely its address is wrong or it is not
/// running: whoever waits should learn that soon. One that has answered before gets the policy's whole time.
const FIRST_ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// What became of one text.
#[derive(Debug, Clone, PartialEq)]
pub enum Embedded {
    /// Its vector: the model's dimensions, finite, not zero.
    Vector(Vec<f32>),
    /// Why it has none; the reason does not quote the text.
    Refused(String),
}

/// A model as the endpoint serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// Name to ask for it by.
    pub model: String,
    /// Components of its vectors.
    pub dimensions: u32,
}

/// A client of one endpoint; clones share connections, limits and what was learned about the endpoint.
#[derive(Clone)]
pub struct EmbeddingClient {
    shared: Arc<Shared>,
}

struct Shared {
    config: EndpointConfig,
    base: RwLock<Url>,
    transport: Transport,
    permits: Semaphore,
    ready: OnceCell<Ready>,
    /// Most texts the endpoint was seen to take at once, where it refused larger batches.
    accepted_texts: AtomicUsize,
    built_in: Option<BuiltIn>,
    pacing: Option<Arc<dyn Pacing>>,
}

/// How to find the built-in endpoint again: it ends itself when nobody asks for long.
struct BuiltIn {
    home: PathBuf,
    program: PathBuf,
}

struct Ready {
    model: ModelInfo,
    encoding: Encoding,
}

impl EmbeddingClient {
    /// A client for the endpoint of `config`. Asks it nothing yet.
    ///
    /// # Errors
    /// An address that is not plain http or https, or a key that fits no header.
    pub fn connect(config: EndpointConfig) -> Result<Self, EmbeddingError> {
        Self::connect_paced(config, None)
    }

    /// As [`EmbeddingClient::connect`]; each request for vectors waits for its turn first.
    ///
    /// # Errors
    /// As there.
    pub fn connect_paced(config: EndpointConfig, pacing: Option<Arc<dyn Pacing>>) -> Result<Self, EmbeddingError> {
        Self::with_origin(config, None, pacing)
    }

    /// A client for the built-in model: finds the running endpoint of `home` or starts it with `program` (the binary
    /// that has the `embedder` command), now and whenever it is found gone.
    ///
    /// # Errors
    /// See [`built_in_endpoint`].
    pub async fn connect_built_in(home: &Path, program: &Path) -> Result<Self, EmbeddingError> {
        let url = built_in_endpoint(home, program).await?;
        let built_in = BuiltIn {
            home: home.to_owned(),
            program: program.to_owned(),
        };
        Self::with_origin(EndpointConfig::built_in(url), Some(built_in), None)
    }

    fn with_origin(
        config: EndpointConfig,
        built_in: Option<BuiltIn>,
        pacing: Option<Arc<dyn Pacing>>,
    ) -> Result<Self, EmbeddingError> {
        let base = parse_base(&config.url)?;
        if config.api_key.is_some() && base.scheme() == "http" && !is_loopback(&base) {
            tracing::warn!("the key for embeddings travels unencrypted: use https in QUARRY_EMBEDDING_URL");
        }
        let shared = Shared {
            transport: Transport::new(&config, &base)?,
            permits: Semaphore::new(config.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            base: RwLock::new(base),
            ready: OnceCell::new(),
            accepted_texts: AtomicUsize::new(config.batch_texts.max(1)),
            built_in,
            pacing,
            config,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

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

    /// One answer per text, in order. Blank texts are refused without asking the endpoint.
    ///
    /// # Errors
    /// Failures of the endpoint as a whole; nothing is then known about any of the texts.
    pub async fn embed<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Result<Vec<Embedded>, EmbeddingError> {
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        let asked: Vec<(usize, &str)> = texts
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, text)| !text.trim().is_empty())
            .collect();
        let mut answers = self.embed_all(&asked).await?;
        let blank = || Embedded::Refused("the text is blank".to_owned());
        Ok((0..texts.len())
            .map(|position| answers.remove(&position).unwrap_or_else(blank))
            .collect())
    }

    async fn embed_all(&self, asked: &[(usize, &str)]) -> Result<HashMap<usize, Embedded>, EmbeddingError> {
        if asked.is_empty() {
            return Ok(HashMap::new());
        }
        let ready = self.ready().await?;
        let sizes: Vec<usize> = asked.iter().map(|(_, text)| text.len()).collect();
        let max_texts = self.shared.accepted_texts.load(Ordering::Relaxed);
        let mut batches = Vec::new();
        for range in batch::split(&sizes, max_texts, self.shared.config.batch_bytes) {
            batches.push(self.embed_batch(ready, &asked[range]));
        }
        let answers: HashMap<usize, Embedded> = try_join_all(batches).await?.into_iter().flatten().collect();
        if answers.values().all(|answer| matches!(answer, Embedded::Refused(_))) {
            // Either these texts are bad, or the endpoint meanwhile refuses everything: one good text tells which.
            self.ask(&ready.model.model, ready.encoding, &[PROBE_TEXT])
                .await
                .map_err(|no| self.endpoint_error(no))?;
        }
        Ok(answers)
    }

    /// Halves a refused batch until the refused texts stand alone, so that their neighbours get vectors.
    async fn embed_batch(
        &self,
        ready: &Ready,
        batch: &[(usize, &str)],
    ) -> Result<Vec<(usize, Embedded)>, EmbeddingError> {
        let mut answers = Vec::with_capacity(batch.len());
        let mut waiting = vec![batch];
        let (mut batches_refused, mut texts_refused, mut most_accepted) = (0, 0, 0);
        while let Some(part) = waiting.pop() {
            let texts: Vec<&str> = part.iter().map(|(_, text)| *text).collect();
            match self.ask(&ready.model.model, ready.encoding, &texts).await {
                Ok(vectors) => {
                    most_accepted = most_accepted.max(part.len());
                    for ((position, _), vector) in part.iter().zip(vectors) {
                        answers.push((*position, judge(vector, &ready.model)?));
                    }
                }
                Err(Refused::Texts(refusal)) if part.len() == 1 => {
                    texts_refused += 1;
                    answers.push((part[0].0, Embedded::Refused(refusal.reason())));
                }
                Err(Refused::Texts(_)) => {
                    batches_refused += 1;
                    let (first, second) = part.split_at(part.len() / 2);
                    waiting.extend([second, first]);
                }
                Err(refused) => return Err(self.endpoint_error(refused)),
            }
        }
        if batches_refused > 0 && texts_refused == 0 {
            // The batch was too large, not a text bad: the next ones are made small enough to begin with.
            self.shared.accepted_texts.fetch_min(most_accepted, Ordering::Relaxed);
            tracing::debug!(
                texts = most_accepted,
                "the embedding endpoint takes {most_accepted} texts at once"
            );
        }
        Ok(answers)
    }

    async fn ready(&self) -> Result<&Ready, EmbeddingError> {
        self.shared.ready.get_or_try_init(|| self.ask_probe()).await
    }

    async fn ask_probe(&self) -> Result<Ready, EmbeddingError> {
        let config = &self.shared.config;
        let model = match &config.model {
            Some(model) => model.clone(),
            None => self.first_model().await?,
        };
        let first = if config.api == Api::OpenAi {
            Encoding::Base64
        } else {
            Encoding::Float
        };
        let mut answer = self.ask(&model, first, &[PROBE_TEXT]).await;
        if matches!(answer, Err(Refused::Texts(_))) && first == Encoding::Base64 {
            answer = self.ask(&model, Encoding::Float, &[PROBE_TEXT]).await;
        }
        let vector = answer.map_err(|refused| self.endpoint_error(refused))?.swap_remove(0);
        let encoding = vector.encoding;
        let got = u32::try_from(vector.components.len()).unwrap_or(u32::MAX);
        let model = ModelInfo {
            model,
            dimensions: config.dimensions.unwrap_or(got),
        };
        if let Embedded::Refused(reason) = judge(vector, &model)? {
            return Err(EmbeddingError::InvalidAnswer {
                url: self.base().to_string(),
                reason,
            });
        }
        Ok(Ready { model, encoding })
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

    /// One request with its retries; the vectors come in the order of `texts`.
    async fn ask(&self, model: &str, encoding: Encoding, texts: &[&str]) -> Result<Vec<WireVector>, Refused> {
        let (path, body) = match self.shared.config.api {
            Api::OpenAi => ("embeddings", openai::request_body(model, texts, encoding)),
            Api::Ollama => ("embed", ollama::request_body(model, texts)),
        };
        let body = body.expect("a list of strings is always writable as JSON");
        let answer = self.exchange(path, model, Some(&body)).await?;
        let vectors = match self.shared.config.api {
            Api::OpenAi => openai::read_vectors(&answer, texts.len()),
            Api::Ollama => ollama::read_vectors(&answer, texts.len()),
        };
        vectors.map_err(|reason| {
            Refused::Endpoint(EmbeddingError::InvalidAnswer {
                url: self.address(path).to_string(),
                reason,
            })
        })
    }

    async fn exchange(&self, path: &str, model: &str, body: Option<&[u8]>) -> Result<Vec<u8>, Refused> {
        let _permit = self
            .shared
            .permits
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let url = self.address(path);
        let mut policy = self.shared.config.retry.clone();
        if !self.shared.ready.initialized() {
            policy.give_up_after = policy.give_up_after.min(FIRST_ANSWER_PATIENCE);
        }
        retry(&policy, url.as_str(), || async {
            // Each attempt is a request; questions without a body cost the endpoint nothing.
            if let (Some(pacing), Some(_)) = (&self.shared.pacing, body) {
                pacing.turn().await;
            }
            let answer = self.shared.transport.exchange(&self.address(path), model, body).await;
            if let Err(Failure::Passing(passing)) = &answer
                && passing.status.is_none()
            {
                self.revive_built_in().await.map_err(Failure::Lasting)?;
            }
            answer
        })
        .await
    }

    /// Finds or starts the built-in endpoint again, for the attempt after one that got no answer.
    async fn revive_built_in(&self) -> Result<(), EmbeddingError> {
        let Some(built_in) = &self.shared.built_in else {
            return Ok(());
        };
        let url = built_in_endpoint(&built_in.home, &built_in.program).await?;
        *self.shared.base.write().unwrap_or_else(PoisonError::into_inner) = parse_base(&url)?;
        Ok(())
    }

    fn base(&self) -> Url {
        self.shared.base.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn address(&self, path: &str) -> Url {
        match self.shared.config.api {
            Api::OpenAi => openai::address(&self.base(), path),
            Api::Ollama => ollama::address(&self.base(), path),
        }
    }

    fn endpoint_error(&self, refused: Refused) -> EmbeddingError {
        match refused {
            Refused::Endpoint(error) => error,
            Refused::Texts(Refusal { status, code, .. }) => EmbeddingError::Rejected {
                url: self.base().to_string(),
                status,
                code,
            },
        }
    }
}

impl fmt::Debug for EmbeddingClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EmbeddingClient")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

/// A vector that can be stored and compared, or the reason why this one cannot.
fn judge(vector: WireVector, model: &ModelInfo) -> Result<Embedded, EmbeddingError> {
    let components = vector.components;
    let got = u32::try_from(components.len()).unwrap_or(u32::MAX);
    if got != model.dimensions || got == 0 {
        return Err(EmbeddingError::WrongDimensions {
            model: model.model.clone(),
            expected: model.dimensions,
            got,
        });
    }
    if components.iter().any(|component| !component.is_finite()) {
        return Ok(Embedded::Refused(
            "the model's vector of the text has a component that is no number".to_owned(),
        ));
    }
    // The square, not the component: a vector whose length underflows to zero has no cosine either.
    if components.iter().map(|component| component * component).sum::<f32>() == 0.0 {
        return Ok(Embedded::Refused(
            "the model's vector of the text is zero and has no direction".to_owned(),
        ));
    }
    Ok(Embedded::Vector(components))
}

fn parse_base(url: &str) -> Result<Url, EmbeddingError> {
    let invalid = |reason: &str| EmbeddingError::InvalidUrl {
        reason: reason.to_owned(),
    };
    let base = Url::parse(url.trim()).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(base.scheme(), "http" | "https") {
        return Err(invalid("it must begin with http:// or https://"));
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err(invalid(
            "it must hold no user or password: put the key into QUARRY_EMBEDDING_API_KEY",
        ));
    }
    if base.query().is_some() || base.fragment().is_some() {
        return Err(invalid("it must hold no ? and no #"));
    }
    Ok(base)
}
