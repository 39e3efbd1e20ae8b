//! A worker: one thread, one runtime, its own listeners, pools and counters.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use viaduct_config::EntryPointName;
use viaduct_observe::{AccessLog, WorkerCounters};
use viaduct_snapshot::Snapshot;

use crate::Config;
use crate::upstream::Upstreams;

/// All state of one worker; lives as long as its thread.
pub(crate) struct Worker {
    pub(crate) config: Arc<Config>,
    /// `Rc` so that taking the snapshot for a request touches no cache line of another worker.
    pub(crate) snapshot: RefCell<Rc<Arc<Snapshot>>>,
    pub(crate) upstreams: Upstreams,
    pub(crate) balancers: crate::balance::Balancers,
    pub(crate) access_log: Option<RefCell<AccessLog>>,
    pub(crate) counters: Arc<WorkerCounters>,
    pub(crate) drain: crate::drain::Drain,
    /// Routers and services of finished requests, by slot.
    pub(crate) labels: crate::exchange::Labels,
    pub(crate) fault_log: crate::exchange::FaultLog,
}

impl Worker {
    /// The configuration that a request starting now is served by, to its end.
    pub(crate) fn snapshot(&self) -> Rc<Arc<Snapshot>> {
        Rc::clone(&self.snapshot.borrow())
    }

    /// Puts a new configuration in force: requests that start now see it; pools it no longer knows are
    /// closed.
    pub(crate) fn install(&self, snapshot: Arc<Snapshot>) {
        self.upstreams.retain(&snapshot);
        self.snapshot.replace(Rc::new(snapshot));
    }
}

/// What every worker is given by the control plane.
pub struct Hands {
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// One per worker.
    pub access_logs: Vec<Option<AccessLog>>,
    /// One per worker.
    pub counters: Vec<Arc<WorkerCounters>>,
}

/// Listening sockets, open but not yet served.
pub struct Bound {
    _private: (),
}

#[derive(Debug, thiserror::Error)]
#[error("entry point `{entry_point}`: cannot listen on {address}")]
pub struct BindError {
    pub entry_point: EntryPointName,
    pub address: SocketAddr,
    #[source]
    pub source: std::io::Error,
}

impl Bound {
    /// Opens every entry point for every worker (SO_REUSEPORT) or none.
    pub fn open(_config: Config) -> Result<Self, BindError> {
        todo!()
    }

    /// Where each entry point really listens.
    pub fn addresses(&self) -> Vec<(EntryPointName, SocketAddr)> {
        todo!()
    }

    /// Starts the workers. Call it when the first snapshot is ready: there is no window without
    /// configuration (R20).
    pub fn serve(self, _hands: Hands) -> Running {
        todo!()
    }
}

/// Running workers.
pub struct Running {
    _private: (),
}

impl Running {
    /// Stops accepting; h1 answers carry `Connection: close`, h2 gets GOAWAY in two steps; waits up to
    /// the grace time, then closes what is left. Blocks until every worker has ended.
    pub fn drain(self, _grace: Duration) {
        todo!()
    }
}
