//! What vectors texts have, in the order of the texts: cuts them into requests and finds the one that a request fails for.
//! Hands callers checked vectors, or the reason why one text has none; a failure of the endpoint fails the call.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use futures::future::try_join_all;

use crate::batch;
use crate::client::EmbeddingClient;
use crate::error::EmbeddingError;
use crate::probe::{ModelInfo, PROBE_TEXT, Ready};
use crate::retry::Refused;
use crate::text_form::{Purpose, TextForm};
use crate::vector_json::WireVector;

/// What became of one text.
#[derive(Debug, Clone, PartialEq)]
pub enum Embedded {
    /// Its vector: the model's dimensions, finite, not zero.
    Vector(Vec<f32>),
    /// Why it has none; the reason does not quote the text.
    Refused(String),
}

impl EmbeddingClient {
    /// One answer per text, in order, the texts sent as their purpose wants it. Blank ones are refused without asking the
    /// endpoint.
    ///
    /// # Errors
    /// Failures of the endpoint as a whole; nothing is then known about any of the texts.
    pub async fn embed<T: AsRef<str> + Sync>(
        &self,
        purpose: Purpose,
        texts: &[T],
    ) -> Result<Vec<Embedded>, EmbeddingError> {
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        let asked: Vec<(usize, &str)> = texts
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, text)| !text.trim().is_empty())
            .collect();
        let mut answers = self.embed_all(self.shared.config.form(purpose), &asked).await?;
        let blank = || Embedded::Refused("the text is blank".to_owned());
        Ok((0..texts.len())
            .map(|position| answers.remove(&position).unwrap_or_else(blank))
            .collect())
    }

    async fn embed_all(
        &self,
        form: &TextForm,
        asked: &[(usize, &str)],
    ) -> Result<HashMap<usize, Embedded>, EmbeddingError> {
        if asked.is_empty() {
            return Ok(HashMap::new());
        }
        let ready = self.ready().await?;
        let sizes: Vec<usize> = asked.iter().map(|(_, text)| form.prefix.len() + text.len()).collect();
        let max_texts = self.shared.accepted_texts.load(Ordering::Relaxed);
        let mut batches = Vec::new();
        for range in batch::split(&sizes, max_texts, self.shared.config.batch_bytes) {
            batches.push(self.embed_batch(ready, form, &asked[range]));
        }
        let answers: HashMap<usize, Embedded> = try_join_all(batches).await?.into_iter().flatten().collect();
        if answers.values().all(|answer| matches!(answer, Embedded::Refused(_))) {
            // Either these texts are bad, or the endpoint meanwhile refuses everything: one good text tells which.
            self.ask(&ready.name, ready.encoding, form, &[PROBE_TEXT])
                .await
                .map_err(|no| self.endpoint_error(no))?;
        }
        Ok(answers)
    }

    /// Halves a refused batch until the refused texts stand alone, so that their neighbours get vectors.
    async fn embed_batch(
        &self,
        ready: &Ready,
        form: &TextForm,
        batch: &[(usize, &str)],
    ) -> Result<Vec<(usize, Embedded)>, EmbeddingError> {
        let mut answers = Vec::with_capacity(batch.len());
        let mut waiting = vec![batch];
        let (mut batches_refused, mut texts_refused, mut most_accepted) = (0, 0, 0);
        while let Some(part) = waiting.pop() {
            let texts: Vec<&str> = part.iter().map(|(_, text)| *text).collect();
            match self.ask(&ready.name, ready.encoding, form, &texts).await {
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
}

/// A vector that can be stored and compared, or the reason why this one cannot.
pub(crate) fn judge(vector: WireVector, model: &ModelInfo) -> Result<Embedded, EmbeddingError> {
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
