//! A server that speaks git's own protocol on a port of this machine, and can be told to behave badly.
//! Every connection is served by a `git daemon` of its own; none outlives the test.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::upstream::{Upstream, isolated_git};

/// How the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    /// As it should.
    Good,
    /// Takes connections and says nothing.
    Silent,
    /// Says nothing more once a connection has carried so many bytes to the client.
    SilentAfter(usize),
}

/// A running server of one repository.
pub struct GitServer {
    url: String,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

struct State {
    above: PathBuf,
    manners: watch::Sender<Manners>,
    silent: AtomicUsize,
}

impl GitServer {
    /// Serves `upstream`.
    ///
    /// # Panics
    /// When the system has no port left.
    pub async fn start(upstream: &Upstream) -> GitServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = upstream.tree().root();
        let port = listener.local_addr().unwrap().port();
        let name = root.file_name().unwrap().to_str().unwrap();
        let state = Arc::new(State {
            above: root.parent().unwrap().to_owned(),
            manners: watch::Sender::new(Manners::Good),
            silent: AtomicUsize::new(0),
        });
        let serving = tokio::spawn(serve(listener, Arc::clone(&state)));
        GitServer {
            url: format!("git://127.0.0.1:{port}/{name}"),
            state,
            serving,
        }
    }

    /// The URL of the repository.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How it behaves from now on, also on connections that are open.
    pub fn behave(&self, manners: Manners) {
        self.state.manners.send_replace(manners);
    }

    /// Connections that get no answer at this moment and whose client is still there.
    #[must_use]
    pub fn silent_connections(&self) -> usize {
        self.state.silent.load(Ordering::SeqCst)
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(answer(stream, Arc::clone(&state)));
    }
}

async fn answer(stream: TcpStream, state: Arc<State>) {
    let base_path = format!("--base-path={}", state.above.display());
    let mut daemon = Command::from(isolated_git(&state.above))
        .args(["daemon", "--inetd", "--export-all", &base_path])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (from_client, to_client) = stream.into_split();
    let (to_daemon, from_daemon) = (daemon.stdin.take().unwrap(), daemon.stdout.take().unwrap());
    let (left, is_left) = watch::channel(false);
    let asking = async {
        ask(from_client, to_daemon).await;
        left.send_replace(true);
    };
    tokio::join!(asking, tell(from_daemon, to_client, &state, is_left));
}

/// Client to daemon, until the client goes away.
async fn ask(mut client: OwnedReadHalf, mut daemon: ChildStdin) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = client.read(&mut buffer).await {
        if daemon.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// Daemon to client.
async fn tell(mut daemon: ChildStdout, mut client: OwnedWriteHalf, state: &State, mut is_left: watch::Receiver<bool>) {
    let mut manners = state.manners.subscribe();
    let mut carried = 0;
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = daemon.read(&mut buffer).await {
        let may_go_on = |manners: &Manners| match manners {
            Manners::Good => true,
            Manners::Silent => false,
            Manners::SilentAfter(bytes) => carried < *bytes,
        };
        let is_silent = !may_go_on(&manners.borrow());
        if is_silent {
            state.silent.fetch_add(1, Ordering::SeqCst);
            let waited = tokio::select! {
                waited = manners.wait_for(may_go_on) => waited.is_ok(),
                _ = is_left.wait_for(|is_left| *is_left) => false,
            };
            state.silent.fetch_sub(1, Ordering::SeqCst);
            if !waited {
                return;
            }
        }
        if client.write_all(&buffer[..count]).await.is_err() {
            return;
        }
        carried += count;
    }
}
