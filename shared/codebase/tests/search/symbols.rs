//! Asking for a name: definitions first, then uses; other spellings, beginnings and slips; filters; copies.

use quarry_codebase::{NameMatch, SymbolKind, SymbolOutcome, SymbolRequest, UseRole, file_outline, find_symbol};

use crate::corpus::{Project, empty_project, file, project};

async fn ask(project: &Project, name: &str) -> SymbolOutcome {
    ask_with(project, SymbolRequest::new(name)).await
}

async fn ask_with(project: &Project, request: SymbolRequest) -> SymbolOutcome {
    find_symbol(&project.pool, &request).await.unwrap()
}

fn defined(outcome: &SymbolOutcome) -> Vec<(String, u32)> {
    let definitions = outcome.definitions.iter();
    definitions
        .map(|found| (found.path.clone(), found.opening_line))
        .collect()
}

fn used(outcome: &SymbolOutcome) -> Vec<(String, u32)> {
    outcome
        .uses
        .iter()
        .map(|found| (found.path.clone(), found.line))
        .collect()
}

fn at(places: &[(&str, u32)]) -> Vec<(String, u32)> {
    places.iter().map(|(path, line)| ((*path).to_owned(), *line)).collect()
}

#[tokio::test]
async fn a_name_has_its_definitions_and_then_its_uses() {
    let project = project().await;
    let outcome = ask(&project, "claim_job").await;
    assert_eq!(outcome.matched, NameMatch::Exact);
    assert_eq!(
        defined(&outcome),
        at(&[("queue/src/claim.rs", 3), ("vendor/queue/claim.rs", 1)]),
        "what is vendored comes after one's own"
    );
    let found = &outcome.definitions[0];
    assert_eq!(found.signature, "pub fn claim_job(worker: &Worker) -> Option<Claim>");
    assert_eq!(
        (found.name.as_str(), found.kind, found.end_line),
        ("claim_job", SymbolKind::Function, 6)
    );
    assert_eq!(
        used(&outcome),
        at(&[("queue/tests/claim.rs", 2), ("queue/tests/claim.rs", 3)])
    );
    let call = &outcome.uses[0];
    assert_eq!(call.role, UseRole::Call);
    assert_eq!(call.enclosing.as_deref(), Some("a_job_is_claimed_once"));
    assert_eq!(call.text, "let claim = claim_job(&worker());");
    let chunk = quarry_codebase::chunk_by_id(&project.pool, call.chunk_id)
        .await
        .unwrap();
    assert!(chunk.content.contains(&call.text));
}

#[tokio::test]
async fn a_name_is_found_in_other_letters_by_its_beginning_its_words_and_with_slips() {
    let project = project().await;
    for (asked, matched, path) in [
        ("claimJob", NameMatch::Spelling, "queue/src/claim.rs"),
        ("CLAIM_JOB", NameMatch::Spelling, "queue/src/claim.rs"),
        ("extend_lease", NameMatch::Spelling, "queue/src/lease.rs"),
        ("RetryPol", NameMatch::Prefix, "queue/src/retry.rs"),
        ("retry*", NameMatch::Prefix, "queue/src/retry.rs"),
        ("delay", NameMatch::Words, "queue/src/retry.rs"),
        ("getUserNmae", NameMatch::Close, "web/src/users.ts"),
        ("toknize", NameMatch::Close, "web/src/parser/index.ts"),
    ] {
        let outcome = ask(&project, asked).await;
        assert_eq!(
            (outcome.matched, outcome.definitions[0].path.as_str()),
            (matched, path),
            "{asked}"
        );
    }
    let nothing = ask(&project, "xylophone").await;
    assert_eq!(
        (nothing.matched, nothing.definitions.len(), nothing.uses.len()),
        (NameMatch::Nothing, 0, 0)
    );
    let close = ask(&project, "getUserNmae").await;
    assert_eq!(
        used(&close),
        at(&[("web/src/users.ts", 5)]),
        "uses are those of the name that was found"
    );
}

#[tokio::test]
async fn what_is_defined_elsewhere_is_found_by_its_uses() {
    let project = project().await;
    let outcome = ask(&project, "ready_jobs").await;
    assert_eq!((outcome.matched, outcome.definitions.len()), (NameMatch::Exact, 0));
    assert_eq!(
        used(&outcome),
        at(&[("queue/src/claim.rs", 4), ("vendor/queue/claim.rs", 2)])
    );
    let in_comments = ask(&project, "jitter").await;
    assert_eq!(
        used(&in_comments),
        at(&[("queue/src/retry.rs", 7)]),
        "a comment uses nothing"
    );
}

#[tokio::test]
async fn kind_path_and_language_filter_and_limits_count_the_rest() {
    let project = project().await;
    let vendored = SymbolRequest {
        path_glob: Some("vendor/**".to_owned()),
        ..SymbolRequest::new("claim_job")
    };
    let outcome = ask_with(&project, vendored).await;
    assert_eq!(defined(&outcome), at(&[("vendor/queue/claim.rs", 1)]));
    assert_eq!(used(&outcome), []);
    let kind = |name: &str, kind| SymbolRequest {
        kind: Some(kind),
        ..SymbolRequest::new(name)
    };
    let structs = ask_with(&project, kind("Lease", SymbolKind::Type)).await;
    assert_eq!(defined(&structs), at(&[("queue/src/lease.rs", 1)]));
    let functions = ask_with(&project, kind("Lease", SymbolKind::Function)).await;
    assert_eq!(functions.definitions, []);
    let python = SymbolRequest {
        language: Some("Python".to_owned()),
        ..SymbolRequest::new("claim_job")
    };
    assert_eq!(ask_with(&project, python).await.matched, NameMatch::Nothing);
    let few = SymbolRequest {
        limit: 1,
        uses_limit: 1,
        ..SymbolRequest::new("claim_job")
    };
    let few = ask_with(&project, few).await;
    assert_eq!((few.definitions.len(), few.definitions_total), (1, 2));
    assert_eq!((few.uses.len(), few.uses_total, few.uses_are_more), (1, 2, false));
    let after = |count| SymbolRequest {
        limit: 1,
        offset: count,
        uses_limit: 1,
        uses_offset: count,
        ..SymbolRequest::new("claim_job")
    };
    let second = ask_with(&project, after(1)).await;
    assert_eq!(defined(&second), at(&[("vendor/queue/claim.rs", 1)]));
    assert_eq!(used(&second), at(&[("queue/tests/claim.rs", 3)]));
    let beyond = ask_with(&project, after(9)).await;
    assert_eq!((beyond.definitions.len(), beyond.definitions_total), (0, 2));
    assert_eq!((beyond.uses.len(), beyond.uses_total), (0, 2));
}

#[tokio::test]
async fn copies_in_other_repositories_are_named_once() {
    let project = empty_project().await;
    let text = "pub fn claim_job() {\n    start();\n}\npub fn run() {\n    claim_job();\n}\n";
    let (first, second) = text.split_at(text.find("pub fn run").unwrap());
    let copy = || vec![file("src/claim.rs", &[("claim_job", first), ("run", second)])];
    project.publish(copy(), &[]).await;
    project.publish_into("/src/worktree", copy()).await;
    let outcome = ask(&project, "claim_job").await;
    assert_eq!((outcome.definitions.len(), outcome.uses.len()), (1, 1));
    assert_eq!(outcome.definitions[0].also_in[0].repository_root, "/src/worktree");
}

#[tokio::test]
async fn what_is_gone_is_not_found() {
    let project = project().await;
    project
        .publish(
            vec![file("queue/src/claim.rs", &[("", "// nothing\n")])],
            &["vendor/queue/claim.rs"],
        )
        .await;
    let outcome = ask(&project, "claim_job").await;
    assert_eq!(outcome.definitions, []);
    assert_eq!(outcome.uses.len(), 2);
    let near = ask(&project, "claim_jbo").await;
    assert_eq!(
        near.matched,
        NameMatch::Nothing,
        "a name of deleted chunks stands in the index until it is merged"
    );
}

#[tokio::test]
async fn an_outline_lists_what_a_file_defines() {
    let project = project().await;
    let outline = file_outline(&project.pool, project.repository, "queue/src/retry.rs")
        .await
        .unwrap();
    let entries: Vec<(&str, u32, u32, &str)> = outline
        .entries
        .iter()
        .map(|entry| {
            (
                entry.qualified.as_str(),
                entry.start_line,
                entry.end_line,
                entry.signature.as_str(),
            )
        })
        .collect();
    assert_eq!(
        entries,
        [
            ("RetryPolicy", 1, 4, "pub struct RetryPolicy"),
            (
                "next_delay",
                5,
                8,
                "fn next_delay(policy: &RetryPolicy, attempt: u32) -> Duration"
            ),
        ]
    );
    let missing = file_outline(&project.pool, project.repository, "src/retry.rs")
        .await
        .unwrap_err();
    assert!(missing.to_string().contains("queue/src/retry.rs"), "{missing}");
}
