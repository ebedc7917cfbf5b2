//! The cache of vectors.

use quarry_codebase::{known_embeddings, prune_embeddings, store_embeddings};

use crate::project_database::{file, project, vector};

fn hash(text: &str) -> [u8; 32] {
    *blake3::hash(text.as_bytes()).as_bytes()
}

#[tokio::test]
async fn vectors_come_back_exact_to_the_bit() {
    let project = project().await;
    let mut numbers = vec![0.1, -0.0, f32::MIN_POSITIVE, 1e-40, f32::MAX, -1.0 / 3.0];
    numbers.extend(vector("filler"));
    let many: Vec<([u8; 32], Vec<f32>)> = (0..1_200)
        .map(|number| (hash(&number.to_string()), vector(&number.to_string())))
        .collect();
    let mut given: Vec<([u8; 32], &[f32])> = many.iter().map(|(hash, vector)| (*hash, vector.as_slice())).collect();
    given.push((hash("odd"), &numbers));
    given.push((hash("odd"), &numbers));
    assert_eq!(store_embeddings(&project.pool, "model", &given).await.unwrap(), 1_201);
    assert_eq!(store_embeddings(&project.pool, "model", &given).await.unwrap(), 0);

    let mut asked: Vec<[u8; 32]> = given.iter().map(|(hash, _)| *hash).collect();
    asked.push(hash("unknown"));
    let known = known_embeddings(&project.pool, "model", &asked).await.unwrap();
    assert_eq!(known.len(), 1_201);
    let bits = |vector: &[f32]| vector.iter().map(|value| value.to_bits()).collect::<Vec<u32>>();
    for (hash, vector) in given {
        assert_eq!(bits(&known[&hash]), bits(vector));
    }
    assert!(
        known_embeddings(&project.pool, "other model", &asked)
            .await
            .unwrap()
            .is_empty()
    );
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
