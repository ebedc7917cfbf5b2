//! The proof on small trees: any few edits, compared with after each, leave the index that a fresh one is. What fails is made
//! smaller by itself, so that the report names the fewest edits that show it. `PROPTEST_CASES` says how many are tried.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use system_tests::{Edit, Installation, Text, Tree};
use tokio::runtime::Handle;

use crate::installation;

/// Each is some runs of the program.
const CASES: u32 = 6;

/// Shrinking ends after so many further ones.
const SHRINKING_LIMIT: u32 = 60;

fn path() -> impl Strategy<Value = String> {
    select(&["a.py", "b.py", "d", "d/a.py", "d/e", "d/e/b.py", "D/a.py", "notes.md"][..]).prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        6 => (0..40_u64).prop_map(Text::Module),
        2 => (0..10_u64).prop_map(Text::Prose),
        1 => Just(Text::Empty),
        1 => Just(Text::Binary(1)),
        1 => path().prop_map(Text::CopyOf),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let rule_file = select(&[".gitignore", "d/.gitignore", ".quarryignore"][..]);
    let pattern = select(&["*.py", "!b.py", "d/", "/d/e", "e", ""][..]);
    prop_oneof![
        6 => (path(), text()).prop_map(|(path, text)| Edit::Write { path, text }),
        2 => (path(), text()).prop_map(|(path, text)| Edit::Replace { path, text }),
        1 => path().prop_map(|path| Edit::WriteUnderOldTime { path }),
        3 => path().prop_map(|path| Edit::Remove { path }),
        3 => (path(), path()).prop_map(|(from, to)| Edit::Rename { from, to }),
        1 => (path(), path()).prop_map(|(one, other)| Edit::Exchange { one, other }),
        1 => path().prop_map(|path| Edit::MoveIn { path, files: 3 }),
        1 => path().prop_map(|path| Edit::Link { path, target: "a.py".to_owned() }),
        2 => (rule_file, pattern).prop_map(|(path, pattern)| Edit::Write {
            path: path.to_owned(),
            text: Text::Lines(vec![pattern.to_owned()]),
        }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn any_few_edits_leave_the_index_that_a_fresh_one_is() {
    let (quarry, _endpoint) = installation().await;
    let batches = prop::collection::vec(prop::collection::vec(edit(), 1..6), 1..4);
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    let config = Config {
        cases: cases.unwrap_or(CASES),
        max_shrink_iters: SHRINKING_LIMIT,
        failure_persistence: None,
        ..Config::default()
    };
    let tried = AtomicUsize::new(0);
    let outcome = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&batches, |batches| {
            let number = tried.fetch_add(1, Ordering::Relaxed);
            Handle::current().block_on(equals_a_fresh_index(&quarry, number, &batches))
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

async fn equals_a_fresh_index(
    quarry: &Installation,
    number: usize,
    batches: &[Vec<Edit>],
) -> Result<(), TestCaseError> {
    let tree = Tree::new("small");
    tree.write("KEEP.txt", "always here\n");
    let project = format!("small_{number}");
    quarry.index(tree.root(), &project).await;
    for edits in batches {
        for edit in edits {
            // What the disk refuses has not happened.
            let _ = edit.apply(&tree);
        }
        quarry.index(tree.root(), &project).await;
    }
    let fresh = format!("fresh_{number}");
    quarry.index(tree.root(), &fresh).await;
    let (dump, wanted) = (settled_dump(quarry, &project).await, settled_dump(quarry, &fresh).await);
    prop_assert_eq!(dump, wanted);
    Ok(())
}

/// The status of a repository is written a moment after its last job is done.
async fn settled_dump(quarry: &Installation, project: &str) -> Vec<String> {
    let status = "select count(*) from codebase.repositories where indexing_status = 'in_progress'";
    system_tests::wait_until_async("the status is written", async || {
        quarry.rows(project, status).await == ["0"]
    })
    .await;
    quarry.dump(project).await
}
