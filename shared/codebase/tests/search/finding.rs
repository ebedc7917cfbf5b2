//! Words, names and paths: what is asked for is found, and it stands where a reader looks first.

use quarry_codebase::{CodebaseError, Hit, SearchMode, SearchRequest, search};

use crate::corpus::{code_base, empty_project, file, lexical, paths, project};

#[tokio::test]
async fn identifiers_are_found_by_their_words() {
    let project = project().await;
    assert_eq!(project.paths("user name").await[0], "web/src/users.ts");
    assert_eq!(project.paths("extend lease").await[0], "queue/src/lease.rs");
    assert_eq!(project.paths("how are leases extended").await[0], "queue/src/lease.rs");
    assert_eq!(project.paths("getusername").await[0], "web/src/users.ts");
}

#[tokio::test]
async fn a_rare_word_decides_among_common_ones() {
    let project = project().await;
    assert_eq!(project.paths("job jitter").await[0], "queue/src/retry.rs");
}

#[tokio::test]
async fn the_definition_of_the_asked_symbol_comes_first() {
    let project = project().await;
    for (query, path, symbol) in [
        ("claim_job", "queue/src/claim.rs", "claim_job"),
        ("where is RetryPolicy defined?", "queue/src/retry.rs", "RetryPolicy"),
        ("struct Lease", "queue/src/lease.rs", "Lease"),
        ("parser::parse", "web/src/parser/index.ts", "parse"),
        ("tokenize()", "web/src/parser/index.ts", "tokenize"),
    ] {
        let hits = project.hits(&lexical(query)).await;
        assert_eq!(
            (hits[0].path.as_str(), hits[0].symbol.as_deref()),
            (path, Some(symbol)),
            "{query}"
        );
        assert!(hits[0].score >= 0.9, "{query}: {}", hits[0].score);
    }
    assert_eq!(
        project.hits(&lexical("retrypolicy")).await[0].path,
        "queue/src/retry.rs"
    );
}

#[tokio::test]
async fn the_asked_file_comes_first() {
    let project = project().await;
    for query in ["queue/src/claim.rs", "src/claim.rs", "./queue/src/claim.rs:3"] {
        let hits = project.hits(&lexical(query)).await;
        assert_eq!(
            (hits[0].path.as_str(), hits[0].start_line),
            ("queue/src/claim.rs", 1),
            "{query}"
        );
    }
    let by_name = project.paths("claim.rs").await;
    assert_eq!(by_name[0], "queue/src/claim.rs");
    assert!(by_name.contains(&"vendor/queue/claim.rs".to_owned()));
}

#[tokio::test]
async fn copies_and_tests_step_back() {
    let project = project().await;
    let found = project.paths("how is a job claimed by a worker").await;
    let place = |path: &str| found.iter().position(|found| found == path).unwrap();
    assert!(
        place("queue/src/claim.rs") < place("vendor/queue/claim.rs"),
        "{found:?}"
    );
    assert!(place("queue/src/claim.rs") < place("queue/tests/claim.rs"), "{found:?}");
    assert_eq!(
        project.paths("test that a job is claimed once").await[0],
        "queue/tests/claim.rs"
    );
}

#[tokio::test]
async fn quoted_text_occurs_in_every_hit() {
    let project = project().await;
    let hits = project.hits(&lexical("parse \"Unexpected token\" text")).await;
    assert_eq!(hits.len(), 1);
    assert!(hits[0].content.contains("unexpected token"));
    assert!(project.hits(&lexical("\"token unexpected\"")).await.is_empty());
}

#[tokio::test]
async fn symbol_mode_returns_definitions_only() {
    let project = project().await;
    let ask = |text: &str| SearchRequest {
        mode: SearchMode::Symbol,
        ..SearchRequest::new(text)
    };
    let hits = project.hits(&ask("claim_job")).await;
    assert_eq!(
        hits.iter().map(|hit| hit.path.as_str()).collect::<Vec<_>>(),
        ["queue/src/claim.rs", "vendor/queue/claim.rs"]
    );
    let by_word = project.hits(&ask("retry")).await;
    assert_eq!(by_word[0].symbol.as_deref(), Some("RetryPolicy"));
    assert!(project.hits(&ask("Instant")).await.is_empty());
}

#[tokio::test]
async fn neighbours_of_a_file_are_one_hit() {
    let project = empty_project().await;
    project
        .publish(
            vec![
                file("a.rs", &[("one", "zebra one\n"), ("two", "zebra two\n")]),
                file("b.rs", &[("three", "zebra three\n")]),
            ],
            &[],
        )
        .await;
    let hits = project.hits(&lexical("zebra stripes")).await;
    assert_eq!(hits.len(), 2);
    let joined = hits.iter().find(|hit| hit.path == "a.rs").unwrap();
    assert_eq!((joined.start_line, joined.end_line), (1, 2));
    assert_eq!(joined.content, "zebra one\nzebra two\n");
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps() {
    let project = project().await;
    let all = project
        .hits(&SearchRequest {
            limit: 100,
            ..lexical("job claim lease user text")
        })
        .await;
    assert!(all.len() > 6);
    let mut paged = Vec::new();
    loop {
        let offset = u32::try_from(paged.len()).unwrap();
        let request = SearchRequest {
            limit: 2,
            offset,
            ..lexical("job claim lease user text")
        };
        let outcome = search(&project.pool, &request).await.unwrap();
        assert!(outcome.hits.len() <= 2);
        paged.extend(outcome.hits);
        if !outcome.more {
            break;
        }
    }
    assert_eq!(paths(paged), paths(all));
}

#[tokio::test]
async fn a_query_that_cannot_be_answered_is_refused() {
    let project = project().await;
    for request in [
        SearchRequest::new("  "),
        SearchRequest {
            limit: 0,
            ..SearchRequest::new("x")
        },
        SearchRequest {
            limit: 101,
            ..SearchRequest::new("x")
        },
        SearchRequest {
            path_glob: Some("src/[".to_owned()),
            ..SearchRequest::new("x")
        },
    ] {
        let refused = search(&project.pool, &request).await;
        assert!(matches!(refused, Err(CodebaseError::InvalidQuery(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn what_nobody_wrote_is_not_found() {
    let project = project().await;
    assert!(project.hits(&lexical("xylophone")).await.is_empty());
    assert!(empty_project().await.hits(&lexical("job")).await.is_empty());
}

#[tokio::test]
async fn the_same_code_in_several_repositories_is_one_hit_that_names_them() {
    let project = project().await;
    let alone = project.hits(&lexical("claim_job worker")).await;
    let mut roots = vec!["/src/app".to_owned()];
    for number in 1..5 {
        let root = format!("/src/worktree_{number}");
        project.publish_into(&root, code_base()).await;
        roots.push(root);
    }
    let hits = project.hits(&lexical("claim_job worker")).await;
    let places = |hits: &[Hit]| -> Vec<(String, u32, u32)> {
        hits.iter()
            .map(|hit| (hit.path.clone(), hit.start_line, hit.end_line))
            .collect()
    };
    assert_eq!(places(&hits), places(&alone), "as if there were one repository");
    for hit in &hits {
        let mut of_hit: Vec<String> = hit.also_in.iter().map(|place| place.repository_root.clone()).collect();
        of_hit.push(hit.repository_root.clone());
        of_hit.sort();
        assert_eq!(of_hit, roots);
        assert!(
            hit.also_in
                .iter()
                .all(|place| (&place.path, place.start_line) == (&hit.path, hit.start_line))
        );
    }

    let asked = SearchRequest {
        repository_ids: vec![project.repository],
        ..lexical("claim_job worker")
    };
    let filtered = project.hits(&asked).await;
    assert_eq!(places(&filtered), places(&alone));
    assert!(
        filtered
            .iter()
            .all(|hit| hit.also_in.is_empty() && hit.repository_id == project.repository)
    );
}
