//! The real server over HTTP, and as much of a client as the tests need: one request a connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::session::Setup;

/// Longer than any deadline of the server.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

pub(crate) struct HttpServer {
    pub(crate) setup: Setup,
    pub(crate) address: SocketAddr,
    child: Child,
}

pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl HttpServer {
    /// At a port that is free.
    pub(crate) fn start(setup: Setup) -> HttpServer {
        HttpServer::start_at(setup, "127.0.0.1:0")
    }

    fn start_at(setup: Setup, address: &str) -> HttpServer {
        let mut child = setup
            .command()
            .args(["--http", address])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "the server ended");
            if let Some((_, rest)) = line.split_once("serving MCP at http://") {
                break rest.split('/').next().unwrap().parse().unwrap();
            }
        };
        // A log that nobody reads would block the server.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        HttpServer { setup, address, child }
    }

    /// Kills the server as a power cut would, and starts another at the same address.
    pub(crate) fn kill_and_restart(mut self) -> HttpServer {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let setup = std::mem::replace(&mut self.setup, Setup::new());
        HttpServer::start_at(setup, &self.address.to_string())
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let stream = self.open(method, path, headers, body);
        Response::read(stream)
    }

    pub(crate) fn open(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(ANSWER_WITHIN)).unwrap();
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str(&format!("host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        // A server that refuses by the head alone may close before it has read the body.
        let _ = stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body.as_bytes()));
        stream
    }

    /// A message of a client of 2025-11-25.
    pub(crate) fn post(&self, headers: &[(&str, &str)], message: &Value) -> Response {
        self.post_as_written(headers, &message.to_string())
    }

    /// As `post`, with a message that a JSON value could not hold.
    pub(crate) fn post_as_written(&self, headers: &[(&str, &str)], message: &str) -> Response {
        let mut all = vec![
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        all.extend(headers);
        self.send("POST", "/mcp", &all, message)
    }

    /// A request of 2026-07-28.
    pub(crate) fn ask(&self, headers: &[(&str, &str)], method: &str, mut params: Value, capabilities: &Value) -> Value {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        });
        let name = ["name", "uri", "taskId"]
            .into_iter()
            .find_map(|key| params[key].as_str());
        let name = name.map(str::to_owned);
        let mut all = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
        if let Some(name) = &name {
            all.push(("mcp-name", name));
        }
        all.extend(headers);
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.post(&all, &message).message()
    }

    /// Calls a tool in the stateless way; its result.
    pub(crate) fn call(&self, headers: &[(&str, &str)], tool: &str, arguments: Value) -> Value {
        let response = self.ask(
            headers,
            "tools/call",
            json!({ "name": tool, "arguments": arguments }),
            &json!({}),
        );
        response["result"].clone()
    }

    /// Begins a session of 2025-11-25; its id.
    pub(crate) fn initialize(&self) -> String {
        let client = json!({ "name": "old client", "version": "2" });
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
        let response = self.post(
            &[],
            &json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }),
        );
        assert_eq!(
            response.message()["result"]["protocolVersion"],
            "2025-11-25",
            "{}",
            response.body
        );
        response.header("mcp-session-id").unwrap().to_owned()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Response {
    pub(crate) fn read(mut stream: TcpStream) -> Response {
        let mut bytes = Vec::new();
        // A connection that was reset after the answer still has the answer.
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            unchunked(body)
        } else {
            body.to_owned()
        };
        Response {
            status: status.unwrap_or_else(|| panic!("no answer: {text}")),
            head: head.to_owned(),
            body,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The last JSON-RPC message of the body, sent as JSON or as a stream.
    pub(crate) fn message(&self) -> Value {
        self.messages()
            .pop()
            .unwrap_or_else(|| panic!("no message: {} {}", self.head, self.body))
    }

    pub(crate) fn messages(&self) -> Vec<Value> {
        if let Ok(message) = serde_json::from_str(&self.body) {
            return vec![message];
        }
        let lines = self.body.lines().filter_map(|line| line.strip_prefix("data:"));
        lines
            .filter_map(|line| serde_json::from_str(line.trim()).ok())
            .collect()
    }
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else {
            break;
        };
        let Some(chunk) = rest.get(..size) else { break };
        whole.push_str(chunk);
        body = rest.get(size + 2..).unwrap_or_default();
    }
    whole
}
