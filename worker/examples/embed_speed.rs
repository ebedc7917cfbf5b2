//! Texts per second of the built-in model, in process and over HTTP:
//! `cargo run --release -p quarry-worker --example embed_speed`
#![allow(clippy::print_stdout)] // its result

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use quarry_embedding::{EmbeddingClient, EndpointConfig, Purpose};
use quarry_worker::embedder::{Model, ServeOptions, serve};
use tokio_util::sync::CancellationToken;

const ROUNDS: u32 = 5;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let short: Vec<String> = (0..100_000).map(short_text).collect();
    let chunks: Vec<String> = (0..10_000).map(chunk).collect();
    for (name, texts) in [
        ("short texts (about 10 words)", &short),
        ("chunks (about 150 words)", &chunks),
    ] {
        let took = fastest(|| std::hint::black_box(Model::built_in().embed(texts)));
        report(&format!("in process, {name}"), texts.len(), took);
    }

    let state = tempfile_path();
    let shutdown = CancellationToken::new();
    let listen: SocketAddr = "127.0.0.1:0".parse()?;
    let options = ServeOptions {
        listen,
        state_file: Some(state.clone()),
        idle_exit: None,
    };
    let serving = tokio::spawn(serve(options, shutdown.clone()));
    let url = loop {
        match quarry_embedding::BuiltInState::read(&state) {
            Some(state) => break state.url,
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    let client = EmbeddingClient::connect(EndpointConfig::built_in(url))?;
    for (name, texts) in [("short texts", &short), ("chunks", &chunks)] {
        let mut best = Duration::MAX;
        for _ in 0..ROUNDS {
            let started = Instant::now();
            std::hint::black_box(client.embed(Purpose::Document, texts).await?);
            best = best.min(started.elapsed());
        }
        report(&format!("over HTTP with base64, {name}"), texts.len(), best);
    }
    shutdown.cancel();
    Ok(serving.await??)
}

fn fastest<T>(work: impl Fn() -> T) -> Duration {
    let rounds = (0..ROUNDS).map(|_| {
        let started = Instant::now();
        work();
        started.elapsed()
    });
    rounds.min().unwrap_or_default()
}

fn report(what: &str, texts: usize, took: Duration) {
    let per_second = f64::from(u32::try_from(texts).unwrap_or(u32::MAX)) / took.as_secs_f64();
    println!("{what}: {per_second:.0} texts/s");
}

fn short_text(n: usize) -> String {
    let verbs = ["read", "write", "parse", "claim", "retry", "resolve", "encode"];
    let nouns = [
        "request",
        "config_file",
        "jobQueue",
        "HTTPResponse",
        "socket",
        "token",
        "cache entry",
    ];
    format!(
        "how to {} the {} number {n} with a timeout",
        verbs[n % 7],
        nouns[n / 7 % 7]
    )
}

fn chunk(n: usize) -> String {
    let line = "    let reply = connection.send_request(&request, Duration::from_secs(retry_limit)).await?;\n";
    format!(
        "pub async fn step_{n}(connection: &mut Connection) -> Result<Reply> {{\n{}}}\n",
        line.repeat(12)
    )
}

fn tempfile_path() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("embed_speed.{}.json", std::process::id()))
}
