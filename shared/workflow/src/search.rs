//! Finds entities by what they say: by words, scored with BM25 over the terms of code search, and by meaning, where their
//! vectors are known; both fused as for code. Says how many entities have no vector yet.
//! Never embeds: entities_to_embed hands out texts, store_entity_embeddings takes the vectors.

use std::collections::HashMap;

use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::entity::Entity;
use crate::entity_text::EntityText;
use crate::error::{WorkflowError, doing};

/// Most entities a search answers with.
pub const MAX_FOUND: u32 = 100;

/// Longest query, in bytes.
const MAX_QUERY_BYTES: usize = 4_000;

/// Entities looked at by words: the rarest words first, so that those that tell most are not missed.
const WORD_CANDIDATES: i64 = 2_000;

/// Entities looked at by meaning.
const MEANING_CANDIDATES: i64 = 200;

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct EntitySearch<'q> {
    /// Words or a question.
    pub query: &'q str,
    /// The query's vector and the model that made it; none: by words only.
    pub vector: Option<(&'q str, &'q [f32])>,
    /// Only entities of this schema.
    pub schema: Option<&'q str>,
    /// How many at most.
    pub limit: u32,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EntitiesFound {
    /// Best first.
    pub hits: Vec<EntityHit>,
    /// Entities that can be found by words only, because they have no vector of this model yet.
    pub without_vector: u64,
}

/// One entity that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EntityHit {
    /// Zero to one, comparable within one answer.
    pub score: f32,
    /// The entity.
    pub entity: Entity,
}

/// Finds entities that are not deleted.
///
/// # Errors
///
/// [`WorkflowError::InvalidArgument`] for a query that is empty or too long.
pub async fn search_entities(pool: &PgPool, search: &EntitySearch<'_>) -> Result<EntitiesFound, WorkflowError> {
    if search.query.trim().is_empty() || search.query.len() > MAX_QUERY_BYTES || search.query.contains('\0') {
        return Err(WorkflowError::InvalidArgument(format!(
            "a query is 1 to {MAX_QUERY_BYTES} bytes of text without U+0000"
        )));
    }
    let mut transaction = pool
        .begin_with("begin isolation level repeatable read read only")
        .await
        .map_err(doing("begin a search"))?;
    let mut evidence: HashMap<Uuid, (f32, Option<f32>)> = HashMap::new();
    let mut cosine_floor = 0.0;
    if let Some((model, vector)) = search.vector {
        for (id, cosine) in nearest(&mut transaction, model, vector, search.schema, None).await? {
            evidence.insert(id, (0.0, Some(cosine)));
            cosine_floor = cosine;
        }
    }
    let by_words = by_words(&mut transaction, search.query, search.schema).await?;
    let unknown: Vec<Uuid> = by_words
        .keys()
        .filter(|id| !evidence.contains_key(id))
        .copied()
        .collect();
    if let Some((model, vector)) = search.vector
        && !unknown.is_empty()
    {
        for (id, cosine) in nearest(&mut transaction, model, vector, search.schema, Some(&unknown)).await? {
            evidence.insert(id, (0.0, Some(cosine)));
        }
    }
    for (id, score) in by_words {
        evidence.entry(id).or_insert((0.0, None)).0 = score;
    }
    let (ids, evidence): (Vec<Uuid>, Vec<(f32, Option<f32>)>) = evidence.into_iter().unzip();
    let scores = quarry_codebase::fuse_question(&evidence, search.vector.is_some(), cosine_floor);
    let mut ranked: Vec<(f32, Uuid)> = scores.into_iter().zip(ids).filter(|(score, _)| *score > 0.0).collect();
    ranked.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.cmp(right)));
    ranked.truncate(search.limit.clamp(1, MAX_FOUND) as usize);
    let without_vector = match search.vector {
        Some((model, _)) => missing_vectors(&mut transaction, model).await?,
        None => 0,
    };
    let hits = read(&mut transaction, ranked).await?;
    Ok(EntitiesFound { hits, without_vector })
}

/// Cosine similarities of the nearest entities, nearest first, or of those asked for.
async fn nearest(
    connection: &mut PgConnection,
    model: &str,
    vector: &[f32],
    schema: Option<&str>,
    only: Option<&[Uuid]>,
) -> Result<Vec<(Uuid, f32)>, WorkflowError> {
    let dimensions = i32::try_from(vector.len()).unwrap_or(0);
    let rows = sqlx::query!(
        r#"select said.entity_id, (1 - (said.embedding <=> $2::real[]::vector))::real as "cosine!"
           from workflow.entity_texts as said
           join workflow.entities as entity on entity.id = said.entity_id
           where said.model = $1
           and vector_dims(said.embedding) = $6
           and entity.deleted_at is null
           and ($3::text is null or entity.schema_name = $3)
           and ($4::uuid[] is null or said.entity_id = any($4))
           order by said.embedding <=> $2::real[]::vector
           limit $5"#,
        model,
        vector,
        schema,
        only,
        if only.is_some() {
            WORD_CANDIDATES
        } else {
            MEANING_CANDIDATES
        },
        dimensions
    )
    .fetch_all(connection)
    .await
    .map_err(doing("search entities by meaning"))?;
    // A vector of length zero is near to nothing.
    let found = rows.into_iter().filter(|row| row.cosine.is_finite());
    Ok(found.map(|row| (row.entity_id, row.cosine)).collect())
}

/// BM25 scores of the entities that hold words of the query.
async fn by_words(
    connection: &mut PgConnection,
    query: &str,
    schema: Option<&str>,
) -> Result<HashMap<Uuid, f32>, WorkflowError> {
    let mut terms = quarry_codebase::text_terms(query);
    terms.sort_unstable();
    terms.dedup();
    terms.truncate(50);
    let all = sqlx::query!(
        r#"select count(*) as "count!", coalesce(avg(length), 1)::float8 as "average!" from workflow.entity_texts"#
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(doing("count the entities"))?;
    let holding = sqlx::query!(
        r#"select term as "term!", (
               select count(*) from workflow.entity_texts as said where said.terms @> array[term]
           ) as "holding!"
           from unnest($1::text[]) as term
           order by 2, 1"#,
        &terms
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(doing("count what holds a word"))?;
    let mut scores: HashMap<Uuid, f32> = HashMap::new();
    for term in holding.iter().filter(|term| term.holding > 0) {
        let known: Vec<Uuid> = scores.keys().copied().collect();
        // Once there are enough candidates, common words only add to the scores of those.
        let is_full = known.len() >= usize::try_from(WORD_CANDIDATES).unwrap_or(usize::MAX);
        let rows = sqlx::query!(
            r#"select said.entity_id, said.length, said.counts[array_position(said.terms, $1)] as "count!"
               from workflow.entity_texts as said
               join workflow.entities as entity on entity.id = said.entity_id
               where said.terms @> array[$1]
               and entity.deleted_at is null
               and ($2::text is null or entity.schema_name = $2)
               and (not $3 or said.entity_id = any($4))
               limit $5"#,
            term.term,
            schema,
            is_full,
            &known,
            WORD_CANDIDATES
        )
        .fetch_all(&mut *connection)
        .await
        .map_err(doing("search entities by words"))?;
        let weight = Weight {
            entities: all.count,
            holding: term.holding,
            average_length: all.average,
        };
        for row in rows {
            *scores.entry(row.entity_id).or_insert(0.0) += weight.score(row.count, row.length);
        }
    }
    Ok(scores)
}

/// BM25 of one word, with the constants of code search.
struct Weight {
    entities: i64,
    holding: i64,
    average_length: f64,
}

impl Weight {
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // counts; seven digits are enough for a score
    fn score(&self, count: i16, length: i32) -> f32 {
        const K1: f64 = 1.2;
        const B: f64 = 0.75;
        let holding = self.holding as f64 + 0.5;
        let rarity = (1.0 + (self.entities as f64 + 1.0 - holding) / holding).ln();
        let frequency = f64::from(count);
        let norm = K1 * (1.0 - B + B * f64::from(length) / self.average_length.max(1.0));
        (rarity * frequency * (K1 + 1.0) / (frequency + norm)) as f32
    }
}

async fn read(connection: &mut PgConnection, ranked: Vec<(f32, Uuid)>) -> Result<Vec<EntityHit>, WorkflowError> {
    let ids: Vec<Uuid> = ranked.iter().map(|(_, id)| *id).collect();
    let entities = sqlx::query_as!(
        Entity,
        "select id, schema_name as schema, schema_version, version, data, created_at, created_by, updated_at, updated_by,
             deleted_at
         from workflow.entities
         where id = any($1)",
        &ids
    )
    .fetch_all(connection)
    .await
    .map_err(doing("read what was found"))?;
    let mut by_id: HashMap<Uuid, Entity> = entities.into_iter().map(|entity| (entity.id, entity)).collect();
    let hit = |(score, id)| by_id.remove(&id).map(|entity| EntityHit { score, entity });
    Ok(ranked.into_iter().filter_map(hit).collect())
}

async fn missing_vectors(connection: &mut PgConnection, model: &str) -> Result<u64, WorkflowError> {
    let missing = sqlx::query_scalar!(
        r#"select count(*) as "count!"
           from workflow.entity_texts as said
           join workflow.entities as entity on entity.id = said.entity_id
           where entity.deleted_at is null
           and (said.model is distinct from $1 or said.embedded_hash is distinct from said.text_hash)"#,
        model
    )
    .fetch_one(connection)
    .await
    .map_err(doing("count what has no vector"))?;
    Ok(missing.cast_unsigned())
}

/// A text whose vector is missing.
#[derive(Debug, Clone, PartialEq)]
pub struct TextToEmbed {
    /// Whose.
    pub id: Uuid,
    /// What to embed.
    pub text: String,
    hash: [u8; 32],
}

/// Up to `limit` entities whose vector of this model is missing or of an older document.
///
/// # Errors
///
/// [`WorkflowError::Database`] only.
pub async fn entities_to_embed(pool: &PgPool, model: &str, limit: u32) -> Result<Vec<TextToEmbed>, WorkflowError> {
    let rows = sqlx::query!(
        "select entity.id, entity.schema_name, entity.data
         from workflow.entity_texts as said
         join workflow.entities as entity on entity.id = said.entity_id
         where entity.deleted_at is null
         and (said.model is distinct from $1 or said.embedded_hash is distinct from said.text_hash)
         order by entity.id desc
         limit $2",
        model,
        i64::from(limit)
    )
    .fetch_all(pool)
    .await
    .map_err(doing("list what has no vector"))?;
    let text = |row: &EntityText, id| TextToEmbed {
        id,
        text: row.embedded.clone(),
        hash: row.hash,
    };
    Ok(rows
        .into_iter()
        .map(|row| text(&EntityText::of(&row.schema_name, &row.data), row.id))
        .collect())
}

/// What embedding a text gave.
#[derive(Debug, Clone, PartialEq)]
pub enum TextVector {
    /// Its vector.
    Known(Vec<f32>),
    /// Why there is none: the entity is found by its words, and the text is not tried again until it changes.
    Refused(String),
}

/// Stores vectors of texts from [`entities_to_embed`]; one whose document changed meanwhile is stored and replaced later.
///
/// # Errors
///
/// [`WorkflowError::Database`] only.
pub async fn store_entity_embeddings(
    pool: &PgPool,
    model: &str,
    vectors: &[(&TextToEmbed, TextVector)],
) -> Result<(), WorkflowError> {
    for (text, vector) in vectors {
        let (vector, reason) = match vector {
            TextVector::Known(vector) => (Some(vector.as_slice()), None),
            TextVector::Refused(reason) => (None, Some(reason.as_str())),
        };
        sqlx::query!(
            "update workflow.entity_texts
             set embedding = $3::real[]::vector, embedding_error = $4, model = $2, embedded_hash = $5
             where entity_id = $1",
            text.id,
            model,
            vector,
            reason,
            &text.hash[..]
        )
        .execute(pool)
        .await
        .map_err(doing("store the vector of an entity"))?;
    }
    Ok(())
}
