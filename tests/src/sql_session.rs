//! A `psql` that stays connected: a question costs a round trip and not a process, so that a test may ask often.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

const END: &str = "end-of-rows";

/// A connection to the registry or to a project's database. Ends when it is dropped.
pub struct SqlSession(Mutex<Streams>);

struct Streams {
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl SqlSession {
    pub(crate) fn start(mut command: Command) -> SqlSession {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        SqlSession(Mutex::new(Streams {
            stdin,
            stdout: BufReader::new(stdout).lines(),
            _child: child,
        }))
    }

    /// The rows of a statement, columns separated by `|`.
    ///
    /// # Panics
    /// When the connection is lost.
    pub async fn rows(&self, statement: &str) -> Vec<String> {
        let mut streams = self.0.lock().await;
        let question = format!("{statement}\n;\n\\echo {END}\n");
        streams.stdin.write_all(question.as_bytes()).await.unwrap();
        let mut rows = Vec::new();
        loop {
            let line = streams.stdout.next_line().await.unwrap().expect("psql still runs");
            if line == END {
                return rows;
            }
            rows.push(line);
        }
    }
}
