//! Runs the programs that everything here is made of (initdb, pg_ctl, pip, id), each with a bound on its time.
//! Hands back what a program printed, or an error that quotes the end of it. Never leaves a timed-out program running.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::PostgresError;

/// How much of a failed program's output an error quotes.
const QUOTED_LINES: usize = 20;

/// Short enough not to slow down a start, long enough to cost nothing.
const POLL: Duration = Duration::from_millis(5);

/// Runs `command` to its end and returns what it wrote to its standard output.
///
/// The output goes through unnamed files, not pipes: a server that outlives `pg_ctl` would keep a pipe open for ever. The
/// program gets a process group of its own, so that Ctrl-C during a start does not leave half of one.
pub(crate) fn run(mut command: Command, limit: Duration) -> Result<String, PostgresError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |source| PostgresError::from_io("write to", &std::env::temp_dir(), source);
    let mut stdout = tempfile::tempfile().map_err(failed)?;
    let mut stderr = tempfile::tempfile().map_err(failed)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(stdout.try_clone().map_err(failed)?)
        .stderr(stderr.try_clone().map_err(failed)?)
        .process_group(0)
        .spawn()
        .map_err(|source| PostgresError::Io {
            action: "run",
            path: name.clone().into(),
            source,
        })?;
    let Some(status) = wait(&mut child, limit).map_err(failed)? else {
        end_group(&mut child);
        return Err(PostgresError::TimedOut {
            program: name,
            limit_secs: limit.as_secs(),
        });
    };
    let printed = text(&mut stdout).map_err(failed)?;
    if status.success() {
        return Ok(printed);
    }
    let complaint = text(&mut stderr).map_err(failed)?;
    let output = last_lines(&format!("{printed}\n{complaint}"), QUOTED_LINES);
    Err(PostgresError::Program {
        program: name,
        status: status.to_string(),
        output,
    })
}

/// The last `count` lines of `text` that are not empty.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Waits for a child, at most `limit`; none when it still runs.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

fn end_group(child: &mut Child) {
    let group = format!("kill -KILL -{}", child.id());
    // The group first (pip and initdb have children), then the child itself in case there is no shell.
    Command::new("/bin/sh")
        .args(["-c", &group])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok();
    child.kill().ok();
    child.wait().ok();
}

fn text(file: &mut File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failed_program_is_quoted() {
        let error = run(
            shell("echo started; echo out of luck >&2; exit 3"),
            Duration::from_secs(10),
        )
        .unwrap_err();
        assert!(error.to_string().contains("started\nout of luck"), "{error}");
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_its_children() {
        let marker = tempfile::NamedTempFile::new().unwrap();
        let script = format!("sh -c 'echo $$ > {}; exec sleep 60' & wait", marker.path().display());
        let error = run(shell(&script), Duration::from_millis(300)).unwrap_err();
        assert!(matches!(error, PostgresError::TimedOut { .. }), "{error}");
        let child = std::fs::read_to_string(marker.path()).unwrap();
        let child = child.trim().parse().unwrap();
        let gone = (0..200).any(|_| {
            std::thread::sleep(POLL);
            !crate::process::is_running(child)
        });
        assert!(gone);
    }
}
