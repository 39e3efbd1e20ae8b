//! Step 4: HTTP/1.1 and HTTP/2 on an accepted connection; what every request of it shares.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use viaduct_observe::ClientLeg;
use viaduct_snapshot::PolicyId;

use crate::worker::Worker;

/// One client connection, shared by its requests.
pub(crate) struct Connection {
    pub(crate) worker: Rc<Worker>,
    /// Index into `Config::entry_points`.
    pub(crate) entry_point: usize,
    pub(crate) client: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) leg: Leg,
}

/// How the client reached us.
pub(crate) enum Leg {
    Plain,
    Secure { policy: PolicyId, facts: Arc<ClientLeg> },
}
