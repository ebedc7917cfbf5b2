//! Asking for an index run, following it, and the worker that a session starts for it.

use std::process::Command;
use std::time::Duration;

use quarry_queue::{ClaimFilter, FollowUp, Outcome, TIME_TO_LIVE, claim, register_worker, settle};
use serde_json::json;

use crate::prepared::prepared;
use crate::session::{HOST, read, wait_until};

/// Starting a process on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_job_is_followed_to_its_end() {
    let prepared = prepared().await;
    let queue = prepared.registry.pool().clone();
    let worker = register_worker(&queue, HOST, 1, "test", TIME_TO_LIVE * 10)
        .await
        .unwrap();
    let mut session = prepared.setup.greeted();

    let job = session.call("index_repository", json!({ "path": "." }));
    assert_eq!(
        (&job["state"], &job["project"], &job["deduplicated"]),
        (&json!("waiting"), &json!("shop"), &json!(false))
    );
    let again = session.call("index_repository", json!({ "path": "src" }));
    assert_eq!(
        (&again["deduplicated"], &again["repository"]),
        (&json!(true), &json!(session.setup.repository()))
    );
    let waiting = session.call("search_code", json!({ "query": "claim_job" }));
    assert_eq!(waiting["index"]["state"], "pending");

    let claims = claim(&queue, &worker, &ClaimFilter::everything(HOST), 1).await.unwrap();
    let asked = json!({ "job_id": job["job_id"] });
    assert_eq!(session.call("get_job", asked.clone())["state"], "running");
    let counts = json!({ "files_total": 2, "files_indexed": 1, "files_skipped": { "binary": 3 }, "chunks": 4 });
    settle(&queue, &claims[0], &[], Outcome::Succeeded, counts, FollowUp::default())
        .await
        .unwrap();
    let done = session.call("get_job", json!({ "job_id": job["job_id"], "wait_s": 30 }));
    assert_eq!((&done["state"], &done["project"]), (&json!("done"), &json!("shop")));
    let counts = &done["counts"];
    assert_eq!(
        (&counts["files_indexed"], &counts["files_skipped"], &counts["chunks"]),
        (&json!(1), &json!(3), &json!(4))
    );
    session.close();
}

#[tokio::test]
async fn only_what_lies_below_a_root_is_indexed() {
    let prepared = prepared().await;
    let elsewhere = prepared.setup.path("elsewhere");
    std::os::unix::fs::symlink(&elsewhere, prepared.setup.path("shop/link")).unwrap();
    let mut session = prepared.setup.greeted();
    for path in [elsewhere.to_str().unwrap(), "link", "/", ".."] {
        let refused = session.refusal("index_repository", json!({ "path": path }));
        assert!(refused.contains("outside what this server may index"), "{refused}");
    }
    let refused = session.refusal("index_repository", json!({ "path": "src/claim.rs" }));
    assert!(refused.contains("is a file"), "{refused}");
    let refused = session.refusal("index_repository", json!({ "path": "gone" }));
    assert!(refused.contains("cannot open the directory gone"), "{refused}");

    let setup = session.close().arguments(&["--root", elsewhere.to_str().unwrap()]);
    let mut session = setup.greeted();
    let job = session.call("index_repository", json!({ "path": elsewhere.to_str().unwrap() }));
    assert_eq!(
        job["project"], "elsewhere",
        "a directory that is not indexed gets a project of its own"
    );
    session.close();
}

#[tokio::test]
async fn a_git_url_needs_a_list_of_hosts_and_is_refused_without_repeating_secrets() {
    let prepared = prepared().await;
    let mut session = prepared.setup.greeted();
    let refused = session.refusal(
        "index_repository",
        json!({ "path": "https://git.invalid/team/tools.git" }),
    );
    assert!(refused.contains("QUARRY_GIT_ALLOWED_HOSTS"), "{refused}");

    let setup = session.close().variable("QUARRY_GIT_ALLOWED_HOSTS", "git.invalid");
    let mut session = setup.greeted();
    for (url, reason) in [
        ("https://other.invalid/team/tools", "other.invalid may not be cloned"),
        ("https://169.254.169.254/latest", "may not be cloned"),
        ("http://git.invalid/team/tools", "git.allowed_protocols"),
        ("https://someone:hunter2@git.invalid/r", "credential helper"),
        ("ext::sh -c id", "no git URL"),
        ("file:///etc", "give the path of the directory"),
    ] {
        let refused = session.refusal("index_repository", json!({ "path": url }));
        assert!(
            refused.contains(reason) && !refused.contains("hunter2"),
            "{url}: {refused}"
        );
    }
    let job = session.call(
        "index_repository",
        json!({ "path": "https://git.invalid/team/tools.git" }),
    );
    assert_eq!(
        (&job["project"], &job["repository"]),
        (&json!("tools"), &json!("https://git.invalid/team/tools"))
    );
    let again = session.call(
        "index_repository",
        json!({ "path": "https://GIT.invalid:443/team/tools/" }),
    );
    assert_eq!(again["deduplicated"], true);
    session.close();
}

#[tokio::test]
async fn a_session_for_a_project_that_nobody_made_makes_it() {
    let mut session = prepared().await.setup.arguments(&["--project", "fresh"]).greeted();
    let refused = session.refusal("search_code", json!({ "query": "a" }));
    assert!(refused.contains("no project is named fresh"), "{refused}");
    let job = session.call("index_repository", json!({ "path": "." }));
    assert_eq!(job["project"], "fresh");
    session.close();
}

#[tokio::test]
async fn a_worker_that_fails_is_not_waited_for_and_says_why() {
    let prepared = prepared().await;
    let called = prepared.setup.path("home/called");
    let mut session = prepared.setup.greeted();
    let job = session.call("index_repository", json!({ "path": ".", "wait_s": 30 }));
    assert_eq!(job["state"], "waiting");
    let note = job["note"].as_str().unwrap();
    assert!(
        note.contains("exit status: 3") && note.contains("no worker today"),
        "{note}"
    );
    assert!(read(&called).unwrap().contains("worker --idle-exit-s 300"));
    session.close();
}

#[tokio::test]
async fn a_worker_outlives_the_session_that_started_it() {
    let prepared = prepared().await;
    let pid_file = prepared.setup.path("home/pid");
    let setup = prepared
        .setup
        .quarry("echo $$ > \"$QUARRY_HOME/pid\"\nexec sleep 300\n");
    let mut session = setup.greeted();
    let first = session.call("index_repository", json!({ "path": "." }));
    let pid = wait_until(STARTS_WITHIN, || read(&pid_file));
    let pid = pid.trim();
    std::fs::remove_file(&pid_file).unwrap();
    let second = session.call("index_repository", json!({ "path": "." }));
    assert!(first["note"].is_null() && second["note"].is_null(), "{first} {second}");
    let _setup = session.close();
    let killed = Command::new("kill").arg(pid).status().unwrap();
    assert!(killed.success(), "the worker ended with its session");
    assert!(!pid_file.exists(), "a second worker was started beside the first");
}
