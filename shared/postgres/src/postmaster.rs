//! Starts and stops the one server of a data directory, and says whether it runs.
//! Hands out the port it answers on. Never decides which installation or which data directory: see ensure_running.rs.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::find::Installation;
use crate::unprivileged::ServerAccount;
use crate::{PostgresError, process, program};

/// How long a start may take. After a crash the server first replays up to `max_wal_size` of log: minutes on a slow disk.
const START_LIMIT: Duration = Duration::from_secs(300);
/// A fast stop writes out the shared buffers.
const FAST_STOP_LIMIT: Duration = Duration::from_secs(60);
const IMMEDIATE_STOP_LIMIT: Duration = Duration::from_secs(15);
/// The children of a killed postmaster notice within a second or so; until then its memory segment is in use.
const ORPHANS_LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);
/// A local server answers at once, or it hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// Another program may take the port between our look and the start.
const PORT_ATTEMPTS: u32 = 5;
const QUOTED_LINES: usize = 12;

/// What `postmaster.pid` says, which the server keeps up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PidFile {
    pub(crate) pid: u32,
    pub(crate) port: u16,
    pub(crate) ready: bool,
}

/// What is known about the server of a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Liveness {
    /// It answers.
    Ready(PidFile),
    /// Its process runs but does not take connections: starting, recovering or stopping.
    Busy(PidFile),
    /// No such process, whatever files are left.
    Gone,
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Ends the sessions and writes everything out: the next start is quick.
    Fast,
    /// Ends at once, as in a crash: the next start recovers.
    Immediate,
}

/// Which port to take.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Port {
    /// This one if it is free, else one near it, else any.
    Prefer(u16),
    /// This one or fail: clients know it.
    Exactly(u16),
    /// Any.
    Any,
}

/// One server to be started.
#[derive(Debug)]
pub(crate) struct Postmaster<'a> {
    pub(crate) installation: &'a Installation,
    pub(crate) account: &'a ServerAccount,
    pub(crate) data_dir: &'a Path,
    /// Where the server's words go; writable for the account.
    pub(crate) log_dir: &'a Path,
}

impl Postmaster<'_> {
    /// Starts the server and waits until it takes connections; returns its port.
    pub(crate) fn start(&self, port: Port) -> Result<u16, PostgresError> {
        let began = Instant::now();
        let mut attempt = 1;
        let mut wanted = port;
        loop {
            let port = choose_port(wanted)?;
            let error = match self.start_on(port) {
                Ok(()) => return Ok(port),
                Err(error) => error,
            };
            let PostgresError::Start { log, .. } = &error else {
                return Err(error);
            };
            let port_taken = log.contains("could not bind") || log.contains("could not create any TCP/IP sockets");
            let orphans = log.contains("shared memory block") && log.contains("still in use");
            if port_taken && attempt < PORT_ATTEMPTS && !matches!(wanted, Port::Exactly(_)) {
                attempt += 1;
                wanted = Port::Any;
            } else if orphans && began.elapsed() < ORPHANS_LIMIT {
                std::thread::sleep(Duration::from_millis(500));
            } else {
                return Err(error.writing_below(self.data_dir));
            }
        }
    }

    fn start_on(&self, port: u16) -> Result<(), PostgresError> {
        let log = self.log_dir.join("start.log");
        // Only this start's words: an older complaint must not be taken for a new one.
        std::fs::remove_file(&log).ok();
        let already_logged = newest_log_length(self.log_dir);
        let mut command = self.account.command(&self.installation.bin_dir.join("pg_ctl"));
        command
            .arg("start")
            .arg("--pgdata")
            .arg(self.data_dir)
            .arg("--log")
            .arg(&log)
            .arg("--wait");
        command.arg("--timeout").arg(START_LIMIT.as_secs().to_string());
        command.arg("--options").arg(format!("-p {port}"));
        let outcome = program::run(command, START_LIMIT + Duration::from_secs(10));
        match outcome {
            Ok(_) => Ok(()),
            Err(PostgresError::Program { output, .. }) => {
                if let Liveness::Busy(_) = liveness(self.data_dir) {
                    let waited_secs = START_LIMIT.as_secs();
                    return Err(PostgresError::StillStarting {
                        data_dir: self.data_dir.to_owned(),
                        waited_secs,
                    });
                }
                let words = [output, read_text(&log), words_since(self.log_dir, already_logged)].join("\n");
                let log = program::last_lines(&words, QUOTED_LINES);
                Err(PostgresError::Start {
                    data_dir: self.data_dir.to_owned(),
                    log,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until a server that another process started is ready; none when it went away instead.
    pub(crate) fn wait_until_ready(&self) -> Result<Option<PidFile>, PostgresError> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            match liveness(self.data_dir) {
                Liveness::Ready(pid_file) => return Ok(Some(pid_file)),
                Liveness::Gone => return Ok(None),
                Liveness::Busy(_) if Instant::now() >= deadline => {
                    let waited_secs = START_LIMIT.as_secs();
                    return Err(PostgresError::StillStarting {
                        data_dir: self.data_dir.to_owned(),
                        waited_secs,
                    });
                }
                Liveness::Busy(_) => std::thread::sleep(POLL),
            }
        }
    }

    /// Stops the server, first in the given mode, then, past a bound, in immediate mode. False when none was running.
    pub(crate) fn stop(&self, mode: StopMode) -> Result<bool, PostgresError> {
        let (Liveness::Ready(PidFile { pid, .. }) | Liveness::Busy(PidFile { pid, .. })) = liveness(self.data_dir)
        else {
            return Ok(false);
        };
        let fast = [("fast", FAST_STOP_LIMIT), ("immediate", IMMEDIATE_STOP_LIMIT)];
        let steps = if mode == StopMode::Fast { &fast[..] } else { &fast[1..] };
        let mut waited_secs = 0;
        for (name, limit) in steps {
            let mut command = self.account.command(&self.installation.bin_dir.join("pg_ctl"));
            command
                .arg("stop")
                .arg("--pgdata")
                .arg(self.data_dir)
                .args(["--mode", name, "--wait"]);
            command.arg("--timeout").arg(limit.as_secs().to_string());
            let outcome = program::run(command, *limit + Duration::from_secs(10));
            // The process is the truth: pg_ctl also fails when the server went away by itself in between.
            if !process::is_postgres(pid) {
                return Ok(true);
            }
            tracing::warn!(pid, mode = name, error = ?outcome.err(), "Postgres did not stop in {name} mode");
            waited_secs += limit.as_secs();
        }
        Err(PostgresError::Stop {
            data_dir: self.data_dir.to_owned(),
            pid,
            waited_secs,
        })
    }
}

/// Whether the server of `data_dir` runs and answers. Takes no lock and needs no password.
pub(crate) fn liveness(data_dir: &Path) -> Liveness {
    match read_pid_file(data_dir) {
        Some(pid_file) if !process::is_postgres(pid_file.pid) => Liveness::Gone,
        Some(pid_file) if pid_file.ready && answers(pid_file.port) => Liveness::Ready(pid_file),
        Some(pid_file) => Liveness::Busy(pid_file),
        None => Liveness::Gone,
    }
}

/// Lines of the file: pid, data directory, start time, port, socket directory, address, shared memory, status.
fn read_pid_file(data_dir: &Path) -> Option<PidFile> {
    let text = std::fs::read_to_string(data_dir.join("postmaster.pid")).ok()?;
    let line = |number: usize| text.lines().nth(number).map(str::trim);
    let pid = line(0)?.parse().ok()?;
    // A server that has only begun to start has not written its port yet.
    let port = line(3).and_then(|port| port.parse().ok()).unwrap_or(0);
    Some(PidFile {
        pid,
        port,
        ready: line(7) == Some("ready"),
    })
}

/// Removes a pid file whose number now belongs to another program (usual in containers, where numbers repeat) or to a
/// finished process that nobody collects (containers again): Postgres itself would refuse to start. That of a vanished
/// process is left to Postgres, which also looks for surviving children; here that is done by their working directory.
pub(crate) fn remove_misleading_pid_file(data_dir: &Path) -> Result<(), PostgresError> {
    let Some(PidFile { pid, .. }) = read_pid_file(data_dir) else {
        return Ok(());
    };
    if !process::number_is_taken(pid) || process::is_postgres(pid) {
        return Ok(());
    }
    let deadline = Instant::now() + ORPHANS_LIMIT;
    while let Some(orphan) = process::working_in(data_dir) {
        if Instant::now() >= deadline {
            let waited_secs = ORPHANS_LIMIT.as_secs();
            return Err(PostgresError::Stop {
                data_dir: data_dir.to_owned(),
                pid: orphan,
                waited_secs,
            });
        }
        std::thread::sleep(POLL);
    }
    let path = data_dir.join("postmaster.pid");
    tracing::warn!(
        pid,
        "no server has process id {pid} any more: removing the stale pid file"
    );
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(PostgresError::from_io("remove", &path, source)),
        _ => Ok(()),
    }
}

/// Asks a question that every Postgres answers with one letter (whether it speaks TLS), and nothing else does.
fn answers(port: u16) -> bool {
    const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), ANSWER_LIMIT)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.write_all(&TLS_REQUEST)?;
        let mut answer = [0];
        stream.read_exact(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    ask().is_ok_and(|answer| matches!(&answer, b"S" | b"N"))
}

/// A port that nobody listens on at the moment.
fn choose_port(wanted: Port) -> Result<u16, PostgresError> {
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    match wanted {
        Port::Exactly(port) => return Ok(port),
        // Its neighbours next: they too are outside the range of outgoing connections, if it was.
        Port::Prefer(port) => {
            if let Some(free) = (port..port.saturating_add(100)).find(|port| is_free(*port)) {
                return Ok(free);
            }
        }
        Port::Any => {}
    }
    let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    any.map(|address| address.port())
        .map_err(|source| PostgresError::from_io("find a free port on", Path::new("127.0.0.1"), source))
}

fn read_text(path: &Path) -> String {
    std::fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

/// The log that the running server writes, and how long it is: the server changes files once a day.
fn newest_log_length(log_dir: &Path) -> Option<(PathBuf, usize)> {
    let entries = std::fs::read_dir(log_dir).ok()?.flatten();
    let logs = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("postgresql-"));
    let newest = logs.max_by_key(|entry| entry.metadata().and_then(|metadata| metadata.modified()).ok())?;
    Some((newest.path(), read_text(&newest.path()).len()))
}

fn words_since(log_dir: &Path, before: Option<(PathBuf, usize)>) -> String {
    let Some((path, _)) = newest_log_length(log_dir) else {
        return String::new();
    };
    let text = read_text(&path);
    match before {
        Some((old_path, length)) if old_path == path => text.get(length..).unwrap_or(&text).to_owned(),
        _ => text,
    }
}
