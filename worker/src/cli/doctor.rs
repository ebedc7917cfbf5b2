//! `quarry doctor`: looks at everything an installation stands on, tries the MCP server over both transports, and says of
//! what is wrong what to do. Changes nothing, but starts the embedded Postgres and the model as any command would.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use quarry_lifecycle::Config;
use quarry_registry::Registry;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::connect_line::connect_line;
use super::output;
use super::session::Session;

/// A server answers its first request within 300 ms; a machine that is busy gets more.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// One JSON document on standard output
    #[arg(long)]
    json: bool,
}

struct Finding {
    what: &'static str,
    outcome: Result<String>,
    /// What to do when it failed.
    advice: &'static str,
}

pub(super) async fn run(session: &Session, arguments: Arguments) -> Result<()> {
    let mut findings = Vec::new();
    let registry = session.registry().await;
    let opened = registry
        .as_ref()
        .map(|_| "answers; its schema is up to date".to_owned());
    findings.push(Finding {
        what: "Postgres and registry",
        outcome: opened.map_err(|error| anyhow::anyhow!(output::reason(error))),
        advice: "start the server that QUARRY_DATABASE_URL names, or unset it for an embedded one; `quarry init` prepares it",
    });
    if let Ok(registry) = registry {
        findings.push(Finding {
            what: "embedding model",
            outcome: model(session, &registry).await,
            advice: "searches answer from words meanwhile; `quarry config show` names the endpoint",
        });
        findings.push(Finding {
            what: "projects",
            outcome: projects(&registry).await,
            advice: "`quarry project list` shows them; a database that is gone comes back from its backup only",
        });
        findings.push(Finding {
            what: "workers",
            outcome: workers(session, &registry).await,
            advice: "nothing is lost: `quarry index` and the MCP server do the work themselves; `quarry up` keeps one running",
        });
    }
    findings.push(Finding {
        what: "MCP over standard input and output",
        outcome: stdio(session).await,
        advice: "run `quarry mcp` by hand: what it prints on standard error says more",
    });
    findings.push(Finding {
        what: "MCP over HTTP",
        outcome: http(session).await,
        advice: "run `quarry mcp --http 127.0.0.1:0` by hand",
    });
    let connect = connect_line(session, None)?;
    report(&findings, &connect, arguments.json)?;
    match findings.iter().filter(|finding| finding.outcome.is_err()).count() {
        0 => Ok(()),
        count => bail!("{count} of {} checks failed", findings.len()),
    }
}

fn report(findings: &[Finding], connect: &str, as_json: bool) -> Result<()> {
    if as_json {
        let checks: Vec<Value> = findings
            .iter()
            .map(|finding| match &finding.outcome {
                Ok(found) => json!({ "what": finding.what, "ok": true, "found": found }),
                Err(error) => {
                    json!({ "what": finding.what, "ok": false, "error": output::reason(error), "advice": finding.advice })
                }
            })
            .collect();
        return output::json(&json!({ "checks": checks, "connect": connect }));
    }
    for finding in findings {
        match &finding.outcome {
            Ok(found) => output::line(format!("ok      {}: {found}", finding.what))?,
            Err(error) => {
                output::line(format!("FAILED  {}: {}", finding.what, output::reason(error)))?;
                output::line(format!("        {}", finding.advice))?;
            }
        }
    }
    output::line("\nConnect Claude Code:")?;
    output::line(format!("  {connect}"))?;
    output::line("Other clients: `quarry mcp install --help`")
}

async fn model(session: &Session, registry: &Registry) -> Result<String> {
    let context = session.context(registry.clone())?;
    let model = context.embedding.client().await?.probe().await?;
    let advice = prefix_advice(&session.config, &model.model).unwrap_or_default();
    Ok(format!("{}, {} dimensions{advice}", model.model, model.dimensions))
}

/// A model that was trained to tell questions from documents answers worse when it is not told, or only of one of the two, and
/// nothing else shows it.
fn prefix_advice(config: &Config, model: &str) -> Option<String> {
    let (query, document) =
        quarry_embedding::usual_prefixes(model).filter(|_| config.embedding_input_types().is_none())?;
    let settings = [
        ("QUERY", query, config.embedding_query_prefix()),
        ("DOCUMENT", document, config.embedding_document_prefix()),
    ];
    let wanted: Vec<String> = settings
        .iter()
        .filter(|(_, usual, given)| !usual.is_empty() && given.is_none())
        .map(|(which, usual, _)| format!("QUARRY_EMBEDDING_{which}_PREFIX='{usual}'"))
        .collect();
    (!wanted.is_empty()).then(|| {
        format!(
            "; unless its server does so, it wants {} (a project that is indexed already changes by `quarry project model`)",
            wanted.join(" ")
        )
    })
}

async fn projects(registry: &Registry) -> Result<String> {
    let projects = registry.projects().await?;
    let names: Vec<&str> = projects.iter().map(|project| project.name.as_str()).collect();
    if names.is_empty() {
        return Ok("none yet; `quarry index PATH` makes one".to_owned());
    }
    for project in &projects {
        registry
            .database(project)
            .await
            .with_context(|| format!("open project {}", project.name.as_str()))?;
    }
    Ok(format!("{} open: {}", names.len(), names.join(", ")))
}

async fn workers(session: &Session, registry: &Registry) -> Result<String> {
    match quarry_queue::workers_alive(registry.pool(), &session.host()?).await? {
        0 => Ok("none runs on this machine; one is started when there is work".to_owned()),
        count => Ok(format!("{count} on this machine")),
    }
}

fn opener() -> Value {
    let client = json!({ "name": "quarry-doctor", "version": env!("CARGO_PKG_VERSION") });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params })
}

fn greeted(answer: &str, started: Instant) -> Result<String> {
    let answer: Value = serde_json::from_str(answer).with_context(|| format!("read the answer {answer:?}"))?;
    let version = answer["result"]["protocolVersion"]
        .as_str()
        .with_context(|| format!("no greeting in {answer}"))?;
    let took_ms = started.elapsed().as_millis();
    Ok(format!("answers in {took_ms} ms, protocol {version}"))
}

async fn stdio(session: &Session) -> Result<String> {
    let program = std::env::current_exe().context("find the quarry program")?;
    let started = Instant::now();
    let mut server = Command::new(program)
        .arg("mcp")
        .env("QUARRY_HOME", session.config.home())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("start quarry mcp")?;
    let mut input = server.stdin.take().context("no standard input")?;
    input.write_all(format!("{}\n", opener()).as_bytes()).await?;
    let mut lines = BufReader::new(server.stdout.take().context("no standard output")?).lines();
    let line = tokio::time::timeout(ANSWER_WITHIN, lines.next_line())
        .await
        .with_context(|| format!("no answer within {ANSWER_WITHIN:?}"))??;
    let said = greeted(&line.context("it ended without an answer")?, started)?;
    drop(input);
    let status = tokio::time::timeout(ANSWER_WITHIN, server.wait())
        .await
        .context("it does not leave when its input closes")??;
    if !status.success() {
        bail!("it ended with {status}");
    }
    Ok(said)
}

async fn http(session: &Session) -> Result<String> {
    let stop = CancellationToken::new();
    let options = quarry_mcp::Options {
        http: quarry_mcp::HttpOptions {
            listen: Some(([127, 0, 0, 1], 0).into()),
            ..quarry_mcp::HttpOptions::default()
        },
        program: std::env::current_exe().context("find the quarry program")?,
        ..quarry_mcp::Options::default()
    };
    let server = quarry_mcp::bind_http(session.config.clone(), options, stop.clone()).await?;
    let address = server.address();
    let serving = tokio::spawn(server.serve());
    let asked = tokio::time::timeout(ANSWER_WITHIN, ask(address)).await;
    stop.cancel();
    serving.await.context("serve")??;
    asked.with_context(|| format!("no answer within {ANSWER_WITHIN:?}"))?
}

async fn ask(address: std::net::SocketAddr) -> Result<String> {
    let started = Instant::now();
    let body = opener().to_string();
    let token = match std::env::var("QUARRY_MCP_TOKEN") {
        Ok(token) if !token.is_empty() => format!("authorization: Bearer {token}\r\n"),
        _ => String::new(),
    };
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nconnection: close\r\n{token}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.context("connect")?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    let status = head.lines().next().unwrap_or_default();
    if !status.contains(" 200 ") {
        bail!("{status}");
    }
    greeted(body, started)
}
