//! The cache of vectors.

use quarry_codebase::{known_embeddings, prune_embeddings, store_embeddings};

use crate::project_database::{DIMENSIONS, file, project, vector};

fn hash(text: &str) -> [u8; 32] {
    *blake3::hash(text.as_bytes()).as_bytes()
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let product = |left: &[f32], right: &[f32]| -> f64 {
        left.iter()
            .zip(right)
            .map(|(left, right)| f64::from(*left) * f64::from(*right))
            .sum()
    };
    product(one, other) / (product(one, one) * product(other, other)).sqrt()
}

#[tokio::test]
async fn every_vector_is_remembered_once_with_its_direction() {
    let project = project().await;
    let many: Vec<([u8; 32], Vec<f32>)> = (0..1_200)
        .map(|number| (hash(&number.to_string()), vector(&number.to_string())))
        .collect();
    let mut given: Vec<([u8; 32], &[f32])> = many.iter().map(|(hash, vector)| (*hash, vector.as_slice())).collect();
    given.push(given[7]);
    assert_eq!(store_embeddings(&project.pool, "model", &given).await.unwrap(), 1_200);
    assert_eq!(store_embeddings(&project.pool, "model", &given).await.unwrap(), 0);

    let mut asked: Vec<[u8; 32]> = given.iter().map(|(hash, _)| *hash).collect();
    asked.push(hash("unknown"));
    let known = known_embeddings(&project.pool, "model", &asked).await.unwrap();
    assert_eq!(known.len(), 1_200);
    for (hash, vector) in given {
        assert!(cosine(&known[&hash], vector) > 1.0 - 1e-6);
    }
    assert!(
        known_embeddings(&project.pool, "other model", &asked)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn vectors_of_any_length_are_stored_and_those_of_none_are_not() {
    let project = project().await;
    let long: Vec<f32> = vector("long").iter().map(|value| value * 1e36).collect();
    let short: Vec<f32> = vector("short").iter().map(|value| value * 1e-36).collect();
    let endless = vec![f32::INFINITY; DIMENSIONS];
    let zero = vec![0.0; DIMENSIONS];
    let given = [
        ("long", &long),
        ("short", &short),
        ("endless", &endless),
        ("zero", &zero),
    ];
    let rows: Vec<([u8; 32], &[f32])> = given
        .iter()
        .map(|(text, vector)| (hash(text), vector.as_slice()))
        .collect();
    assert_eq!(store_embeddings(&project.pool, "model", &rows).await.unwrap(), 2);
    let known = known_embeddings(
        &project.pool,
        "model",
        &rows.iter().map(|(hash, _)| *hash).collect::<Vec<_>>(),
    )
    .await
    .unwrap();
    assert!(cosine(&known[&hash("long")], &long) > 1.0 - 1e-6);
    assert!(cosine(&known[&hash("short")], &short) > 1.0 - 1e-6);
}

#[tokio::test]
async fn a_chunk_has_the_vector_of_the_cache_whether_it_was_just_made_or_known() {
    let project = project().await;
    let unit: Vec<f32> = vector("unit").iter().map(|value| value / 9.2).collect();
    for (text, made) in [("plain", vector("plain")), ("unit", unit)] {
        store_embeddings(&project.pool, "model", &[(hash(text), &made)])
            .await
            .unwrap();
        let known = known_embeddings(&project.pool, "model", &[hash(text)]).await.unwrap();
        let mut fresh = file(&format!("{text}/fresh.rs"), &[text]);
        fresh.chunks[0].embedding = Some(made);
        let mut repeated = file(&format!("{text}/known.rs"), &[text]);
        repeated.chunks[0].embedding = Some(known[&hash(text)].clone());
        project.publish(vec![fresh, repeated], &[]).await;
    }
    let equal: Vec<bool> = sqlx::query_scalar(
        "select chunk.embedding = cached.embedding
         from codebase.code_chunks as chunk
         join codebase.embeddings as cached on cached.content_hash = chunk.embedding_hash",
    )
    .fetch_all(&project.pool)
    .await
    .unwrap();
    assert_eq!(equal, [true; 4]);
}

#[tokio::test]
async fn only_old_vectors_without_a_chunk_are_forgotten() {
    let project = project().await;
    let store = async |text: &str| {
        let numbers = vector(text);
        store_embeddings(&project.pool, "model", &[(hash(text), &numbers)])
            .await
            .unwrap();
    };
    store("used").await;
    store("unused").await;
    store("unused too").await;
    project.publish(vec![file("a.rs", &["used"])], &[]).await;
    assert_eq!(prune_embeddings(&project.pool, 30, 100).await.unwrap(), 0);
    sqlx::query("update codebase.embeddings set created_at = now() - interval '31 days'")
        .execute(&project.pool)
        .await
        .unwrap();
    store("new").await;
    assert_eq!(prune_embeddings(&project.pool, 30, 1).await.unwrap(), 1);
    assert_eq!(prune_embeddings(&project.pool, 30, 100).await.unwrap(), 1);
    let asked = [hash("used"), hash("new"), hash("unused"), hash("unused too")];
    let known = known_embeddings(&project.pool, "model", &asked).await.unwrap();
    assert!(known.len() == 2 && known.contains_key(&asked[0]) && known.contains_key(&asked[1]));
}
