//! Reading stored text: the lines that a file had when it was indexed, without the disk.

use quarry_codebase::{CodebaseError, chunk_by_id, read_lines};

use crate::corpus::{empty_project, file, lexical, project};

#[tokio::test]
async fn any_lines_of_a_file_come_back() {
    let project = project().await;
    let path = "queue/src/claim.rs";
    let whole = read_lines(&project.pool, project.repository, path, None).await.unwrap();
    assert_eq!((whole.start_line, whole.end_line, whole.total_lines), (1, 9, 9));
    let lines: Vec<&str> = whole.text.split_inclusive('\n').collect();
    for start in 1..=9u32 {
        for end in start..=12 {
            let part = read_lines(&project.pool, project.repository, path, Some((start, end)))
                .await
                .unwrap();
            let last = end.min(9);
            let expected = lines[usize::try_from(start - 1).unwrap()..usize::try_from(last).unwrap()].concat();
            assert_eq!((part.text, part.start_line, part.end_line), (expected, start, last));
        }
    }
    assert_eq!(whole.content_hash, *blake3::hash(path.as_bytes()).as_bytes());
}

#[tokio::test]
async fn a_line_that_was_cut_into_chunks_is_whole_again() {
    let project = empty_project().await;
    let mut cut = file(
        "long.rs",
        &[("", "first\n"), ("", "a very "), ("", "long line\n"), ("", "last")],
    );
    for (chunk, (start, end)) in cut.chunks.iter_mut().zip([(1, 1), (2, 2), (2, 2), (3, 3)]) {
        (chunk.start_line, chunk.end_line) = (start, end);
    }
    cut.line_count = 3;
    project.publish(vec![cut], &[]).await;
    let line = read_lines(&project.pool, project.repository, "long.rs", Some((2, 2)))
        .await
        .unwrap();
    assert_eq!(line.text, "a very long line\n");
    let tail = read_lines(&project.pool, project.repository, "long.rs", Some((2, 3)))
        .await
        .unwrap();
    assert_eq!(tail.text, "a very long line\nlast");
}

#[tokio::test]
async fn an_unknown_path_names_similar_ones() {
    let project = project().await;
    let unknown = read_lines(&project.pool, project.repository, "src/Claim.rs", None)
        .await
        .unwrap_err();
    let message = unknown.to_string();
    assert!(matches!(unknown, CodebaseError::NotFound { .. }));
    assert!(message.contains("queue/src/claim.rs"), "{message}");
}

#[tokio::test]
async fn lines_that_are_not_there_are_refused() {
    let project = project().await;
    for lines in [(0, 1), (3, 2), (10, 12)] {
        let refused = read_lines(&project.pool, project.repository, "queue/src/claim.rs", Some(lines)).await;
        assert!(
            matches!(refused, Err(CodebaseError::InvalidQuery(_))),
            "{lines:?}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn an_empty_file_has_no_lines() {
    let project = empty_project().await;
    project.publish(vec![file("empty.rs", &[])], &[]).await;
    let empty = read_lines(&project.pool, project.repository, "empty.rs", None)
        .await
        .unwrap();
    assert_eq!(
        (empty.text.as_str(), empty.start_line, empty.end_line, empty.total_lines),
        ("", 0, 0, 0)
    );
}

#[tokio::test]
async fn a_hit_can_be_read_again_until_its_text_changes() {
    let project = project().await;
    let hit = project.hits(&lexical("RetryPolicy")).await.remove(0);
    let chunk = chunk_by_id(&project.pool, hit.chunk_id).await.unwrap();
    assert_eq!((chunk.path, chunk.symbol), (hit.path, hit.symbol));
    project.publish(vec![], &["queue/src/retry.rs"]).await;
    let gone = chunk_by_id(&project.pool, hit.chunk_id).await;
    assert!(matches!(gone, Err(CodebaseError::NotFound { what: "chunk", .. })));
}
