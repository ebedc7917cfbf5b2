//! Pinning a project to an embedding model.

use futures::future::join_all;
use quarry_registry::{Project, Registry, RegistryError};

use crate::{another_process, create, registry};

#[tokio::test]
async fn the_first_pin_types_the_column_and_a_second_one_of_the_same_model_changes_nothing() {
    let registry = registry().await;
    let project = create(&registry, "pinned").await;
    let pinned = registry.pin_embedding(&project, "model-a", 256).await.unwrap();
    let again = registry.pin_embedding(&project, "model-a", 256).await.unwrap();

    assert_eq!(pinned, again);
    assert_eq!(
        pinned.embedding.as_ref().unwrap().to_string(),
        "model-a (256 dimensions)"
    );
    assert_eq!(
        column(&registry, &project).await,
        ("halfvec(256)".to_owned(), "p".to_owned())
    );
}

#[tokio::test]
async fn another_model_or_dimension_is_refused_with_what_is_pinned_and_what_to_do() {
    let registry = registry().await;
    let project = create(&registry, "mismatch").await;
    registry.pin_embedding(&project, "model-a", 256).await.unwrap();
    for (model, dimensions) in [("model-b", 256), ("model-a", 512)] {
        let error = registry.pin_embedding(&project, model, dimensions).await.unwrap_err();
        assert!(matches!(error, RegistryError::EmbeddingMismatch { .. }));
        let message = error.to_string();
        assert!(message.contains("model-a (256 dimensions)"), "{message}");
        assert!(message.contains("`quarry project model`"), "{message}");
    }
}

#[tokio::test]
async fn of_models_that_are_pinned_at_the_same_time_one_wins_and_the_column_is_its() {
    let registry = registry().await;
    let other = another_process(&registry).await;
    let project = create(&registry, "pin_race").await;
    let results = join_all((0..12_u32).map(|n| {
        let registry = if n % 2 == 0 { &registry } else { &other };
        let project = &project;
        async move {
            let dimensions = 256 + n % 3;
            registry
                .pin_embedding(project, &format!("model-{dimensions}"), dimensions)
                .await
        }
    }))
    .await;

    let won = registry.project_by_id(project.id).await.unwrap().embedding.unwrap();
    for result in &results {
        match result {
            Ok(project) => assert_eq!(project.embedding.as_ref(), Some(&won)),
            Err(RegistryError::EmbeddingMismatch { pinned, .. }) => assert_eq!(pinned, &won),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 4);
    let (column, _) = column(&registry, &project).await;
    assert_eq!(column, format!("halfvec({})", won.dimensions));
}

#[tokio::test]
async fn a_column_typed_before_a_crash_is_typed_anew() {
    let registry = registry().await;
    let project = create(&registry, "pin_crash").await;
    let database = registry.database(&project).await.unwrap();
    crate::execute(
        &database,
        "alter table codebase.code_chunks alter column embedding type halfvec(99)".to_owned(),
    )
    .await;
    registry.pin_embedding(&project, "model-a", 256).await.unwrap();
    assert_eq!(column(&registry, &project).await.0, "halfvec(256)");
}

#[tokio::test]
async fn the_largest_vectors_stand_beside_a_long_text() {
    let registry = registry().await;
    for (dimensions, storage) in [(2048, "p"), (2049, "m"), (4000, "m")] {
        let project = create(&registry, &format!("large_{dimensions}")).await;
        registry.pin_embedding(&project, "model", dimensions).await.unwrap();
        assert_eq!(column(&registry, &project).await.1, storage);
        let stored = sqlx::query(
            "with repository as (
                insert into codebase.repositories (host, repo_path, name) values ('h', '/r', 'r') returning id
            )
            insert into codebase.code_chunks
                (repository_id, file_path, content, start_line, end_line, embedding, embedding_hash)
            select id, 'a', (select string_agg(md5(n::text), '') from generate_series(1, 400) n), 1, 1,
                (select array_agg(random()) from generate_series(1, $1))::halfvec, '\\x00'
            from repository",
        )
        .bind(dimensions.cast_signed())
        .execute(&registry.database(&project).await.unwrap())
        .await;
        assert!(stored.is_ok(), "{stored:?}");
        let indexed = sqlx::query("create index on codebase.code_chunks using ivfflat (embedding halfvec_cosine_ops)")
            .execute(&registry.database(&project).await.unwrap())
            .await;
        assert!(indexed.is_ok(), "{indexed:?}");
    }
}

#[tokio::test]
async fn dimensions_over_the_limit_are_refused_before_anything_changes() {
    let registry = registry().await;
    let project = create(&registry, "too_large").await;
    let error = registry.pin_embedding(&project, "model", 4096).await.unwrap_err();
    assert!(matches!(
        error,
        RegistryError::DimensionsOutOfRange { dimensions: 4096 }
    ));
    assert_eq!(registry.project_by_id(project.id).await.unwrap().embedding, None);
    assert_eq!(column(&registry, &project).await.0, "halfvec");
}

/// Type and storage of the embedding column.
async fn column(registry: &Registry, project: &Project) -> (String, String) {
    sqlx::query_as(
        "select format_type(atttypid, atttypmod), attstorage::text
        from pg_attribute
        where attrelid = 'codebase.code_chunks'::regclass and attname = 'embedding'",
    )
    .fetch_one(&registry.database(project).await.unwrap())
    .await
    .unwrap()
}
