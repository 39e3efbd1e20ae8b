//! Signals: SIGTERM and SIGINT end the process, SIGUSR1 reopens log files (A1.6).

use std::io;
use std::time::Duration;

use tokio::signal::unix::{self, Signal, SignalKind};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// The first time: drain. Again: now.
    Stop,
    ReopenLogs,
}

/// From its making on, none of the signals has its default effect.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    user1: Signal,
}

impl Signals {
    /// Needs a tokio runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
            user1: unix::signal(SignalKind::user_defined1())?,
        })
    }

    /// Waits for the first request to stop; `reopen` is called for every request to reopen logs. The
    /// same stop is often sent twice at once, to the process and to its group: both are one.
    pub(crate) async fn stop(&mut self, reopen: impl Fn()) {
        while self.next().await == Request::ReopenLogs {
            reopen();
        }
        tokio::time::sleep(SAME_SIGNAL).await;
        while tokio::time::timeout(Duration::ZERO, self.next()).await.is_ok() {}
    }

    /// The next request. Cancel safe.
    pub(crate) async fn next(&mut self) -> Request {
        // `recv` ends only with the runtime.
        tokio::select! {
            _ = self.terminate.recv() => Request::Stop,
            _ = self.interrupt.recv() => Request::Stop,
            _ = self.user1.recv() => Request::ReopenLogs,
        }
    }
}

const SAME_SIGNAL: Duration = Duration::from_millis(20);
