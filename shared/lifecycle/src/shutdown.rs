//! Turns SIGTERM and SIGINT into a token that every loop watches. The first signal asks everybody to finish the work in
//! hand, the second ends the process at once. Never waits for the work itself: the program's main function does.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// The wish that this process ends. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// Listens for SIGTERM and SIGINT; a second one exits with status 128 + its number. To be called inside a tokio
    /// runtime, once, before work starts; outside of one it panics.
    #[must_use]
    pub fn on_signals() -> Shutdown {
        Shutdown::on_signals_or(|status| std::process::exit(status))
    }

    /// As [`Shutdown::on_signals`], but the second signal calls `exit_now` with the exit status, for programs that have
    /// something to stop even then (a child process, a terminal's state).
    #[must_use]
    pub fn on_signals_or(exit_now: impl FnOnce(i32) + Send + 'static) -> Shutdown {
        let mut terminate = signal(SignalKind::terminate()).expect("every system lets a process handle SIGTERM");
        let mut interrupt = signal(SignalKind::interrupt()).expect("every system lets a process handle SIGINT");
        let shutdown = Shutdown::default();
        // Two are all that count.
        let (sender, signals) = mpsc::channel(2);
        tokio::spawn(obey(signals, shutdown.token(), exit_now));
        tokio::spawn(async move {
            loop {
                let received = tokio::select! {
                    _ = terminate.recv() => SignalKind::terminate(),
                    _ = interrupt.recv() => SignalKind::interrupt(),
                };
                if sender.send(received.as_raw_value()).await.is_err() {
                    return;
                }
            }
        });
        shutdown
    }

    /// The token to watch: cancelled once the process should end.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Asks for the end from inside, as the first signal does.
    pub fn request(&self) {
        self.token.cancel();
    }

    /// Returns once the process should end.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }
}

async fn obey(mut signals: mpsc::Receiver<i32>, token: CancellationToken, exit_now: impl FnOnce(i32)) {
    let Some(first) = signals.recv().await else { return };
    info!(
        signal = first,
        "stopping when the work in hand is done; a second signal stops at once"
    );
    token.cancel();
    let Some(second) = signals.recv().await else { return };
    warn!(
        signal = second,
        "stopping at once; unfinished jobs return to the queue when their leases end"
    );
    exit_now(128 + second);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::sync::oneshot;

    const SIGINT: i32 = 2;
    const SIGTERM: i32 = 15;

    #[tokio::test]
    async fn the_first_signal_asks_and_the_second_ends() {
        let (sender, signals) = mpsc::channel(1);
        let (exited, mut exit_status) = oneshot::channel();
        let token = CancellationToken::new();
        let obeying = tokio::spawn(obey(signals, token.clone(), |status| exited.send(status).unwrap()));

        sender.send(SIGTERM).await.unwrap();
        token.cancelled().await;
        assert!(exit_status.try_recv().is_err(), "one signal already ended the process");

        sender.send(SIGINT).await.unwrap();
        obeying.await.unwrap();
        assert_eq!(exit_status.await.unwrap(), 128 + SIGINT);
    }

    #[tokio::test]
    async fn a_real_signal_cancels_the_token() {
        let shutdown = Shutdown::on_signals_or(|_| {});
        let kill = format!("kill -TERM {}", std::process::id());
        assert!(
            std::process::Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
        shutdown.requested().await;
    }

    #[tokio::test]
    async fn a_request_from_inside_reaches_every_clone() {
        let shutdown = Shutdown::default();
        let watched = shutdown.clone().token();
        shutdown.request();
        watched.cancelled().await;
    }
}
