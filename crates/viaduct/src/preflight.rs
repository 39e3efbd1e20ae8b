//! Pre-flight: shakes hands with servers before requests need them, and says who would fail (C11, C12).
//!
//! ```text
//!  control --snapshots--> prober (a thread of its own) --handshakes--> servers
//!                            |  rounds: after a change, what is new; now and then, everything
//!                            +--Report--> log, Events, API, metrics
//! ```
//! Nothing here is on the path of a request: a server that fails here is still asked by requests.

pub(crate) mod drift;
pub(crate) mod endpoints;
mod gate;
mod prober;
pub(crate) mod rehearse;
pub(crate) mod report;
mod round;
mod tell;
mod turns;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use viaduct_config::install::PreflightMode;
use viaduct_kubernetes::events::Events;
use viaduct_snapshot::Snapshot;

use crate::failure::Failure;
pub(crate) use gate::Gate;
pub(crate) use report::Report;

/// `bridge.preflight` and `bridge.preflightInterval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) mode: PreflightMode,
    /// `None`: servers are tried when something changed, and not again.
    pub(crate) interval: Option<Duration>,
}

impl Settings {
    /// No handshakes but those that are asked for.
    pub(crate) const OFF: Self = Self {
        mode: PreflightMode::Off,
        interval: None,
    };
}

/// The running prober. It ends with the process, or when nobody changes the configuration any more.
#[derive(Debug, Clone)]
pub(crate) struct Preflight {
    settings: Settings,
    reports: watch::Receiver<Arc<Report>>,
    runtime: Handle,
}

impl Preflight {
    /// On a thread of its own: handshakes disturb neither the workers nor the control plane.
    pub(crate) fn start(
        settings: Settings,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        events: Option<Events>,
    ) -> Result<Self, Failure> {
        let failed = |error| Failure::new("cannot start the pre-flight's thread").because(error);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let handle = runtime.handle().clone();
        let (publisher, reports) = watch::channel(Arc::default());
        let prober = prober::Prober::new(settings, snapshots, publisher, events);
        // Not joined: it waits for servers, and the end of the process does not.
        let _detached = std::thread::Builder::new()
            .name("preflight".into())
            .spawn(move || runtime.block_on(prober.run()))
            .map_err(failed)?;
        Ok(Self {
            settings,
            reports,
            runtime: handle,
        })
    }

    /// What lets a change of trust wait; `None`: it does not.
    pub(crate) fn gate(&self) -> Option<Gate> {
        (self.settings.mode == PreflightMode::Gate).then(|| Gate::new(self.runtime.clone()))
    }

    /// Of the thread on which handshakes belong.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings
    }

    /// What is known now.
    pub(crate) fn report(&self) -> Arc<Report> {
        Arc::clone(&self.reports.borrow())
    }
}
