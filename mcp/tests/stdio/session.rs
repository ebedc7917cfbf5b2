//! One session with the real server. Every line on its standard output has to be JSON-RPC; the session's end is part of
//! every test, because a server that does not leave when its input closes stays behind for ever.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than any deadline of the server.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Responses under way get 5 s.
const LEAVES_WITHIN: Duration = Duration::from_secs(10);

pub(crate) const HOST: &str = "test-host";

/// Stands in for the `quarry` binary beside the server: says that it was called, and fails.
const FAILING_QUARRY: &str = "echo \"$@\" >> \"$QUARRY_HOME/called\"\necho 'no worker today' >&2\nexit 3\n";

pub(crate) struct Setup {
    directory: TempDir,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

impl Setup {
    /// A repository to work in, a home, and the server beside a `quarry` that fails.
    pub(crate) fn new() -> Setup {
        let directory = TempDir::with_prefix_in("mcp-", env!("CARGO_TARGET_TMPDIR")).unwrap();
        for name in ["bin", "home", "shop/.git", "shop/src", "elsewhere"] {
            fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        fs::hard_link(
            env!("CARGO_BIN_EXE_quarry-mcp"),
            directory.path().join("bin/quarry-mcp"),
        )
        .unwrap();
        let setup = Setup {
            directory,
            arguments: Vec::new(),
            variables: Vec::new(),
        };
        setup.quarry(FAILING_QUARRY)
    }

    pub(crate) fn database(self, url: &str) -> Setup {
        self.variable("QUARRY_DATABASE_URL", url)
    }

    pub(crate) fn variable(mut self, name: &'static str, value: &str) -> Setup {
        self.variables.push((name, value.to_owned()));
        self
    }

    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Setup {
        self.arguments.extend(arguments.iter().map(ToString::to_string));
        self
    }

    /// What `quarry` does, in the shell.
    pub(crate) fn quarry(self, script: &str) -> Setup {
        let path = self.directory.path().join("bin/quarry");
        fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    pub(crate) fn repository(&self) -> String {
        let path = fs::canonicalize(self.directory.path().join("shop")).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// The server's command, in the repository.
    pub(crate) fn command(&self) -> Command {
        let root = self.directory.path();
        let mut command = Command::new(root.join("bin/quarry-mcp"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("QUARRY_")) {
            command.env_remove(name);
        }
        command
            .args(&self.arguments)
            .current_dir(root.join("shop"))
            .env("HOME", root)
            .env("QUARRY_HOME", root.join("home"))
            .env("QUARRY_HOST", HOST)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The server, not yet greeted.
    pub(crate) fn start(self) -> Session {
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || output.lines().try_for_each(|line| sender.send(line.unwrap())));
        let input = child.stdin.take();
        Session {
            setup: self,
            child,
            input,
            lines,
            last_id: 0,
        }
    }

    /// The server after the handshake of 2025-11-25.
    pub(crate) fn greeted(self) -> Session {
        let mut session = self.start();
        let client = json!({ "name": "test", "version": "1" });
        session.ask(
            "initialize",
            json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client }),
        );
        session.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        session
    }
}

pub(crate) struct Session {
    pub(crate) setup: Setup,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    last_id: u64,
}

impl Session {
    pub(crate) fn send(&mut self, message: &Value) {
        self.send_line(message.to_string());
    }

    fn send_line(&mut self, mut line: String) {
        line.push('\n');
        self.input.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    }

    /// Sends a request and returns the whole response.
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        self.ask_as_written(method, &params.to_string())
    }

    /// As `ask`, with parameters that a JSON value could not hold.
    pub(crate) fn ask_as_written(&mut self, method: &str, params: &str) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        self.send_line(format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#
        ));
        loop {
            let message = self.receive();
            if message["id"] == id {
                return message;
            }
            assert!(
                message["method"].is_string(),
                "neither an answer nor a notification: {message}"
            );
        }
    }

    fn receive(&mut self) -> Value {
        let line = self.lines.recv_timeout(ANSWER_WITHIN).expect("an answer in time");
        parse(&line)
    }

    /// Calls a tool that succeeds; its structured result, which equals its text.
    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let response = self.ask("tools/call", json!({ "name": tool, "arguments": arguments }));
        let result = &response["result"];
        assert_ne!(result["isError"], true, "{response}");
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"], "{response}");
        text
    }

    /// Calls a tool that refuses; what it says.
    pub(crate) fn refusal(&mut self, tool: &str, arguments: Value) -> String {
        let response = self.ask("tools/call", json!({ "name": tool, "arguments": arguments }));
        assert_eq!(response["result"]["isError"], true, "{response}");
        response["result"]["content"][0]["text"].as_str().unwrap().to_owned()
    }

    pub(crate) fn tools(&mut self) -> Vec<String> {
        let response = self.ask("tools/list", json!({}));
        let tools = response["result"]["tools"].as_array().unwrap();
        tools
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Ends the server as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Closes the input; the server has to leave by itself, and successfully.
    pub(crate) fn close(mut self) -> Setup {
        drop(self.input.take());
        let status = wait_until(LEAVES_WITHIN, || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}");
        self.lines.iter().for_each(|line| drop(parse(&line)));
        self.setup
    }
}

fn parse(line: &str) -> Value {
    let message: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON on standard output: {line}"));
    assert_eq!(message["jsonrpc"], "2.0", "{line}");
    message
}

/// Looks until there is something to see.
pub(crate) fn wait_until<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "not seen within {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().filter(|text| text.ends_with('\n'))
}
