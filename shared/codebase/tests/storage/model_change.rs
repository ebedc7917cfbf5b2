//! The vectors of a project's next model.

use quarry_codebase::{NextVector, begin_model_change, embedding_models, store_next};

use crate::project_database::{file, project};

#[tokio::test]
async fn a_vector_of_the_next_model_is_stored_whatever_its_length_or_there_is_a_reason() {
    let project = project().await;
    project
        .publish(vec![file("a.rs", &["long", "zero", "endless", "refused"])], &[])
        .await;
    begin_model_change(&project.pool, "next", 2).await.unwrap();
    let next = embedding_models(&project.pool).await.unwrap().next.unwrap();
    let numbers: Vec<i64> = sqlx::query_scalar("select number from codebase.code_chunks order by start_line")
        .fetch_all(&project.pool)
        .await
        .unwrap();
    let vectors = [
        Ok(vec![3e30, 4e30]),
        Ok(vec![0.0, 0.0]),
        Ok(vec![1.0, f32::INFINITY]),
        Err("too long".to_owned()),
    ];
    let vectors: Vec<NextVector> = numbers
        .into_iter()
        .zip(vectors)
        .map(|(number, vector)| NextVector { number, vector })
        .collect();
    assert!(
        store_next(&project.pool, &project.fence, &next, &vectors)
            .await
            .unwrap()
    );
    let stored: Vec<String> = sqlx::query_scalar(
        "select coalesce(round((next_embedding::real[])[1]::numeric, 2)::text, next_embedding_error)
         from codebase.code_chunks
         order by start_line",
    )
    .fetch_all(&project.pool)
    .await
    .unwrap();
    assert_eq!(
        stored,
        [
            "0.60",
            "the vector is zero",
            "the vector holds a value that is not a number",
            "too long"
        ]
    );
}
