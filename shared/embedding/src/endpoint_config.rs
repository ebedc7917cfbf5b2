//! Which endpoint is asked, for which model, how much at once and how long it may take.
//! Filled by the caller from its configuration and handed to the client; reads no environment itself.
//! Never prints the key: its `Debug` shows that there is one, and no more.

use std::fmt;
use std::time::Duration;

use crate::model_identity::ModelIdentity;
use crate::retry::RetryPolicy;
use crate::text_form::{Purpose, TextForm};

/// The interface an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `POST /v1/embeddings`, as OpenAI, vLLM, llama.cpp, text-embeddings-inference and the built-in model have it.
    OpenAi,
    /// `POST /api/embed`, as Ollama has it.
    Ollama,
}

/// A secret that goes into the Authorization header and nowhere else.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for ApiKey {
    fn from(key: String) -> Self {
        Self(key)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(hidden)")
    }
}

/// Everything the client needs to know about an endpoint.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// Address, with or without `/v1` (OpenAI) or `/api` (Ollama) at its end; http or https, no user, no query.
    pub url: String,
    /// Interface spoken there.
    pub api: Api,
    /// Model to ask for; `None` takes the one the endpoint lists (the first, should it list several).
    pub model: Option<String>,
    /// How documents are sent; makes the model another one, see [`ModelIdentity`].
    pub documents: TextForm,
    /// How queries are sent.
    pub queries: TextForm,
    /// Key for the Authorization header, if the endpoint wants one.
    pub api_key: Option<ApiKey>,
    /// Dimensions every vector must have; `None` takes those of the first answer.
    pub dimensions: Option<u32>,
    /// Most texts in one request. 256: servers that batch on a GPU gain little beyond, and hosted ones allow 2048.
    pub batch_texts: usize,
    /// Most bytes of text in one request, a single larger text excepted. 1 MiB: below the usual body limit of 2 MiB.
    pub batch_bytes: usize,
    /// Most requests under way at once, over all clones of the client. 4: keeps a server busy while the next
    /// batch travels, without queueing there until it times out.
    pub concurrency: usize,
    /// Bound on connecting. 5 s: a server that is there accepts at once.
    pub connect_timeout: Duration,
    /// Bound on one exchange, answer included. 120 s: a large batch on a server without a GPU, or a model being loaded.
    pub timeout: Duration,
    /// Largest answer read, in bytes. 64 MiB: 256 vectors of 4096 dimensions written as decimals are 12 MiB.
    pub max_answer_bytes: usize,
    /// When and how long a failed exchange is tried again.
    pub retry: RetryPolicy,
}

impl EndpointConfig {
    /// The defaults, for the endpoint at `url`.
    #[must_use]
    pub fn new(url: impl Into<String>, api: Api) -> Self {
        Self {
            url: url.into(),
            api,
            model: None,
            documents: TextForm::default(),
            queries: TextForm::default(),
            api_key: None,
            dimensions: None,
            batch_texts: 256,
            batch_bytes: 1 << 20,
            concurrency: 4,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(120),
            max_answer_bytes: 64 << 20,
            retry: RetryPolicy::default(),
        }
    }

    /// Settings for the built-in model: it embeds tens of thousands of texts a second, so the cost is in the requests.
    /// 1024 texts and 8 MiB stay within the limits it states; 2 requests at once let one be sent while one is computed.
    #[must_use]
    pub fn built_in(url: impl Into<String>) -> Self {
        Self {
            model: Some(crate::BUILT_IN_MODEL.to_owned()),
            dimensions: Some(crate::BUILT_IN_DIMENSIONS),
            batch_texts: 1024,
            batch_bytes: 8 << 20,
            concurrency: 2,
            ..Self::new(url, Api::OpenAi)
        }
    }

    /// The same endpoint, asked for the vectors of `identity`. A prefix of queries is one that the model `usual` was trained
    /// with, so another model is asked without; which word tells queries from documents depends on the endpoint.
    pub(crate) fn with_identity(&self, identity: ModelIdentity, usual: &str) -> Self {
        let prefix = if is_same_model(&identity.name, usual) {
            self.queries.prefix.clone()
        } else {
            String::new()
        };
        let has_types = identity.documents.input_type.is_some();
        Self {
            model: Some(identity.name),
            documents: identity.documents,
            queries: TextForm {
                prefix,
                input_type: self.queries.input_type.clone().filter(|_| has_types),
            },
            ..self.clone()
        }
    }

    pub(crate) fn form(&self, purpose: Purpose) -> &TextForm {
        match purpose {
            Purpose::Document => &self.documents,
            Purpose::Query => &self.queries,
        }
    }
}

/// Whether both name one model; Ollama lists names with the tag that they have without one.
pub(crate) fn is_same_model(one: &str, other: &str) -> bool {
    untagged(one) == untagged(other)
}

fn untagged(name: &str) -> &str {
    name.strip_suffix(":latest").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    fn form(prefix: &str, input_type: &str) -> TextForm {
        TextForm {
            prefix: prefix.to_owned(),
            input_type: Some(input_type.to_owned()),
        }
    }

    #[test]
    fn documents_are_sent_as_the_identity_says_and_queries_as_the_configuration() {
        let config = EndpointConfig {
            documents: form("d: ", "passage"),
            queries: form("q: ", "query"),
            ..EndpointConfig::new("http://127.0.0.1:1", Api::OpenAi)
        };
        let with = |written: &str| {
            let config = config.with_identity(ModelIdentity::parse(written), "m");
            (config.model.unwrap(), config.documents, config.queries)
        };
        assert_eq!(
            with(r#"m + "old: " + input_type=text"#),
            ("m".to_owned(), form("old: ", "text"), form("q: ", "query"))
        );
        let untyped = |prefix: &str| TextForm {
            input_type: None,
            ..form(prefix, "")
        };
        assert_eq!(with("m:latest"), ("m:latest".to_owned(), untyped(""), untyped("q: ")));
        assert_eq!(with("other"), ("other".to_owned(), untyped(""), untyped("")));
    }

    #[test]
    fn the_key_is_not_in_the_debug_output() {
        let mut config = EndpointConfig::new("http://127.0.0.1:1", Api::OpenAi);
        config.api_key = Some(ApiKey::from("sk-very-secret".to_owned()));
        assert!(!format!("{config:?}").contains("sk-very-secret"));
    }
}
