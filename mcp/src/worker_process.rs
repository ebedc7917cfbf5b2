//! The worker that a session starts when none is alive on this machine. It outlives the session, because others may wait
//! for its work, and leaves when it is idle. What it writes goes to a log, and how it ended is told to whoever waits.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use quarry_lifecycle::Config;

/// It leaves after so many seconds without work: long enough for the pauses between two questions of an agent.
const IDLE_EXIT_S: &str = "300";

/// The log starts anew above this size when a worker starts; one older log is kept.
const MAX_LOG_BYTES: u64 = 1 << 20;

/// The end of the log that is looked through for the reason of a failure.
const LOG_TAIL_BYTES: u64 = 4096;

/// The worker of this session, if it started one.
#[derive(Default)]
pub(crate) struct WorkerProcess {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
enum State {
    #[default]
    NotStarted,
    Running,
    Ended(Option<ExitStatus>),
}

impl WorkerProcess {
    /// Starts `program worker` unless the one that was started before still runs.
    pub(crate) fn start(&self, program: &Path, config: &Config) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Running) {
            return Ok(());
        }
        let log_path = log_path(config.home());
        let log = open_log(&log_path).with_context(|| format!("open {}", log_path.display()))?;
        let mut command = Command::new(program);
        command
            .args(["worker", "--idle-exit-s", IDLE_EXIT_S])
            .current_dir(config.home())
            .env("QUARRY_HOME", config.home())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // What ends this session at its terminal does not end the worker.
            .process_group(0);
        if let Some(url) = config.database_url() {
            command.env("QUARRY_DATABASE_URL", url);
        }
        let mut worker = command.spawn().with_context(|| {
            format!(
                "start {} worker; start one yourself with `quarry worker`",
                program.display()
            )
        })?;
        tracing::info!(process.id = worker.id(), "started a worker, process {}", worker.id());
        *state = State::Running;
        let ended = Arc::clone(&self.state);
        std::thread::spawn(move || {
            let status = worker.wait().ok();
            *ended.lock().unwrap_or_else(PoisonError::into_inner) = State::Ended(status);
        });
        Ok(())
    }

    /// Whether the worker of this session runs.
    pub(crate) fn is_running(&self) -> bool {
        matches!(
            *self.state.lock().unwrap_or_else(PoisonError::into_inner),
            State::Running
        )
    }

    /// Why the worker of this session is gone, if it did not just leave for want of work.
    pub(crate) fn failure(&self, home: &Path) -> Option<String> {
        let ended = match *self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Ended(status) if !status.is_some_and(|status| status.success()) => status,
            _ => return None,
        };
        let how = ended.map_or_else(|| "ended".to_owned(), |status| format!("ended with {status}"));
        let log = log_path(home);
        let reason = last_line(&log).map(|line| format!(": {line}")).unwrap_or_default();
        Some(format!(
            "the worker that was started {how}{reason} (log: {})",
            log.display()
        ))
    }
}

fn log_path(home: &Path) -> PathBuf {
    home.join("logs/worker.log")
}

fn open_log(path: &Path) -> io::Result<File> {
    let directory = path.parent().expect("the log lies below the home directory");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    if fs::metadata(path).is_ok_and(|log| log.len() > MAX_LOG_BYTES) {
        fs::rename(path, path.with_extension("log.1"))?;
    }
    File::options().create(true).append(true).open(path)
}

fn last_line(log: &Path) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES))).ok()?;
    let mut tail = Vec::new();
    file.take(LOG_TAIL_BYTES).read_to_end(&mut tail).ok()?;
    let text = String::from_utf8_lossy(&tail).into_owned();
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(line.trim().chars().take(500).collect())
}
