//! Step 4: HTTP/1.1 and HTTP/2 on an accepted connection; what every request of it shares.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use viaduct_observe::ClientLeg;
use viaduct_snapshot::PolicyId;

use crate::headers::Peer;
use crate::worker::Worker;

/// One client connection, shared by its requests.
pub(crate) struct Connection {
    pub(crate) worker: Rc<Worker>,
    /// Index into `Config::entry_points`.
    pub(crate) entry_point: usize,
    pub(crate) client: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) leg: Leg,
    /// What the owned headers say of this client.
    pub(crate) peer: Peer,
}

impl Connection {
    /// `entry_point` is an index into `Config::entry_points`.
    pub(crate) fn new(
        worker: Rc<Worker>,
        entry_point: usize,
        client: SocketAddr,
        local: SocketAddr,
        leg: Leg,
    ) -> Rc<Self> {
        let trust = worker
            .config
            .entry_points
            .get(entry_point)
            .map(|entry| &entry.forwarded);
        let peer = Peer::new(client, trust);
        Rc::new(Self {
            worker,
            entry_point,
            client,
            local,
            leg,
            peer,
        })
    }
}

/// How the client reached us.
pub(crate) enum Leg {
    Plain,
    Secure { policy: PolicyId, facts: Arc<ClientLeg> },
}
