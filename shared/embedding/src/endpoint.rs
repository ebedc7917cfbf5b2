//! Finds the built-in embedding endpoint of a home directory, starts it where none runs, and stops it.
//! Hands its address to whoever wants to embed; several processes at once start exactly one, under a file lock.
//! Never embeds and never waits without a bound.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::built_in_state::{BUILT_IN_MODEL, BuiltInState, STOP_KEY_HEADER};
use crate::error::EmbeddingError;
use crate::transport::http_client;

/// An endpoint on this machine that is alive answers a health question in milliseconds, also on a busy one within this.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);
/// Loading the model takes about 10 ms; the rest is room for a machine that is swapping.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Whoever holds the lock is starting or stopping the endpoint, which has its own bounds below this.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);
/// Requests under way get 10 s to finish when the endpoint stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
/// Between two looks at the lock, the state file or a stopping endpoint.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// The endpoint ends itself after this time without a request: an hour outlasts the pauses of a working day.
const IDLE_EXIT_SECS: &str = "3600";
/// The log starts anew above this size when the endpoint starts; one older log is kept.
const MAX_LOG_BYTES: u64 = 1 << 20;
/// The endpoint needs none of these, and a process that has no secret cannot leak it.
const SECRET_VARIABLES: [&str; 4] = [
    "QUARRY_EMBEDDING_API_KEY",
    "QUARRY_DATABASE_URL",
    "DATABASE_URL",
    "PGPASSWORD",
];

/// The address of the built-in endpoint of `home`. If none runs there, starts `program embedder` as a process of its
/// own that outlives this one and ends itself when it has been idle for an hour. An endpoint left by an older version
/// is replaced; one of a newer version is used if it serves the same model.
///
/// # Errors
/// The endpoint does not start, files below `home` cannot be used, or a newer version with another model runs.
pub async fn built_in_endpoint(home: &Path, program: &Path) -> Result<String, EmbeddingError> {
    let files = Files::of(home);
    if let Some(Running::Usable(state)) = find_running(&files).await? {
        return Ok(state.url);
    }
    let _lock = lock(&files).await?;
    match find_running(&files).await? {
        Some(Running::Usable(state)) => return Ok(state.url),
        // It gets to finish its requests; the new one listens elsewhere and need not wait for that.
        Some(Running::Outdated(state)) => ask_to_stop(&state).await?,
        None => {}
    }
    remove_if_there(&files.state)?;
    start(&files, home, program).await
}

/// Stops the built-in endpoint of `home` and waits until it no longer answers. Says whether there was one to stop.
///
/// # Errors
/// It does not end within 15 s, or files below `home` cannot be used.
pub async fn stop_built_in(home: &Path) -> Result<bool, EmbeddingError> {
    let files = Files::of(home);
    if !files.state.exists() {
        return Ok(false);
    }
    let _lock = lock(&files).await?;
    let state = match BuiltInState::read(&files.state) {
        Some(state) if is_alive(&state).await? => state,
        _ => {
            remove_if_there(&files.state)?;
            return Ok(false);
        }
    };
    ask_to_stop(&state).await?;
    let deadline = Instant::now() + STOP_TIMEOUT;
    while is_alive(&state).await? {
        if Instant::now() > deadline {
            return Err(EmbeddingError::BuiltInNotStopped { pid: state.pid });
        }
        sleep(LOOK_AGAIN).await;
    }
    remove_if_there(&files.state)?;
    Ok(true)
}

struct Files {
    state: PathBuf,
    lock: PathBuf,
    log: PathBuf,
}

impl Files {
    fn of(home: &Path) -> Self {
        Self {
            state: home.join("run/embedder.json"),
            lock: home.join("run/embedder.lock"),
            log: home.join("logs/embedder.log"),
        }
    }
}

enum Running {
    Usable(BuiltInState),
    Outdated(BuiltInState),
}

/// The endpoint the state file tells of, if it answers as that very run.
async fn find_running(files: &Files) -> Result<Option<Running>, EmbeddingError> {
    let Some(state) = BuiltInState::read(&files.state) else {
        return Ok(None);
    };
    if !is_alive(&state).await? {
        return Ok(None);
    }
    let ours = env!("CARGO_PKG_VERSION");
    if is_older(&state.version, ours) {
        return Ok(Some(Running::Outdated(state)));
    }
    if state.model == BUILT_IN_MODEL {
        return Ok(Some(Running::Usable(state)));
    }
    if is_older(ours, &state.version) {
        // Replacing it would have the newer program replace ours again, and so on.
        return Err(EmbeddingError::NewerBuiltIn {
            version: state.version,
            model: state.model,
        });
    }
    Ok(Some(Running::Outdated(state)))
}

#[derive(Deserialize)]
struct Health {
    instance: String,
    model: String,
}

/// Whether the address answers as this run of the endpoint. After a crash its port may belong to anybody, who must
/// not be sent source texts.
async fn is_alive(state: &BuiltInState) -> Result<bool, EmbeddingError> {
    let Ok(base) = Url::parse(&state.url) else {
        return Ok(false);
    };
    let http = http_client(&base, HEALTH_TIMEOUT, HEALTH_TIMEOUT)?;
    let Ok(response) = http.get(format!("{}/healthz", state.url)).send().await else {
        return Ok(false);
    };
    if !response.status().is_success() || response.content_length().is_none_or(|length| length > 4096) {
        return Ok(false);
    }
    let Ok(body) = response.bytes().await else {
        return Ok(false);
    };
    let health = serde_json::from_slice::<Health>(&body);
    Ok(health.is_ok_and(|health| health.instance == state.instance && health.model == state.model))
}

async fn ask_to_stop(state: &BuiltInState) -> Result<(), EmbeddingError> {
    let base = Url::parse(&state.url).map_err(|error| EmbeddingError::InvalidUrl {
        reason: error.to_string(),
    })?;
    let http = http_client(&base, HEALTH_TIMEOUT, HEALTH_TIMEOUT)?;
    let asked = http
        .post(format!("{}/stop", state.url))
        .header(STOP_KEY_HEADER, &state.stop_key)
        .send()
        .await;
    if let Err(error) = asked {
        tracing::debug!(
            "asking the built-in embedding endpoint to stop failed: {}",
            error.without_url()
        );
    }
    Ok(())
}

async fn start(files: &Files, home: &Path, program: &Path) -> Result<String, EmbeddingError> {
    let mut child = spawn(files, home, program)?;
    let not_started = |reason: String| EmbeddingError::BuiltInNotStarted {
        reason,
        log: files.log.clone(),
    };
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        if let Some(state) = BuiltInState::read(&files.state)
            && is_alive(&state).await?
        {
            tracing::info!(
                endpoint.url = state.url,
                process.id = state.pid,
                "built-in embedding endpoint started"
            );
            reap(child);
            return Ok(state.url);
        }
        if let Some(status) = child.try_wait().map_err(|error| not_started(error.to_string()))? {
            return Err(not_started(format!("{} ended at once ({status})", program.display())));
        }
        if Instant::now() > deadline {
            let killed = child.kill();
            reap(child);
            let note = if killed.is_ok() { "" } else { ", and could not be ended" };
            return Err(not_started(format!(
                "it was not ready within {} s{note}",
                START_TIMEOUT.as_secs()
            )));
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// A process group of its own keeps Ctrl-C at this terminal from ending an endpoint that others use too.
fn spawn(files: &Files, home: &Path, program: &Path) -> Result<Child, EmbeddingError> {
    let log = open_log(&files.log).map_err(|source| file_error(&files.log, source))?;
    let log_too = log.try_clone().map_err(|source| file_error(&files.log, source))?;
    let mut command = Command::new(program);
    command
        .args([
            "embedder",
            "--listen",
            "127.0.0.1:0",
            "--idle-exit-s",
            IDLE_EXIT_SECS,
            "--state",
        ])
        .arg(&files.state)
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(log_too)
        .process_group(0);
    for variable in SECRET_VARIABLES {
        command.env_remove(variable);
    }
    command.spawn().map_err(|error| EmbeddingError::BuiltInNotStarted {
        reason: format!("{}: {error}", program.display()),
        log: files.log.clone(),
    })
}

/// Waits for the endpoint's end beside everything else, so that it does not stay a zombie while this process lives.
fn reap(mut child: Child) {
    std::thread::spawn(move || child.wait());
}

fn open_log(path: &Path) -> io::Result<File> {
    make_directory_of(path)?;
    if fs::metadata(path).is_ok_and(|log| log.len() > MAX_LOG_BYTES) {
        fs::rename(path, path.with_extension("log.1"))?;
    }
    File::options().create(true).append(true).open(path)
}

/// Released when the file is dropped, also by a process that is killed.
async fn lock(files: &Files) -> Result<File, EmbeddingError> {
    let failed = |source| file_error(&files.lock, source);
    make_directory_of(&files.lock).map_err(failed)?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&files.lock)
        .map_err(failed)?;
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                return Err(failed(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "another process keeps it locked",
                )));
            }
            Err(TryLockError::WouldBlock) => sleep(LOOK_AGAIN).await,
        }
    }
}

fn make_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().expect("the files lie below the home directory");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

fn remove_if_there(path: &Path) -> Result<(), EmbeddingError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(path, error)),
        _ => Ok(()),
    }
}

fn file_error(path: &Path, source: io::Error) -> EmbeddingError {
    EmbeddingError::BuiltInFile {
        path: path.to_owned(),
        source,
    }
}

/// Compares versions of the form 1.2.3; anything behind the numbers is ignored.
fn is_older(version: &str, than: &str) -> bool {
    let numbers = |version: &str| -> Vec<u64> {
        let release = version.split(['-', '+']).next().unwrap_or_default();
        release.split('.').map(|number| number.parse().unwrap_or(0)).collect()
    };
    numbers(version) < numbers(than)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_older("0.9.0", "0.10.0"));
        assert!(is_older("1.0.0-rc.1", "1.0.1"));
        assert!(!is_older("1.2.3", "1.2.3"));
        assert!(!is_older("2.0.0", "1.9.9"));
    }
}
