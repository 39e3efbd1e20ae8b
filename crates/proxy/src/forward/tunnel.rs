//! A connection that has changed its protocol: bytes both ways, until both ends are done.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::exchange::Exchange;
use crate::upstream::Lease;

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

    async fn run(self, exchange: &mut Exchange) -> Result<(), TunnelError> {
        let Self {
            client,
            backend,
            lease,
        } = self;
        let backend = backend.await.map_err(TunnelError::Backend)?;
        let client = client.await.map_err(TunnelError::Client)?;
        let (mut client, mut backend) = (TokioIo::new(client), TokioIo::new(backend));
        let copied = tokio::select! {
            copied = tokio::io::copy_bidirectional_with_sizes(&mut client, &mut backend, BUFFER, BUFFER) => copied,
            () = lease.outlived() => Err(std::io::ErrorKind::ConnectionAborted.into()),
        };
        let (up, down) = copied.map_err(TunnelError::Copy)?;
        exchange.tunnelled(up, down);
        Ok(())
    }
}

/// Runs the tunnel beside the connection that it came from; the exchange ends with it.
pub(crate) fn start(tunnel: Tunnel, mut exchange: Exchange) {
    drop(tokio::task::spawn_local(async move {
        if let Err(error) = tunnel.run(&mut exchange).await {
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
}

/// Per direction.
const BUFFER: usize = 16 * 1024;
