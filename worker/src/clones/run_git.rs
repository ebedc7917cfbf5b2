//! Runs git so that nothing but git runs, and not for longer or into more bytes than allowed. Hands out what it said.
//! Knows no command of its own: see fetch.rs and check_out.rs.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::{Instant, MissedTickBehavior};

use super::{CloneError, explain, size_of};

/// How often the size of what arrives is looked at: at 1 Gbit/s 25 MB may pass unseen.
const LOOK_AT_SIZE_EVERY: Duration = Duration::from_millis(200);

/// The end of what git says on standard error is where the reason is.
const KEPT_OF_STDERR: usize = 8 * 1024;

/// A program that answers with its version takes milliseconds; on a loaded machine seconds.
const VERSION_WITHIN: Duration = Duration::from_secs(10);

/// How git is run on this machine.
pub(super) struct Git {
    /// For `GIT_ALLOW_PROTOCOL`.
    pub(super) protocols: String,
    /// Commits of history; none: all.
    pub(super) depth: Option<u64>,
    pub(super) max_bytes: u64,
    pub(super) timeout: Duration,
}

/// Whose configuration git reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// The user's: it knows credentials, keys and proxies.
    UsersConfig,
    /// None: nothing that is needed to unpack files stands there, but filters may.
    Nothing,
}

/// One run of git.
pub(super) struct GitRun<'git> {
    git: &'git Git,
    command: Command,
    grows: Option<PathBuf>,
}

/// The process and all it has started: a git that is killed alone leaves its transport running.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // It may have ended in this moment.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Git {
    pub(super) async fn is_installed(&self) -> bool {
        let run = Command::new("git")
            .arg("--version")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let answered = tokio::time::timeout(VERSION_WITHIN, run).await;
        matches!(answered, Ok(Ok(output)) if output.status.success())
    }

    /// A run that talks to a server, with the user's configuration.
    pub(super) fn remote(&self) -> GitRun<'_> {
        let mut run = self.run(Reads::UsersConfig);
        let seconds = self.timeout.as_secs();
        // Bounds also a transport whose worker was killed and watches over it no more.
        let low_speed_time = format!("http.lowSpeedTime={seconds}");
        for setting in [
            "http.followRedirects=false", // a redirect leads to hosts that nobody allowed
            "http.lowSpeedLimit=1",
            &low_speed_time,
            "credential.interactive=false",
            "transfer.bundleURI=false", // the server would name other servers
            "fetch.uriProtocols=",
            "fetch.recurseSubmodules=false",
            "fetch.unpackLimit=1", // one pack, which appears whole or not at all
            "fetch.writeCommitGraph=false",
            "gc.auto=0",
            "maintenance.auto=false",
        ] {
            run.command.args(["-c", setting]);
        }
        run
    }

    /// A run that stays on this machine and reads no configuration but the cache's own.
    pub(super) fn local(&self) -> GitRun<'_> {
        self.run(Reads::Nothing)
    }

    fn run(&self, reads: Reads) -> GitRun<'_> {
        let mut command = Command::new("git");
        for (name, _) in std::env::vars_os() {
            if !may_inherit(&name, reads) {
                command.env_remove(name);
            }
        }
        command
            .env("GIT_ALLOW_PROTOCOL", &self.protocols)
            .env("GIT_TERMINAL_PROMPT", "0")
            // Nobody sits in front of a worker. Ssh asks this program instead of the terminal, and it says no.
            .env("SSH_ASKPASS", "false")
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("GCM_INTERACTIVE", "never")
            .env("GIT_LFS_SKIP_SMUDGE", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("LC_ALL", "C");
        if std::env::var_os("GIT_ASKPASS").is_none() {
            command.env("GIT_ASKPASS", "");
        }
        if reads == Reads::Nothing {
            command
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .env("GIT_ATTR_NOSYSTEM", "1")
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                // For a git that does not know that variable yet.
                .env("HOME", "/dev/null")
                .env("XDG_CONFIG_HOME", "/dev/null");
        }
        for setting in [
            "core.hooksPath=/dev/null",
            "core.fsmonitor=false",
            "submodule.recurse=false",
        ] {
            command.args(["-c", setting]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        GitRun {
            git: self,
            command,
            grows: None,
        }
    }
}

/// Variables that say which repository git works on, or what it writes where, are another program's. `GIT_SSH_COMMAND`,
/// `GIT_ASKPASS` and proxies are how people give git its credentials, and stay.
fn may_inherit(name: &OsStr, reads: Reads) -> bool {
    let name = name.to_string_lossy();
    let Some(rest) = name.strip_prefix("GIT_") else {
        return true;
    };
    let credentials = ["SSH", "ASKPASS", "SSL_", "HTTP_", "PROXY_", "CONFIG", "CURL_"];
    let is_kept = credentials.iter().any(|kept| rest.starts_with(kept)) || rest == "EXEC_PATH";
    is_kept && rest != "CURL_VERBOSE" && (reads == Reads::UsersConfig || rest == "EXEC_PATH")
}

impl GitRun<'_> {
    pub(super) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(super) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(super) fn current_dir(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    pub(super) fn stdin(mut self, file: std::fs::File) -> Self {
        self.command.stdin(file);
        self
    }

    /// Ends the run when the files below `directory` come to more than the limit.
    pub(super) fn watching(mut self, directory: &Path) -> Self {
        self.grows = Some(directory.to_owned());
        self
    }

    /// Runs to the end; an output above `max_bytes` is an error.
    pub(super) async fn output(self, max_bytes: usize) -> Result<String, CloneError> {
        let mut said = Vec::new();
        self.read(|bytes| {
            said.extend_from_slice(bytes);
            if said.len() > max_bytes {
                ControlFlow::Break(CloneError::Refused("the server answers without end".to_owned()))
            } else {
                ControlFlow::Continue(())
            }
        })
        .await?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// Runs to the end and hands on what it says as it comes; a sink that breaks ends the run.
    pub(super) async fn read(
        mut self,
        mut sink: impl FnMut(&[u8]) -> ControlFlow<CloneError>,
    ) -> Result<(), CloneError> {
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(error) => return Err(CloneError::Refused(format!("git cannot be started: {error}"))),
        };
        let mut group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let complaints = tokio::spawn(end_of(child.stderr.take()));
        let mut stdout = child.stdout.take();
        let deadline = Instant::now() + self.git.timeout;
        let mut tick = tokio::time::interval(LOOK_AT_SIZE_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut buffer = vec![0; 64 * 1024];
        let status = loop {
            tokio::select! {
                read = read_some(&mut stdout, &mut buffer), if stdout.is_some() => match read? {
                    0 => stdout = None,
                    count => {
                        if let ControlFlow::Break(error) = sink(&buffer[..count]) {
                            return Err(error);
                        }
                    }
                },
                status = child.wait(), if stdout.is_none() => break status?,
                _ = tick.tick() => self.check_size().await?,
                () = tokio::time::sleep_until(deadline) => {
                    return Err(CloneError::Refused(format!(
                        "git did not finish within {} s: the server is slow or hangs; git.timeout_s (QUARRY_GIT_TIMEOUT_S) \
                         gives it longer",
                        self.git.timeout.as_secs()
                    )));
                }
            }
        };
        group.0 = None;
        // The last bytes may have come between two looks.
        self.check_size().await?;
        if status.success() {
            return Ok(());
        }
        // A helper that git has left behind may hold the stream open.
        let said = tokio::time::timeout(Duration::from_secs(1), complaints).await;
        Err(explain::explain(&said.ok().and_then(Result::ok).unwrap_or_default()))
    }

    async fn check_size(&self) -> Result<(), CloneError> {
        let Some(directory) = self.grows.clone() else {
            return Ok(());
        };
        let size = super::blocking(move || Ok(size_of(&directory))).await?;
        if size > self.git.max_bytes {
            return Err(CloneError::TooLarge {
                max_bytes: self.git.max_bytes,
            });
        }
        Ok(())
    }
}

async fn read_some(stream: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> std::io::Result<usize> {
    match stream {
        Some(stream) => stream.read(buffer).await,
        None => Ok(0),
    }
}

async fn end_of(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut kept = Vec::new();
    let mut buffer = vec![0; 4096];
    let Some(mut stream) = stream else { return String::new() };
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..count]);
        if kept.len() > 2 * KEPT_OF_STDERR {
            kept.drain(..kept.len() - KEPT_OF_STDERR);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}
