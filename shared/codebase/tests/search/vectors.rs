//! Meaning beside words: vectors find what words do not, and an answer without them says so.

use quarry_codebase::{Degraded, SearchMode, SearchRequest, VectorScan, search};

use crate::corpus::{file, project, vector};

#[tokio::test]
async fn meaning_finds_what_no_word_of_the_query_names() {
    let project = project().await;
    let request = SearchRequest {
        query_vector: Some(vector("exponential backoff jitter policy attempt")),
        ..SearchRequest::new("waiting longer each time")
    };
    let outcome = search(&project.pool, &request).await.unwrap();
    assert_eq!(outcome.hits[0].path, "queue/src/retry.rs");
    assert_eq!((outcome.degraded, outcome.candidates.scan), (vec![], VectorScan::Exact));
}

#[tokio::test]
async fn semantic_mode_ignores_the_words() {
    let project = project().await;
    let request = SearchRequest {
        query_vector: Some(vector("export function renderUser(user: User)")),
        mode: SearchMode::Semantic,
        ..SearchRequest::new("how does retry backoff work")
    };
    assert_eq!(project.hits(&request).await[0].path, "web/src/users.ts");
}

#[tokio::test]
async fn an_answer_by_words_only_says_why() {
    let project = project().await;
    let ask = |query_vector, expected_dimensions| SearchRequest {
        query_vector,
        expected_dimensions,
        ..SearchRequest::new("how does retry backoff work")
    };
    for (request, reason) in [
        (ask(None, None), Degraded::NoQueryVector),
        (ask(Some(vec![0.0; 64]), None), Degraded::NoQueryVector),
        (
            ask(Some(vec![0.1; 3]), None),
            Degraded::WrongDimension { stored: 64, query: 3 },
        ),
        (
            ask(Some(vec![0.1; 64]), Some(3)),
            Degraded::WrongDimension { stored: 64, query: 64 },
        ),
    ] {
        let outcome = search(&project.pool, &request).await.unwrap();
        assert_eq!(outcome.degraded, [reason]);
        assert_eq!(outcome.hits[0].path, "queue/src/retry.rs");
        assert!(reason.to_string().starts_with("lexical only"));
    }
    sqlx::raw_sql("alter table codebase.code_chunks alter column embedding type vector")
        .execute(&project.pool)
        .await
        .unwrap();
    let outcome = search(&project.pool, &ask(Some(vec![0.1; 64]), None)).await.unwrap();
    assert_eq!(outcome.degraded, [Degraded::NoStoredVectors]);
}

#[tokio::test]
async fn a_chunk_without_a_vector_is_found_by_its_words() {
    let project = project().await;
    let mut without = file("queue/src/odd.rs", &[("quokka", "fn quokka() {}\n")]);
    without.chunks[0].embedding = None;
    without.chunks[0].embedding_error = Some("refused".to_owned());
    project.publish(vec![without], &[]).await;
    let request = SearchRequest {
        query_vector: Some(vector("quokka")),
        ..SearchRequest::new("the quokka function")
    };
    assert_eq!(project.hits(&request).await[0].path, "queue/src/odd.rs");
}
