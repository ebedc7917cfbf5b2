//! Code like a piece of code: by chunk, by lines, by snippet; with and without vectors.

use quarry_codebase::{CodebaseError, Degraded, Hit, SimilarRequest, SimilarTo, note_stored_model, similar};

use crate::corpus::{Project, file, paths, project, vector};

async fn like(project: &Project, to: SimilarTo) -> Vec<Hit> {
    like_with(project, SimilarRequest::new(to)).await
}

async fn like_with(project: &Project, request: SimilarRequest) -> Vec<Hit> {
    similar(&project.pool, &request).await.unwrap().hits
}

fn lines(project: &Project, path: &str, start_line: u32, end_line: u32) -> SimilarTo {
    SimilarTo::Lines {
        repository_id: project.repository,
        path: path.to_owned(),
        start_line,
        end_line,
    }
}

#[tokio::test]
async fn a_copy_is_the_most_alike_and_the_lines_themselves_are_left_out() {
    let project = project().await;
    let hits = like(&project, lines(&project, "queue/src/claim.rs", 3, 6)).await;
    assert_eq!(hits[0].path, "vendor/queue/claim.rs");
    assert!(hits[0].score > 0.99, "{}", hits[0].score);
    assert!(
        hits.iter()
            .all(|hit| hit.path != "queue/src/claim.rs" || hit.start_line > 6 || hit.end_line < 3)
    );
    assert!(hits.is_sorted_by(|one, other| one.score >= other.score));
    let by_chunk = like(&project, SimilarTo::Chunk(hits[0].chunk_id)).await;
    assert_eq!(by_chunk[0].path, "queue/src/claim.rs");
}

#[tokio::test]
async fn a_pasted_snippet_finds_what_it_was_written_after() {
    let project = project().await;
    let snippet = "fn extend(lease: &mut Lease, seconds: u64) {\n    lease.expires_at += seconds;\n}\n";
    let with_vector = SimilarRequest {
        query_vector: Some(vector(snippet)),
        ..SimilarRequest::new(SimilarTo::Text(snippet.to_owned()))
    };
    let hits = like_with(&project, with_vector).await;
    assert_eq!(
        (hits[0].path.as_str(), hits[0].symbol.as_deref()),
        ("queue/src/lease.rs", Some("extendLease"))
    );
    let request = SimilarRequest::new(SimilarTo::Text(snippet.to_owned()));
    let outcome = similar(&project.pool, &request).await.unwrap();
    assert_eq!(outcome.hits[0].path, "queue/src/lease.rs", "by words alone");
    assert!(!outcome.degraded.is_empty());
}

#[tokio::test]
async fn a_snippets_vector_of_another_model_is_not_compared() {
    let project = project().await;
    note_stored_model(&project.pool, "the project's").await.unwrap();
    let snippet = "fn extend(lease: &mut Lease, seconds: u64) {\n    lease.expires_at += seconds;\n}\n";
    for (model, degraded) in [("the project's", vec![]), ("another", vec![Degraded::OtherModel])] {
        let request = SimilarRequest {
            query_vector: Some(vector(snippet)),
            query_model: Some(model.to_owned()),
            ..SimilarRequest::new(SimilarTo::Text(snippet.to_owned()))
        };
        let outcome = similar(&project.pool, &request).await.unwrap();
        assert_eq!(outcome.degraded, degraded);
        assert_eq!(outcome.hits[0].path, "queue/src/lease.rs");
    }
}

#[tokio::test]
async fn copies_in_worktrees_are_named_beside_their_original() {
    let project = project().await;
    let function = "pub fn next_pause(policy: &RetryPolicy, attempt: u32) -> Duration {\n    policy.backoff * 2u32.pow(attempt) + jitter()\n}\n";
    project
        .publish_into("/src/one", vec![file("src/pause.rs", &[("next_pause", function)])])
        .await;
    project
        .publish_into("/src/two", vec![file("src/pause.rs", &[("next_pause", function)])])
        .await;
    let hits = like(&project, lines(&project, "queue/src/retry.rs", 5, 8)).await;
    assert_eq!(hits[0].path, "src/pause.rs");
    assert_eq!(hits[0].also_in.len(), 1);
}

#[tokio::test]
async fn filters_hold_and_what_is_not_there_is_said() {
    let project = project().await;
    let own = SimilarRequest {
        path_glob: Some("queue/**".to_owned()),
        ..SimilarRequest::new(lines(&project, "queue/src/claim.rs", 3, 6))
    };
    assert!(
        paths(like_with(&project, own).await)
            .iter()
            .all(|path| path.starts_with("queue/"))
    );
    let fails = async |to| similar(&project.pool, &SimilarRequest::new(to)).await.unwrap_err();
    let missing = fails(lines(&project, "src/claim.rs", 1, 2)).await;
    assert!(missing.to_string().contains("queue/src/claim.rs"), "{missing}");
    assert!(matches!(
        fails(lines(&project, "queue/src/claim.rs", 90, 99)).await,
        CodebaseError::InvalidQuery(_)
    ));
    assert!(matches!(
        fails(SimilarTo::Text(" \n".to_owned())).await,
        CodebaseError::InvalidQuery(_)
    ));
    let unknown = SimilarTo::Chunk(uuid::Uuid::nil());
    assert!(matches!(fails(unknown).await, CodebaseError::NotFound { .. }));
}
