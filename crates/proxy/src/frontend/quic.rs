//! TLS over QUIC: the choice of its options is the one of TCP, and fails closed.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::AlertDescription;
use viaduct_config::EntryPointName;
use viaduct_snapshot::{PolicyId, Snapshot};
use viaduct_tls::QuicTls;
use viaduct_tls::quic::Choose;

use super::options;

/// Nobody gets a session by the configuration of the endpoint: each connection has one of its own.
pub(crate) struct Nobody;

impl Choose for Nobody {
    type Policy = PolicyId;

    fn choose(&self, _: Option<&str>) -> Result<(QuicTls, PolicyId), AlertDescription> {
        Err(AlertDescription::InternalError)
    }
}

/// The options of the host that routing will use, as of one snapshot.
pub(crate) struct ByHost {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) entry_point: EntryPointName,
    /// The address of ours that the client called.
    pub(crate) local: IpAddr,
}

impl Choose for ByHost {
    type Policy = PolicyId;

    fn choose(&self, server_name: Option<&str>) -> Result<(QuicTls, PolicyId), AlertDescription> {
        let entry = self.snapshot.entry_points.get(&self.entry_point);
        let entry = entry.ok_or(AlertDescription::InternalError)?;
        let (tls, policy) =
            options(entry, server_name, self.local).ok_or(AlertDescription::UnrecognisedName)?;
        let tls = tls.quic().ok_or(AlertDescription::ProtocolVersion)?;
        Ok((tls.clone(), policy))
    }
}
