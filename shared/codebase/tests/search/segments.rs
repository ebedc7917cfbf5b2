//! Segments: how an index came about does not change an answer, merging neither loses nor resurrects anything.

use quarry_codebase::{Fence, Hit, NewFile, SearchRequest, merge_segments, raise_fence, remove_repository};

use crate::corpus::{Project, code_base, empty_project, file, lexical, project, vector};

const QUERIES: [&str; 8] = [
    "how is a job claimed",
    "claim_job",
    "user name",
    "lease expires",
    "queue/src/claim.rs",
    "retry backoff jitter",
    "parse text",
    "file 7 word 3",
];

/// What a reader sees of an answer: everything but ids.
async fn answers(project: &Project) -> Vec<(String, u32, u32, f32, String)> {
    let mut seen = Vec::new();
    for query in QUERIES {
        let words = lexical(query);
        let both = SearchRequest {
            query_vector: Some(vector(query)),
            ..SearchRequest::new(query)
        };
        for request in [words, both] {
            let hits: Vec<Hit> = project.hits(&SearchRequest { limit: 50, ..request }).await;
            seen.extend(
                hits.into_iter()
                    .map(|hit| (hit.path, hit.start_line, hit.end_line, hit.score, hit.content)),
            );
        }
    }
    seen
}

async fn segments(project: &Project) -> i64 {
    count(project, "lexical_segments").await
}

async fn count(project: &Project, table: &str) -> i64 {
    let statement = format!("select count(*) from codebase.{table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .fetch_one(&project.pool)
        .await
        .unwrap()
}

fn numbered(number: usize, version: usize) -> NewFile {
    let text = format!("fn file_{number}() {{ word_{number} version_{version} }}\n");
    file(
        &format!("numbered/{number}.rs"),
        &[("", "// shared head\n"), (&format!("file_{number}"), &text)],
    )
}

#[tokio::test]
async fn answers_do_not_depend_on_how_the_index_came_about() {
    let at_once = empty_project().await;
    let mut files = code_base();
    files.extend((0..40).map(|number| numbered(number, 2)));
    at_once.publish(files.clone(), &[]).await;

    let in_pieces = empty_project().await;
    in_pieces
        .publish(
            vec![file("gone.rs", &[("claim_job", "fn claim_job() { gone }\n")])],
            &[],
        )
        .await;
    for number in 0..40 {
        in_pieces.publish(vec![numbered(number, 1)], &[]).await;
    }
    for file in files.into_iter().rev() {
        in_pieces.publish(vec![file], &[]).await;
    }
    in_pieces.publish(vec![], &["gone.rs"]).await;
    let expected = answers(&at_once).await;
    assert!(expected.len() > 50);
    assert_eq!(answers(&in_pieces).await, expected);

    let before = segments(&in_pieces).await;
    let merged = merge_segments(&in_pieces.pool, in_pieces.repository)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(i64::try_from(merged.segments).unwrap(), before);
    assert!(merged.buried > 40);
    assert_eq!(segments(&in_pieces).await, 1);
    assert_eq!(count(&in_pieces, "lexical_tombstones").await, 0);
    assert_eq!(answers(&in_pieces).await, expected);
    assert_eq!(
        merge_segments(&in_pieces.pool, in_pieces.repository).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn deleted_and_replaced_chunks_never_appear() {
    let project = project().await;
    project.publish(vec![], &["web/src/users.ts"]).await;
    assert!(project.paths("user name").await.is_empty());
    assert!(project.paths("getUserName").await.is_empty());
    project
        .publish(vec![file("queue/src/lease.rs", &[("Lock", "struct Lock;\n")])], &[])
        .await;
    let hits = project.hits(&lexical("extendLease")).await;
    assert!(hits.iter().all(|hit| !hit.content.contains("extendLease")));
    assert_eq!(project.paths("Lock").await[0], "queue/src/lease.rs");
}

#[tokio::test]
async fn a_removed_repository_leaves_no_postings() {
    let project = project().await;
    let remover = Fence {
        lane: format!("remove_repository/{}/0", project.repository),
        fence: 9,
    };
    raise_fence(&project.pool, &remover.lane, 9).await.unwrap();
    assert_ne!(count(&project, "lexical_blocks").await, 0);
    remove_repository(&project.pool, &remover, project.repository)
        .await
        .unwrap();
    for table in ["lexical_segments", "lexical_blocks", "lexical_tombstones"] {
        assert_eq!(count(&project, table).await, 0, "{table}");
    }
    assert!(project.hits(&lexical("claim_job")).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_and_searching_go_on_while_segments_are_merged() {
    let project = project().await;
    for number in 0..40 {
        project.publish(vec![numbered(number, 0)], &[]).await;
    }
    let publish = async {
        for version in 1..=3 {
            for number in 0..40 {
                project.publish(vec![numbered(number, version)], &[]).await;
            }
        }
    };
    let merge = async {
        let mut merges = 0;
        while merges < 3 {
            if merge_segments(&project.pool, project.repository)
                .await
                .unwrap()
                .is_some()
            {
                merges += 1;
            }
            let hits = project.hits(&lexical("file_7")).await;
            assert_eq!(hits[0].path, "numbered/7.rs");
        }
    };
    tokio::join!(publish, merge);
    for round in 0..2 {
        for number in 0..40 {
            let hits = project.hits(&lexical(&format!("file_{number}"))).await;
            assert!(
                hits[0].content.contains(&format!("word_{number} version_3")),
                "{number} in round {round}"
            );
        }
        while merge_segments(&project.pool, project.repository)
            .await
            .unwrap()
            .is_some()
        {}
    }
    let fresh = empty_project().await;
    let mut files = code_base();
    files.extend((0..40).map(|number| numbered(number, 3)));
    fresh.publish(files, &[]).await;
    assert_eq!(answers(&project).await, answers(&fresh).await);
}
