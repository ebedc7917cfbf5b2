//! Starts a throw-away Postgres, prints its address and the directory of its programs (two lines) on standard output,
//! and ends it when standard input closes.
//!
//! For scripts that need a database for a moment: `cargo run -q -p quarry-postgres --example scratch_server < pipe`.

use std::io::{Read, Write};

use quarry_postgres::testing::TestServer;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let server = TestServer::start_new().await;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", server.url())?;
    writeln!(stdout, "{}", server.bin_dir().display())?;
    stdout.flush()?;
    tokio::task::spawn_blocking(|| std::io::stdin().lock().read_to_end(&mut Vec::new()))
        .await
        .map_err(std::io::Error::other)??;
    drop(server);
    Ok(())
}
