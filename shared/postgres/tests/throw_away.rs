//! The throw-away server that all other tests of the workspace stand on.
#![allow(clippy::unwrap_used, reason = "tests")]

mod another_process;

use std::path::Path;

use another_process::{AnotherProcess, is_alive, wait_until};
use quarry_postgres::testing::{StopMode, TestServer, test_database, test_server};
use sqlx::{Connection, Executor, PgConnection, Row};

#[tokio::test]
async fn each_test_gets_an_empty_database_that_can_have_vectors() {
    let (first, second) = tokio::join!(test_database(), test_database());
    assert_ne!(first.name, second.name);
    for database in [first, second] {
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        connection.execute("create extension vector").await.unwrap();
        let row = connection
            .fetch_one("select ('[1,2]'::vector <-> '[1,4]'::vector)::float8 as distance")
            .await
            .unwrap();
        assert_eq!(row.get::<f64, _>("distance"), 2.0);
    }
}

#[test]
fn tests_with_runtimes_of_their_own_share_one_server() {
    let port = || {
        tokio::runtime::Runtime::new()
            .unwrap()
            .block_on(async { test_server().await.port() })
    };
    let ports = std::thread::scope(|scope| [scope.spawn(port), scope.spawn(port)].map(|thread| thread.join().unwrap()));
    assert_eq!(ports[0], ports[1]);
}

#[tokio::test]
async fn sessions_can_be_ended_and_the_server_crashed() {
    let server = TestServer::start_new().await;
    let database = server.create_database().await;
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    connection
        .execute("create table kept as select 1 as number")
        .await
        .unwrap();
    assert_eq!(server.terminate_backends(Some("postgres")).await, 0);
    assert_eq!(server.terminate_backends(Some(&database.name)).await, 1);
    assert!(connection.execute("select 1").await.is_err());

    server.restart(StopMode::Fast).await.unwrap();
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    assert_eq!(
        connection
            .fetch_one("select number from kept")
            .await
            .unwrap()
            .get::<i32, _>(0),
        1
    );

    server.stop(StopMode::Immediate).await.unwrap();
    assert!(connection.execute("select 1").await.is_err());
    assert!(PgConnection::connect(&database.url).await.is_err());
    server.start().await.unwrap();
    PgConnection::connect(&database.url).await.unwrap();
}

#[tokio::test]
async fn a_dropped_server_leaves_nothing() {
    let server = TestServer::start_new().await;
    let (data_dir, pid) = (server.data_dir(), pid_of(&server.data_dir()));
    drop(server);
    assert!(!data_dir.parent().unwrap().exists());
    assert!(!is_alive(pid));
}

#[test]
fn a_killed_test_process_leaves_nothing() {
    let mut process = AnotherProcess::running("holds_a_server").spawn();
    let data_dir = process.line();
    let pid = pid_of(Path::new(&data_dir));
    assert!(is_alive(pid));
    process.kill();
    wait_until("the server is gone", || !is_alive(pid));
    wait_until("its directory is gone", || {
        !Path::new(&data_dir).parent().unwrap().exists()
    });
}

/// Not a test: what the process does that is killed above.
#[tokio::test]
async fn holds_a_server() {
    if !another_process::am_i() {
        return;
    }
    let server = TestServer::start_new().await;
    another_process::say(&server.data_dir().display().to_string());
    std::io::Read::read(&mut std::io::stdin(), &mut [0]).unwrap();
}

fn pid_of(data_dir: &Path) -> u32 {
    let text = std::fs::read_to_string(data_dir.join("postmaster.pid")).unwrap();
    text.lines().next().unwrap().parse().unwrap()
}
