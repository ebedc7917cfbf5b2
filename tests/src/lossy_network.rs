//! A network before a server that loses connections the way real ones do: nothing is closed, nothing is refused, and
//! nothing arrives any more. Never mends a connection that it has lost.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What has become of the network.
#[derive(Clone, Copy, PartialEq)]
struct State {
    /// How often it was cut: connections from before the last time are lost.
    cuts: u32,
    is_cut: bool,
}

/// A port that leads to a server, while the network between is whole.
pub struct LossyNetwork {
    port: u16,
    state: watch::Sender<State>,
}

impl LossyNetwork {
    /// A whole network before the server at `port` of this machine.
    ///
    /// # Panics
    /// When there is no port left.
    pub async fn before(port: u16) -> LossyNetwork {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let network = LossyNetwork {
            port: listener.local_addr().unwrap().port(),
            state: watch::Sender::new(State { cuts: 0, is_cut: false }),
        };
        let state = network.state.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, port, state.clone()));
            }
        });
        network
    }

    /// The port on which it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on nothing arrives; new connections are taken and lead nowhere.
    pub fn cut(&self) {
        self.state.send_modify(|state| {
            state.cuts += 1;
            state.is_cut = true;
        });
    }

    /// New connections lead to the server again.
    pub fn mend(&self) {
        self.state.send_modify(|state| state.is_cut = false);
    }
}

async fn connect(client: TcpStream, port: u16, state: watch::Receiver<State>) {
    let begun = *state.borrow();
    if begun.is_cut {
        // Kept open, read by nobody, until the client gives up.
        let (mut from_client, _to_client) = client.into_split();
        while from_client.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
        return;
    }
    let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let is_lost = move || state.borrow().cuts != begun.cuts;
    let is_lost: Arc<dyn Fn() -> bool + Send + Sync> = Arc::new(is_lost);
    tokio::join!(
        forward(from_client, to_server, &is_lost),
        forward(from_server, to_client, &is_lost)
    );
}

/// Neither what is sent nor that the sender is gone arrives once the connection is lost.
async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, is_lost: &Arc<dyn Fn() -> bool + Send + Sync>) {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let Ok(read) = from.read(&mut bytes).await else { return };
        if is_lost() {
            if read == 0 {
                // Held open: the other side hears nothing of the end.
                std::future::pending::<()>().await;
            }
            continue;
        }
        if read == 0 || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
