//! Filters: a hit is in an allowed file, and what lies there is found however narrow the filter is.

use quarry_codebase::{SearchRequest, ensure_repository, replace_files, search};

use crate::corpus::{file, lane, lexical, paths, project, vector};

#[tokio::test]
async fn only_matching_files_answer() {
    let project = project().await;
    let narrowed = |change: fn(&mut SearchRequest)| {
        let mut request = lexical("job claim user lease");
        change(&mut request);
        request
    };
    for (request, expected) in [
        (
            narrowed(|request| request.path_glob = Some("queue/tests/**".to_owned())),
            "queue/tests/claim.rs",
        ),
        (
            narrowed(|request| request.path_glob = Some("*.md".to_owned())),
            "docs/queue.md",
        ),
        (
            narrowed(|request| request.path_glob = Some("docs".to_owned())),
            "docs/queue.md",
        ),
        (
            narrowed(|request| request.language = Some("Markdown".to_owned())),
            "docs/queue.md",
        ),
        (
            narrowed(|request| request.file_type = Some(".md".to_owned())),
            "docs/queue.md",
        ),
        (
            narrowed(|request| request.language = Some("typescript".to_owned())),
            "web/src/users.ts",
        ),
    ] {
        let found = paths(project.hits(&request).await);
        assert!(
            !found.is_empty() && found.iter().all(|path| path == expected),
            "{request:?}: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_filter_that_matches_no_file_says_so() {
    let project = project().await;
    let request = SearchRequest {
        path_glob: Some("nowhere/**".to_owned()),
        query_vector: Some(vector("job")),
        ..SearchRequest::new("job")
    };
    let outcome = search(&project.pool, &request).await.unwrap();
    assert!(outcome.hits.is_empty());
    assert_eq!(outcome.candidates.files_allowed, Some(0));
}

#[tokio::test]
async fn a_filter_costs_no_hit_by_words_or_by_meaning() {
    let project = project().await;
    let many = (0..300).map(|number| file(&format!("many/{number}.rs"), &[("f", "claim the job with a lease\n")]));
    project.publish(many.collect(), &[]).await;
    let with_glob = |request: SearchRequest| SearchRequest {
        path_glob: Some("docs/**".to_owned()),
        ..request
    };
    assert_eq!(project.paths("claim job lease").await[0], "queue/src/claim.rs");
    let found = paths(project.hits(&with_glob(lexical("claim job lease"))).await);
    assert_eq!(found, ["docs/queue.md"]);
    let by_meaning = SearchRequest {
        query_vector: Some(vector("claim the job with a lease")),
        ..SearchRequest::new("zzz")
    };
    assert_eq!(paths(project.hits(&with_glob(by_meaning)).await), ["docs/queue.md"]);
}

#[tokio::test]
async fn repositories_are_searched_alone_or_together() {
    let project = project().await;
    let other = ensure_repository(&project.pool, "host", "/src/other", "other")
        .await
        .unwrap();
    let fence = lane(&project.pool, other.id).await;
    let files = vec![file("claim.rs", &[("claim_job", "fn claim_job() { other_claim() }\n")])];
    replace_files(&project.pool, &fence, other.id, files, &[])
        .await
        .unwrap();

    let everywhere = SearchRequest {
        query_vector: Some(vector("claim_job")),
        limit: 50,
        ..SearchRequest::new("claim_job")
    };
    let in_other = SearchRequest {
        repository_ids: vec![other.id],
        ..everywhere.clone()
    };
    let hits = project.hits(&in_other).await;
    assert_eq!(hits.len(), 1);
    assert_eq!(
        (hits[0].repository_name.as_str(), hits[0].repository_root.as_str()),
        ("other", "/src/other")
    );
    let in_first = SearchRequest {
        repository_ids: vec![project.repository],
        ..everywhere.clone()
    };
    assert!(
        project
            .hits(&in_first)
            .await
            .iter()
            .all(|hit| hit.repository_id == project.repository)
    );
    let all = project.hits(&everywhere).await;
    assert!(all.iter().any(|hit| hit.repository_id == other.id));
    assert!(all.iter().any(|hit| hit.repository_id == project.repository));
    let both = SearchRequest {
        repository_ids: vec![project.repository, other.id],
        ..everywhere
    };
    assert_eq!(project.hits(&both).await, all);
}
