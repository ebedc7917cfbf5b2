//! Searches with whatever vectors can be had: first those of entities that have none yet, as many as the time allows, then
//! that of the query. An endpoint that does not answer costs the meaning, never the answer, and the answer says so.

use std::time::Duration;

use quarry_embedding::{Embedded, EmbeddingClient, EmbeddingSource, Purpose};
use sqlx::PgPool;

use crate::error::WorkflowError;
use crate::search::{
    EntitiesFound, EntitySearch, TextVector, entities_to_embed, search_entities, store_entity_embeddings,
};

/// Entities embedded by one search at most. The next one goes on.
const MAX_EMBEDDED: u32 = 512;

/// Embedding may take so long; then the search goes on with what there is.
const PATIENCE: Duration = Duration::from_secs(4);

/// Finds entities, and says in words what kept the answer from being the best one.
///
/// # Errors
///
/// As [`search_entities`].
pub async fn find_entities(
    pool: &PgPool,
    source: &EmbeddingSource,
    query: &str,
    schema: Option<&str>,
    limit: u32,
) -> Result<(EntitiesFound, Option<String>), WorkflowError> {
    let embedded = match tokio::time::timeout(PATIENCE, embed(pool, source, query)).await {
        Ok(embedded) => embedded,
        Err(_) => Err(format!(
            "no vectors within {} s: results come from words only",
            PATIENCE.as_secs()
        )),
    };
    let (vector, note) = match embedded {
        Ok(known) => (Some(known), None),
        Err(reason) => (None, Some(reason)),
    };
    let search = EntitySearch {
        query,
        vector: vector
            .as_ref()
            .map(|(model, vector)| (model.as_str(), vector.as_slice())),
        schema,
        limit,
    };
    let found = search_entities(pool, &search).await?;
    let note = note.or_else(|| {
        (found.without_vector > 0).then(|| {
            format!(
                "{} entities have no vector yet and are found by words only",
                found.without_vector
            )
        })
    });
    Ok((found, note))
}

/// The query's vector and the model that made it; what has no vector of that model gets one.
async fn embed(pool: &PgPool, source: &EmbeddingSource, query: &str) -> Result<(String, Vec<f32>), String> {
    let unanswered = |error: &dyn std::fmt::Display| {
        format!("the embedding endpoint does not answer ({error}): results come from words only")
    };
    let client = source.client().await.map_err(|error| unanswered(&error))?;
    let model = client.probe().await.map_err(|error| unanswered(&error))?.model;
    let mut answers = client
        .embed(Purpose::Query, &[query])
        .await
        .map_err(|error| unanswered(&error))?;
    let vector = match answers.pop() {
        Some(Embedded::Vector(vector)) => vector,
        Some(Embedded::Refused(reason)) => {
            return Err(format!(
                "the query has no vector ({reason}): results come from words only"
            ));
        }
        None => return Err("the endpoint gave no vector: results come from words only".to_owned()),
    };
    catch_up(pool, &client, &model)
        .await
        .map_err(|error| unanswered(&error))?;
    Ok((model, vector))
}

async fn catch_up(pool: &PgPool, client: &EmbeddingClient, model: &str) -> Result<(), WorkflowError> {
    const BATCH: u32 = 64;
    for _ in 0..MAX_EMBEDDED / BATCH {
        let texts = entities_to_embed(pool, model, BATCH).await?;
        if texts.is_empty() {
            break;
        }
        let written: Vec<&str> = texts.iter().map(|text| text.text.as_str()).collect();
        // Those that cannot be had now are tried by the next search.
        let Ok(answers) = client.embed(Purpose::Document, &written).await else {
            break;
        };
        let vectors: Vec<_> = texts
            .iter()
            .zip(answers)
            .map(|(text, answer)| match answer {
                Embedded::Vector(vector) => (text, TextVector::Known(vector)),
                Embedded::Refused(reason) => (text, TextVector::Refused(reason.to_string())),
            })
            .collect();
        store_entity_embeddings(pool, model, &vectors).await?;
    }
    Ok(())
}
