//! What is typed is rarely what is meant to the letter: misspelt and half names, patterns, quotes that fit nothing. And why
//! a hit stands where it stands.

use quarry_codebase::{Degraded, SearchRequest, Standing, search};

use crate::corpus::{lexical, project};

#[tokio::test]
async fn a_misspelt_symbol_is_found() {
    let project = project().await;
    for (query, path) in [
        ("claim_jbo", "queue/src/claim.rs"),
        ("RetyrPolicy", "queue/src/retry.rs"),
        ("where is RetryPolcy defined?", "queue/src/retry.rs"),
        ("tokenise", "web/src/parser/index.ts"),
    ] {
        let hits = project.hits(&lexical(query)).await;
        assert_eq!(hits[0].path, path, "{query}");
        assert_eq!(hits[0].explanation.standing, Standing::Close, "{query}");
        assert!((0.8..0.9).contains(&hits[0].score), "{query}: {}", hits[0].score);
    }
}

#[tokio::test]
async fn a_word_of_the_text_is_not_taken_for_a_typing_error() {
    let project = project().await;
    let hits = project.hits(&lexical("claimed")).await;
    assert!(hits.iter().all(|hit| hit.explanation.standing == Standing::Ordinary));
}

#[tokio::test]
async fn the_beginning_of_a_symbol_is_enough() {
    let project = project().await;
    let hits = project.hits(&lexical("RetryPol")).await;
    assert_eq!(hits[0].symbol.as_deref(), Some("RetryPolicy"));
    assert_eq!(hits[0].explanation.standing, Standing::Close);
}

#[tokio::test]
async fn a_question_may_name_a_programming_language() {
    let project = project().await;
    let is_asked = |hit: &quarry_codebase::Hit| {
        let mut corrections = hit.explanation.corrections.iter();
        corrections.any(|correction| correction.reason == "is in the asked language")
    };
    let hits = project.hits(&lexical("how is a job claimed in rust")).await;
    assert!(hits.iter().any(is_asked));
    for hit in &hits {
        assert_eq!(is_asked(hit), hit.path.ends_with(".rs"), "{}", hit.path);
    }
}

#[tokio::test]
async fn a_misspelt_file_is_found() {
    let project = project().await;
    for query in ["queue/src/cliam.rs", "clam.rs"] {
        assert_eq!(project.paths(query).await[0], "queue/src/claim.rs", "{query}");
    }
}

#[tokio::test]
async fn what_matches_a_pattern_comes_first() {
    let project = project().await;
    let hits = project.hits(&lexical(r"fn claim_\w+\(")).await;
    assert_eq!(hits[0].symbol.as_deref(), Some("claim_job"));
    assert_eq!(hits[0].explanation.standing, Standing::Exact);
    // Not a pattern that anybody can read: its words are asked.
    assert!(!project.hits(&lexical(r"claim_job\w+(")).await.is_empty());
}

#[tokio::test]
async fn quoted_text_that_stands_nowhere_does_not_silence_the_rest_of_the_query() {
    let project = project().await;
    let request = lexical("how is a job claimed \"as nobody wrote it\"");
    let outcome = search(&project.pool, &request).await.unwrap();
    assert!(!outcome.hits.is_empty());
    assert!(outcome.degraded.contains(&Degraded::NothingQuotedFound));
}

#[tokio::test]
async fn an_explanation_accounts_for_the_order() {
    let project = project().await;
    let hits = project
        .hits(&SearchRequest::new("how is a job claimed by a worker"))
        .await;
    let value = |hit: &quarry_codebase::Hit| {
        let factors: f32 = hit
            .explanation
            .corrections
            .iter()
            .map(|correction| correction.factor)
            .product();
        hit.explanation.fused * factors
    };
    for pair in hits.windows(2) {
        assert!(value(&pair[0]) >= value(&pair[1]) - 1e-4, "{:?}", pair[1].explanation);
    }
    let explained = hits[0].explanation.to_string();
    assert!(explained.contains("words 1.00"), "{explained}");
}
