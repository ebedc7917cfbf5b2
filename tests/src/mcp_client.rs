//! An MCP client, over standard input and output or over HTTP: calls tools and judges what comes back. Speaks the
//! protocol by hand, so that the answers are the bytes that other people's clients get.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::wait::PATIENCE;

/// A session with a server of its own. The server ends with it.
pub struct McpSession {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    last_id: u64,
}

/// A client of a server that is reached at an address.
pub struct McpOverHttp {
    address: String,
    headers: Vec<String>,
}

/// What an address answered.
#[derive(Debug)]
pub struct HttpAnswer {
    /// Of HTTP.
    pub status: u16,
    head: String,
    /// As it came.
    pub body: String,
}

/// What a tool said.
#[derive(Debug)]
pub struct ToolAnswer(Value);

impl McpSession {
    pub(crate) async fn start(mut command: Command) -> McpSession {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut session = McpSession {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
            last_id: 0,
        };
        session.ask("initialize", opener()).await;
        session.send(&initialized()).await;
        session
    }

    /// Calls a tool.
    pub async fn call(&mut self, tool: &str, arguments: Value) -> ToolAnswer {
        let params = json!({ "name": tool, "arguments": arguments });
        ToolAnswer(self.ask("tools/call", params).await["result"].clone())
    }

    /// The whole response to a request.
    ///
    /// # Panics
    /// When the server ends, or does not answer within the harness's patience.
    pub async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&request(id, method, &params)).await;
        loop {
            let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await;
            let line = line.expect("an answer in time").unwrap().expect("the server runs");
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["id"] == id {
                return message;
            }
        }
    }

    /// Closes the input; the server has to leave by itself.
    ///
    /// # Panics
    /// When it does not, or not in good order.
    pub async fn close(mut self) {
        drop(self.input);
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        assert!(status.expect("it leaves").unwrap().success());
    }

    async fn send(&mut self, message: &Value) {
        self.input.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }
}

impl McpOverHttp {
    /// A client that has greeted the server at `url` and shows it this token.
    ///
    /// # Panics
    /// When the server does not greet it.
    pub async fn greeted(url: &str, token: Option<&str>) -> McpOverHttp {
        let mut client = McpOverHttp::new(url, token);
        let greeting = client.post(&request(0, "initialize", &opener())).await;
        let version = &greeting.message()["result"]["protocolVersion"];
        assert_eq!(version, "2025-11-25", "{greeting:?}");
        let session = greeting.header("mcp-session-id").expect("a session").to_owned();
        client.headers.push(format!("mcp-session-id: {session}"));
        assert_eq!(client.post(&initialized()).await.status, 202);
        client
    }

    /// A client that says nothing yet.
    ///
    /// # Panics
    /// When `url` is none of an MCP server.
    #[must_use]
    pub fn new(url: &str, token: Option<&str>) -> McpOverHttp {
        let address = url.trim_start_matches("http://").strip_suffix("/mcp");
        McpOverHttp {
            address: address.expect("http://ADDRESS/mcp").to_owned(),
            headers: token
                .iter()
                .map(|token| format!("authorization: Bearer {token}"))
                .collect(),
        }
    }

    /// Calls a tool.
    pub async fn call(&self, tool: &str, arguments: Value) -> ToolAnswer {
        let params = json!({ "name": tool, "arguments": arguments });
        let answer = self.post(&request(1, "tools/call", &params)).await;
        ToolAnswer(answer.message()["result"].clone())
    }

    /// Sends a message of one's own making.
    pub async fn post(&self, message: &Value) -> HttpAnswer {
        let body = message.to_string();
        let mut head = format!(
            "POST /mcp HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\ncontent-length: {}\r\n",
            self.address,
            body.len()
        );
        for header in &self.headers {
            head.push_str(&format!("{header}\r\n"));
        }
        let exchange = async {
            let mut stream = TcpStream::connect(&self.address).await.unwrap();
            stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let answer = tokio::time::timeout(PATIENCE, exchange)
            .await
            .expect("an answer in time");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        HttpAnswer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }
}

impl HttpAnswer {
    fn message(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl ToolAnswer {
    /// The structured result of a call that succeeded.
    ///
    /// # Panics
    /// When it did not.
    #[must_use]
    pub fn result(self) -> Value {
        assert!(!self.is_refusal(), "{self:?}");
        self.0["structuredContent"].clone()
    }

    /// What a call that was refused says.
    ///
    /// # Panics
    /// When it was not.
    #[must_use]
    pub fn refusal(self) -> String {
        assert!(self.is_refusal(), "{self:?}");
        self.0["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// Whether the tool could not do what was asked.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.0["isError"] == true
    }
}

fn opener() -> Value {
    let client = json!({ "name": "test", "version": "1" });
    json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client })
}

fn initialized() -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })
}

fn request(id: u64, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}
