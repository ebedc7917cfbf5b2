//! A `quarry` process that runs beside the test: signals it, reads what it says, waits for its end.
//! Never leaves it running: it is killed when the value is dropped.

use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::finished::Finished;
use crate::wait::{PATIENCE, wait_until};

/// A process that has been started.
pub struct Running {
    command: String,
    child: Child,
    stdout: Said,
    stderr: Said,
}

/// What a process has said so far on one of its streams.
struct Said {
    text: Arc<Mutex<String>>,
    reading: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(command: Command) -> Running {
        Running::start_reading(command, Stdio::null())
    }

    /// Starts it with `input` as its standard input.
    pub(crate) fn start_reading(mut command: Command, input: Stdio) -> Running {
        let described = format!("{:?}", command.as_std());
        command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("start {described}: {error}"));
        let stdout = Said::on(child.stdout.take().unwrap());
        let stderr = Said::on(child.stderr.take().unwrap());
        Running {
            command: described,
            child,
            stdout,
            stderr,
        }
    }

    /// Number of the process.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id().expect("the process runs")
    }

    /// Waits until the process has said `text` on standard output or standard error.
    ///
    /// # Panics
    /// When it does not within the harness's patience.
    pub async fn says(&self, text: &str) {
        wait_until(&format!("{} says {text:?}", self.command), || {
            self.stdout.so_far().contains(text) || self.stderr.so_far().contains(text)
        })
        .await;
    }

    /// What it has said so far, on standard error last.
    #[must_use]
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout.so_far(), self.stderr.so_far())
    }

    /// Asks it to end, as a service manager does.
    pub async fn terminate(&self) {
        self.signal("TERM").await;
    }

    /// Asks it to end, as Ctrl-C does.
    pub async fn interrupt(&self) {
        self.signal("INT").await;
    }

    /// Keeps it from doing anything, as a laptop that is closed does.
    pub async fn pause(&self) {
        self.signal("STOP").await;
    }

    /// Lets it go on.
    pub async fn resume(&self) {
        self.signal("CONT").await;
    }

    /// Ends it without asking and waits until it is gone.
    ///
    /// # Panics
    /// When the system refuses.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it has not ended within the harness's patience.
    pub async fn finish(self) -> Finished {
        self.finish_within(PATIENCE).await
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it has not ended after `limit`.
    pub async fn finish_within(mut self, limit: Duration) -> Finished {
        let Ok(status) = tokio::time::timeout(limit, self.child.wait()).await else {
            let (stdout, stderr) = (self.stdout.so_far(), self.stderr.so_far());
            panic!(
                "`{}` still runs after {limit:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}",
                self.command
            );
        };
        let output = Output {
            status: status.unwrap(),
            stdout: self.stdout.all().await.into_bytes(),
            stderr: self.stderr.all().await.into_bytes(),
        };
        Finished::new(self.command, output)
    }

    async fn signal(&self, name: &str) {
        // The shell's own kill: sending a signal to a process by its number needs unsafe code in Rust.
        let line = format!("kill -{name} {}", self.id());
        let status = Command::new("/bin/sh").args(["-c", &line]).status().await.unwrap();
        assert!(status.success(), "{line}");
    }
}

impl Said {
    fn on(stream: impl AsyncRead + Send + Unpin + 'static) -> Said {
        let text: Arc<Mutex<String>> = Arc::default();
        let heard = text.clone();
        let reading = tokio::spawn(async move {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
                heard.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Said { text, reading }
    }

    fn so_far(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// Everything that was said. A grandchild that inherited the stream could keep it open for ever, hence the bound.
    async fn all(&mut self) -> String {
        let ended = tokio::time::timeout(PATIENCE, &mut self.reading).await;
        assert!(ended.is_ok(), "the output is still held open by another process");
        self.so_far()
    }
}
