//! A connection that has changed its protocol: bytes both ways, until both ends are done.

mod activity;

use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::exchange::Exchange;
use crate::upstream::Lease;

use activity::{Activity, Observed};

/// Both halves of an upgrade, each to be had when its 101 has passed.
pub(crate) struct Tunnel {
    client: OnUpgrade,
    backend: OnUpgrade,
    /// Its connection is the tunnel now; it ends with it.
    lease: Lease,
}

impl Tunnel {
    pub(crate) fn new(client: OnUpgrade, backend: OnUpgrade, lease: Lease) -> Self {
        Self {
            client,
            backend,
            lease,
        }
    }

    /// `idle`: may carry nothing for so long; zero: for ever.
    async fn run(self, idle: Duration, exchange: &mut Exchange) -> Result<(), TunnelError> {
        let Self {
            client,
            backend,
            lease,
        } = self;
        let backend = backend.await.map_err(TunnelError::Backend)?;
        let client = client.await.map_err(TunnelError::Client)?;
        let activity = Activity::default();
        let mut client = Observed::new(TokioIo::new(client), &activity);
        let mut backend = Observed::new(TokioIo::new(backend), &activity);
        let ended = tokio::select! {
            copied = tokio::io::copy_bidirectional_with_sizes(&mut client, &mut backend, BUFFER, BUFFER) => {
                copied.map(|_| ()).map_err(TunnelError::Copy)
            }
            () = lease.outlived() => Err(TunnelError::Outlived),
            () = activity.ceased(idle) => Err(TunnelError::Idle(idle)),
        };
        // However it ended, so much was carried.
        exchange.tunnelled(client.read(), backend.read());
        ended
    }
}

/// Runs the tunnel beside the connection that it came from; the exchange ends with it.
pub(crate) fn start(tunnel: Tunnel, mut exchange: Box<Exchange>) {
    let idle = exchange.tunnel_patience();
    drop(tokio::task::spawn_local(async move {
        if let Err(error) = tunnel.run(idle, &mut exchange).await {
            tracing::debug!(%error, "upgraded connection ended");
        }
    }));
}

#[derive(Debug, thiserror::Error)]
enum TunnelError {
    #[error("the client did not change its protocol")]
    Client(#[source] hyper::Error),
    #[error("the backend did not change its protocol")]
    Backend(#[source] hyper::Error),
    #[error("the tunnel broke")]
    Copy(#[source] std::io::Error),
    #[error("the trust that the backend's connection was made under is no longer in force")]
    Outlived,
    #[error("nothing was carried within {0:?}")]
    Idle(Duration),
}

/// Per direction.
const BUFFER: usize = 16 * 1024;

#[cfg(test)]
mod tests;
