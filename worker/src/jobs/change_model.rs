//! Gives a project the vectors of another model while it answers from those it has: makes one for every stored chunk, from the
//! text in the database, and switches when none is missing. Every page is stored at once, so a crash repeats one page.
//! Reads no file, and changes no chunk but its vector.

use std::collections::HashMap;
use std::time::Instant;

use quarry_codebase::{NextModel, NextVector, Switched, UnembeddedChunk};
use quarry_embedding::{BUILT_IN_MODEL, Embedded, EmbeddingClient, EmbeddingError, ModelInfo, Purpose};

use super::{Afterwards, JobError, Run};
use crate::chunk::embedded_text;
use crate::pipeline::{Counts, Stage, StageTimes};

/// Chunks that are embedded together: enough to fill several requests, a few megabytes of text.
const PAGE_CHUNKS: u32 = 1_024;

/// Built-in models of all versions are called so.
const BUILT_IN_FAMILY: &str = "quarry-code-";

/// Where the vectors of a run come from.
pub(super) struct Vectors {
    /// The model whose vectors the project holds.
    pub(super) model: String,
    /// None: nobody offers it any more, and another one is about to take its place.
    pub(super) client: Option<EmbeddingClient>,
}

impl Run {
    /// The model of the project, chosen now if it has none, and a client for it.
    pub(super) async fn vectors(&self) -> Result<Vectors, JobError> {
        let (registry, embedding) = (&self.context.registry, &self.context.embedding);
        let models = quarry_codebase::embedding_models(&self.database).await?;
        let pinned = self.project.embedding.as_ref().map(|pinned| pinned.model.clone());
        let Some(model) = models.stored.clone().or(pinned) else {
            let client = embedding.client().await?;
            let offered = client.probe().await?;
            let project = registry
                .pin_embedding(&self.project, &offered.model, offered.dimensions)
                .await?;
            // Of several first runs one has decided.
            let model = project.embedding.map_or(offered.model, |pinned| pinned.model);
            quarry_codebase::note_stored_model(&self.database, &model).await?;
            return Ok(Vectors {
                model,
                client: Some(client),
            });
        };
        let client = match embedding.client_for(&model).await {
            Ok(client) => client,
            Err(EmbeddingError::NotOffered { .. }) if models.next.is_some() => {
                return Ok(Vectors { model, client: None });
            }
            // It came with an older version of this program. Making its successor's vectors costs nobody anything.
            Err(EmbeddingError::NotOffered { .. }) if embedding.is_built_in() && model.starts_with(BUILT_IN_FAMILY) => {
                self.change_to(embedding.client_for(BUILT_IN_MODEL).await?.probe().await?)
                    .await?;
                return Ok(Vectors { model, client: None });
            }
            Err(error) => return Err(error.into()),
        };
        let offered = client.probe().await?;
        let project = self.follow(&model, offered.dimensions, models.stored.is_some()).await?;
        registry.pin_embedding(&project, &model, offered.dimensions).await?;
        quarry_codebase::note_stored_model(&self.database, &model).await?;
        Ok(Vectors {
            model,
            client: Some(client),
        })
    }

    async fn change_to(&self, model: ModelInfo) -> Result<(), JobError> {
        tracing::warn!(
            "project {} is embedded anew with {}: its model came with an older version",
            self.project.name.as_str(),
            model.model
        );
        quarry_codebase::begin_model_change(&self.database, &model.model, model.dimensions).await?;
        let queue = self.context.registry.pool();
        quarry_queue::enqueue_model_change(queue, self.project.id.0, "quarry").await?;
        Ok(())
    }

    /// A crash may have come between a switch and its note in the registry.
    async fn follow(
        &self,
        stored: &str,
        dimensions: u32,
        is_certain: bool,
    ) -> Result<quarry_registry::Project, JobError> {
        let is_other = self
            .project
            .embedding
            .as_ref()
            .is_some_and(|pinned| pinned.model != stored);
        if !is_certain || !is_other {
            return Ok(self.project.clone());
        }
        let registry = &self.context.registry;
        Ok(registry.follow_embedding(&self.project, stored, dimensions).await?)
    }
}

pub(super) async fn change_model(run: &Run) -> Result<Afterwards, JobError> {
    let times = StageTimes::default();
    let changed = embed_and_switch(run, &times).await;
    run.count(&Counts {
        stage_ms: times.millis(),
        ..Counts::default()
    });
    changed?;
    // The index went with the old vectors.
    Ok(match super::is_vector_index_outdated(&run.database).await? {
        true => Afterwards::RebuildVectorIndex,
        false => Afterwards::Nothing,
    })
}

/// Changes the model if that is still wanted, again if another one is wanted by then.
async fn embed_and_switch(run: &Run, times: &StageTimes) -> Result<(), JobError> {
    while let Some(next) = quarry_codebase::embedding_models(&run.database).await?.next {
        let client = run.context.embedding.client_for(&next.model).await?;
        let offered = client.probe().await?;
        if offered.dimensions != next.dimensions {
            return Err(JobError::Permanent(format!(
                "the model {} gives {} dimensions now and gave {} when the change was asked for: ask for it again",
                next.model, offered.dimensions, next.dimensions
            )));
        }
        let started = Instant::now();
        embed_all(run, &client, &next).await?;
        times.add_since(Stage::Embed, started);
        match quarry_codebase::switch_model(&run.database, &run.fence(), &next).await? {
            Switched::Done => {
                let registry = &run.context.registry;
                registry
                    .follow_embedding(&run.project, &next.model, next.dimensions)
                    .await?;
            }
            Switched::Incomplete | Switched::Superseded => {}
        }
    }
    Ok(())
}

/// One pass over the chunks that lack a vector.
async fn embed_all(run: &Run, client: &EmbeddingClient, next: &NextModel) -> Result<(), JobError> {
    let mut after = 0;
    let mut progress = quarry_codebase::model_change_progress(&run.database).await?;
    let as_stored = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    loop {
        run.check_stop()?;
        let queue = run.context.registry.pool();
        let (done, total) = (as_stored(progress.done), as_stored(progress.total.max(progress.done)));
        quarry_queue::report_progress(queue, &run.claim, "embedding anew", done, Some(total)).await?;
        let page = quarry_codebase::chunks_to_embed(&run.database, after, PAGE_CHUNKS).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.number;
        let vectors = tokio::select! {
            vectors = embed_page(run, client, next, &page) => vectors?,
            () = run.stop.cancelled() => return Err(JobError::Stopped),
        };
        if !quarry_codebase::store_next(&run.database, &run.fence(), next, &vectors).await? {
            return Ok(());
        }
        progress.done += page.len() as u64;
    }
}

/// Known vectors from the cache, the others from the endpoint, each distinct text once.
async fn embed_page(
    run: &Run,
    client: &EmbeddingClient,
    next: &NextModel,
    page: &[UnembeddedChunk],
) -> Result<Vec<NextVector>, JobError> {
    let texts: Vec<String> = page
        .iter()
        .map(|chunk| {
            embedded_text(
                chunk.file_type.as_deref(),
                chunk.symbol.as_deref(),
                chunk.context_before.as_deref(),
                &chunk.content,
            )
        })
        .collect();
    let hashes: Vec<[u8; 32]> = texts
        .iter()
        .map(|text| *blake3::hash(text.as_bytes()).as_bytes())
        .collect();
    let known = quarry_codebase::known_embeddings(&run.database, &next.model, &hashes).await?;
    let mut vectors: HashMap<[u8; 32], Result<Vec<f32>, String>> =
        known.into_iter().map(|(hash, vector)| (hash, Ok(vector))).collect();

    let mut unknown: HashMap<[u8; 32], &str> = HashMap::new();
    for (hash, text) in hashes.iter().zip(&texts) {
        if !vectors.contains_key(hash) {
            unknown.insert(*hash, text);
        }
    }
    let (asked, asked_texts): (Vec<[u8; 32]>, Vec<&str>) = unknown.into_iter().unzip();
    if !asked.is_empty() {
        let answers = client.embed(Purpose::Document, &asked_texts).await?;
        let mut fresh: Vec<([u8; 32], Vec<f32>)> = Vec::with_capacity(answers.len());
        for (hash, answer) in asked.iter().zip(answers) {
            match answer {
                Embedded::Vector(vector) => fresh.push((*hash, vector)),
                Embedded::Refused(reason) => drop(vectors.insert(*hash, Err(reason))),
            }
        }
        let rows: Vec<([u8; 32], &[f32])> = fresh.iter().map(|(hash, vector)| (*hash, vector.as_slice())).collect();
        quarry_codebase::store_embeddings(&run.database, &next.model, &rows).await?;
        vectors.extend(fresh.into_iter().map(|(hash, vector)| (hash, Ok(vector))));
    }
    run.count(&Counts {
        chunks: page.len() as u64,
        embedded: asked.len() as u64,
        reused: (page.len() - asked.len()) as u64,
        ..Counts::default()
    });
    let answered = page.iter().zip(&hashes).map(|(chunk, hash)| NextVector {
        number: chunk.number,
        vector: vectors
            .get(hash)
            .cloned()
            .unwrap_or_else(|| Err("the endpoint gave no answer".to_owned())),
    });
    Ok(answered.collect())
}
