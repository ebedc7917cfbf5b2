//! A connection to one endpoint: its address, its limits, and one request with its retries.
//! Hands answers to probe.rs, which asks for the model, and to embed.rs, which asks for the vectors of texts.
//! Stores nothing, and never writes a text or a key anywhere.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use reqwest::Url;
use tokio::sync::{OnceCell, Semaphore};

use crate::endpoint::built_in_endpoint;
use crate::endpoint_config::{Api, EndpointConfig};
use crate::error::EmbeddingError;
use crate::pacing::Pacing;
use crate::probe::Ready;
use crate::retry::{Refused, retry};
use crate::text_form::TextForm;
use crate::transport::{Failure, Refusal, Transport, is_loopback};
use crate::vector_json::{Encoding, WireVector};
use crate::{ollama, openai};

/// How long an endpoint that has never answered this client is tried again. Most likely its address is wrong or it is not
/// running: whoever waits should learn that soon. One that has answered before gets the policy's whole time.
const FIRST_ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// A client of one endpoint; clones share connections, limits and what was learned about the endpoint.
#[derive(Clone)]
pub struct EmbeddingClient {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) config: EndpointConfig,
    base: RwLock<Url>,
    transport: Transport,
    permits: Semaphore,
    pub(crate) ready: OnceCell<Ready>,
    /// Most texts the endpoint was seen to take at once, where it refused larger batches.
    pub(crate) accepted_texts: AtomicUsize,
    built_in: Option<BuiltIn>,
    pacing: Option<Arc<dyn Pacing>>,
}

/// How to find the built-in endpoint again: it ends itself when nobody asks for long.
struct BuiltIn {
    home: PathBuf,
    program: PathBuf,
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

    /// One request with its retries; the vectors come in the order of `texts`, which are sent in `form`.
    pub(crate) async fn ask(
        &self,
        model: &str,
        encoding: Encoding,
        form: &TextForm,
        texts: &[&str],
    ) -> Result<Vec<WireVector>, Refused> {
        let written: Vec<Cow<'_, str>> = texts.iter().map(|text| form.written(text)).collect();
        let (path, body) = match self.shared.config.api {
            Api::OpenAi => {
                let input_type = form.input_type.as_deref();
                (
                    "embeddings",
                    openai::request_body(model, &written, encoding, input_type),
                )
            }
            Api::Ollama => ("embed", ollama::request_body(model, &written)),
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

    pub(crate) async fn exchange(&self, path: &str, model: &str, body: Option<&[u8]>) -> Result<Vec<u8>, Refused> {
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

    pub(crate) fn base(&self) -> Url {
        self.shared.base.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn address(&self, path: &str) -> Url {
        match self.shared.config.api {
            Api::OpenAi => openai::address(&self.base(), path),
            Api::Ollama => ollama::address(&self.base(), path),
        }
    }

    pub(crate) fn endpoint_error(&self, refused: Refused) -> EmbeddingError {
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
