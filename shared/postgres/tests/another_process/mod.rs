//! Runs one test function of this test program in a process of its own, which can be killed, given another environment, or
//! run as another user.
#![allow(dead_code, reason = "each test program uses a part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const MARK: &str = "QUARRY_POSTGRES_TEST_PROCESS";
/// Before what the process has to say, because the test harness writes to the same place.
const SAID: &str = "said: ";

/// A process of this test program.
pub(crate) struct AnotherProcess {
    child: Child,
    output: BufReader<ChildStdout>,
}

/// Whether this process was started by [`AnotherProcess`].
pub(crate) fn am_i() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Says a line to the process that started this one.
pub(crate) fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{SAID}{line}").unwrap();
    stdout.flush().unwrap();
}

/// Waits for a condition, at most a minute.
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited a minute until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the process runs; a finished one that nobody has collected does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let output = Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    let state = String::from_utf8(output.stdout).unwrap();
    !state.trim().is_empty() && !state.starts_with('Z')
}

/// Sends SIGKILL.
pub(crate) fn kill(pid: u32) {
    assert!(
        Command::new("/bin/sh")
            .args(["-c", &format!("kill -KILL {pid}")])
            .status()
            .unwrap()
            .success()
    );
}

impl AnotherProcess {
    /// The command that runs the test function `name`.
    pub(crate) fn running(name: &str) -> Prepared {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name, "--nocapture"]).env(MARK, "1");
        Prepared(command)
    }

    /// The next line that the process says.
    ///
    /// # Panics
    ///
    /// When it ended without saying any.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            // The harness may have begun a line of its own.
            if let Some((_, said)) = line.split_once(SAID) {
                return said.trim().to_owned();
            }
            line.clear();
        }
        let mut complaint = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut complaint)
            .unwrap();
        panic!("the process said nothing: {complaint}");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A process to be started.
pub(crate) struct Prepared(pub(crate) Command);

impl Prepared {
    pub(crate) fn with(mut self, variable: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.env(variable, value);
        self
    }

    pub(crate) fn spawn(mut self) -> AnotherProcess {
        let pipes = self
            .0
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        AnotherProcess { child, output }
    }
}

impl Drop for AnotherProcess {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
