//! A worker: one thread, one runtime, its own listeners, pools and counters.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::watch;
use tokio::time::Instant;
use viaduct_config::EntryPointName;
use viaduct_observe::{AccessLog, Tracer, WorkerCounters};
use viaduct_snapshot::Snapshot;

use crate::Config;
use crate::config::{EntryPointConfig, LifeCycle};
use crate::drain::{Drain, Phase};
use crate::enforced::Enforced;
use crate::exchange::{FaultWitness, OpenFaults};
use crate::internal::Internal;
use crate::listen::quic::{self, Shared};
use crate::listen::{self, Share};
use crate::upstream::Upstreams;

/// The snapshot as a worker's requests hold it. Counting with the outer `Rc` touches no cache line of
/// another worker.
pub(crate) type Current = Rc<Arc<Snapshot>>;

/// All state of one worker; lives as long as its thread.
pub(crate) struct Worker {
    pub(crate) config: Arc<Config>,
    pub(crate) snapshot: RefCell<Current>,
    pub(crate) upstreams: Upstreams,
    pub(crate) balancers: crate::balance::Balancers,
    pub(crate) access_log: Option<RefCell<AccessLog>>,
    /// `None`: nothing is traced.
    pub(crate) tracer: Option<Tracer>,
    pub(crate) counters: Arc<WorkerCounters>,
    pub(crate) drain: Drain,
    /// Routers and services of finished requests, by slot.
    pub(crate) labels: crate::exchange::Labels,
    pub(crate) fault_log: crate::exchange::FaultLog,
    pub(crate) passwords: crate::middleware::Passwords,
    /// Of the whole process.
    pub(crate) in_flight: Arc<crate::middleware::InFlight>,
    /// Bytes of request headers that the streams of all its connections hold (C25).
    pub(crate) headers_held: Cell<usize>,
    pub(crate) internal: Option<Arc<dyn Internal>>,
    /// Where it says what it holds connections against, and its number there.
    pub(crate) enforced: (Arc<Enforced>, usize),
    /// By entry point: what answers over TLS say of HTTP/3.
    pub(crate) alt_svc: Vec<Option<HeaderValue>>,
    /// The process has been told to end, also where connections are still accepted.
    pub(crate) terminating: Cell<bool>,
}

impl Worker {
    /// The configuration that a request starting now is served by, to its end.
    pub(crate) fn snapshot(&self) -> Current {
        Rc::clone(&self.snapshot.borrow())
    }

    fn flush_log(&self) {
        if let Some(log) = &self.access_log {
            log.borrow_mut().flush();
        }
        if let Some(tracer) = &self.tracer {
            tracer.flush();
        }
    }

    /// Puts a new configuration in force: requests that start now see it; pools it no longer knows are
    /// closed.
    pub(crate) fn install(&self, snapshot: Arc<Snapshot>) {
        self.upstreams.retain(&snapshot);
        self.fault_log.follow(&snapshot);
        let (enforced, number) = &self.enforced;
        enforced.by(*number, &snapshot.revocations);
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
    /// Answers for internal services; `None`: there are none.
    pub internal: Option<Arc<dyn Internal>>,
    /// One per worker; none: nothing is traced.
    pub tracers: Vec<Tracer>,
    /// Told of faults of the backend leg; `None`: the log tells of them, and that is all.
    pub witness: Option<Arc<dyn FaultWitness>>,
    /// Told when a revocation is in force.
    pub enforced: Arc<Enforced>,
}

/// Listening sockets, open but not yet served.
pub struct Bound {
    config: Arc<Config>,
    addresses: Vec<(EntryPointName, SocketAddr)>,
    /// By worker, then by entry point.
    listeners: Vec<Vec<Sockets>>,
    /// `None`: no entry point has HTTP/3.
    quic: Option<Shared>,
}

/// Where one worker serves one entry point.
struct Sockets {
    tcp: StdListener,
    /// For HTTP/3.
    udp: Option<UdpSocket>,
}

impl Sockets {
    fn open(entry: &EntryPointConfig, share: Share) -> io::Result<Self> {
        let tcp = listen::open(entry.address, share)?;
        // Port 0 has become a number.
        let address = tcp.local_addr()?;
        let udp = entry.http3.map(|_| quic::open(address, share)).transpose()?;
        Ok(Self { tcp, udp })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("entry point `{entry_point}`: cannot listen on {address}")]
pub struct BindError {
    pub entry_point: EntryPointName,
    pub address: SocketAddr,
    #[source]
    pub source: io::Error,
}

impl Bound {
    /// Opens every entry point for every worker (SO_REUSEPORT) or none.
    pub fn open(mut config: Config) -> Result<Self, BindError> {
        let workers = config.workers.max(1);
        let mut listeners: Vec<Vec<Sockets>> = (0..workers).map(|_| Vec::new()).collect();
        let mut addresses = Vec::new();
        let mut quic = None;
        for entry in &mut config.entry_points {
            let (name, address) = (entry.name.clone(), entry.address);
            let failed = |source| BindError {
                entry_point: name.clone(),
                address,
                source,
            };
            // The first sockets find out whether the address is free, and resolve port 0.
            let alone = Sockets::open(entry, Share::Alone).map_err(failed)?;
            entry.address = alone.tcp.local_addr().map_err(failed)?;
            if let [only] = listeners.as_mut_slice() {
                only.push(alone);
            } else {
                drop(alone);
                for own in &mut listeners {
                    own.push(Sockets::open(entry, Share::AmongWorkers).map_err(failed)?);
                }
            }
            addresses.push((entry.name.clone(), entry.address));
            if entry.http3.is_some() && quic.is_none() {
                quic = Some(Shared::new().map_err(failed)?);
            }
        }
        Ok(Self {
            config: Arc::new(config),
            addresses,
            listeners,
            quic,
        })
    }

    /// Where each entry point really listens.
    pub fn addresses(&self) -> Vec<(EntryPointName, SocketAddr)> {
        self.addresses.clone()
    }

    /// Starts the workers. Call it when the first snapshot is ready: there is no window without
    /// configuration (R20).
    pub fn serve(self, hands: Hands) -> Running {
        let (phases, phase) = watch::channel(Phase::Serving);
        let udp = self
            .listeners
            .iter()
            .flatten()
            .filter_map(|sockets| sockets.udp.as_ref());
        let held = udp.filter_map(|udp| udp.try_clone().ok()).collect();
        let in_flight = Arc::default();
        let open_faults = Arc::default();
        let logs = hands
            .access_logs
            .into_iter()
            .chain(std::iter::repeat_with(|| None));
        let counters = hands
            .counters
            .into_iter()
            .chain(std::iter::repeat_with(Arc::default));
        let mut tracers = hands.tracers.into_iter();
        let threads = self
            .listeners
            .into_iter()
            .zip(logs)
            .zip(counters)
            .enumerate()
            .filter_map(|(number, ((listeners, access_log), counters))| {
                let seat = Seat {
                    config: Arc::clone(&self.config),
                    snapshots: hands.snapshots.clone(),
                    phase: phase.clone(),
                    listeners,
                    quic: self.quic.clone(),
                    access_log,
                    tracer: tracers.next(),
                    counters,
                    in_flight: Arc::clone(&in_flight),
                    internal: hands.internal.clone(),
                    witness: hands.witness.clone(),
                    open_faults: Arc::clone(&open_faults),
                    enforced: (Arc::clone(&hands.enforced), number),
                };
                let thread = std::thread::Builder::new().name(format!("worker-{number}"));
                match thread.spawn(move || seat.run()) {
                    Ok(handle) => Some(handle),
                    Err(error) => {
                        tracing::error!(%error, worker = number, "cannot start a worker");
                        None
                    }
                }
            })
            .collect();
        Running {
            phases,
            threads,
            _held: held,
        }
    }
}

/// Running workers.
pub struct Running {
    phases: watch::Sender<Phase>,
    threads: Vec<JoinHandle<()>>,
    /// UDP sockets of every worker, kept until the last has ended: when one closes, the kernel deals the packets of
    /// all anew.
    _held: Vec<UdpSocket>,
}

impl Running {
    /// Goes through the end of each entry point's life cycle: accepts for as long as it says, then no more;
    /// h1 answers carry `Connection: close`, h2 and h3 get GOAWAY in two steps; waits up to the grace time, then
    /// closes what is left. Blocks until every worker has ended.
    pub fn drain(self) {
        self.phases.send_replace(Phase::Draining);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker panicked");
            }
        }
    }
}

/// What one worker's thread starts from.
struct Seat {
    config: Arc<Config>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    phase: watch::Receiver<Phase>,
    listeners: Vec<Sockets>,
    quic: Option<Shared>,
    access_log: Option<AccessLog>,
    tracer: Option<Tracer>,
    counters: Arc<WorkerCounters>,
    in_flight: Arc<crate::middleware::InFlight>,
    internal: Option<Arc<dyn Internal>>,
    witness: Option<Arc<dyn FaultWitness>>,
    open_faults: Arc<OpenFaults>,
    enforced: (Arc<Enforced>, usize),
}

impl Seat {
    fn run(self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            // Work through everything that is ready before the kernel is asked again: fuller batches, fewer
            // system calls. The default of 61 polls is some ten requests.
            .event_interval(EVENT_INTERVAL)
            .build_local(tokio::runtime::LocalOptions::default());
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!(%error, "cannot start a worker's runtime"),
        };
        let worker = runtime.block_on(self.work());
        // Ends the tasks that are left; their exchanges are told as they go.
        drop(runtime);
        worker.flush_log();
    }

    /// Returns when the worker may end.
    async fn work(mut self) -> Rc<Worker> {
        let first = Arc::clone(&self.snapshots.borrow_and_update());
        let worker = Rc::new(Worker {
            drain: Drain::new(self.config.entry_points.len()),
            alt_svc: self.config.entry_points.iter().map(alt_svc).collect(),
            config: self.config,
            snapshot: RefCell::new(Rc::new(first)),
            upstreams: Upstreams::default(),
            balancers: crate::balance::Balancers::default(),
            access_log: self.access_log.map(RefCell::new),
            tracer: self.tracer,
            counters: self.counters,
            labels: crate::exchange::Labels::default(),
            fault_log: crate::exchange::FaultLog::with(self.witness, self.open_faults),
            passwords: crate::middleware::Passwords::default(),
            in_flight: self.in_flight,
            headers_held: Cell::new(0),
            internal: self.internal,
            enforced: self.enforced,
            terminating: Cell::new(false),
        });
        let first = worker.snapshot();
        worker.install(Arc::clone(&first));
        drop(tokio::task::spawn_local(follow(
            Rc::clone(&worker),
            self.snapshots,
        )));
        drop(tokio::task::spawn_local(flush(Rc::clone(&worker))));
        let mut doors = Vec::new();
        let mut quic_doors = Vec::new();
        for (entry_point, sockets) in self.listeners.into_iter().enumerate() {
            let door = listen::accept_loop(Rc::clone(&worker), entry_point, sockets.tcp);
            doors.push(tokio::task::spawn_local(door));
            if let (Some(udp), Some(shared)) = (sockets.udp, self.quic.clone()) {
                let door = quic::accept_loop(Rc::clone(&worker), entry_point, udp, shared);
                quic_doors.push(tokio::task::spawn_local(door));
            }
        }
        begun(self.phase).await;
        worker.terminating.set(true);
        let deadline = end_life(&worker);
        for door in doors {
            if door.await.is_err() {
                tracing::error!("a listener's task panicked");
            }
        }
        let mut endpoints = Vec::new();
        for door in quic_doors {
            endpoints.extend(door.await.ok().flatten());
        }
        if !worker.drain.emptied(deadline).await {
            tracing::warn!(
                connections = worker.drain.open(),
                idle = worker.drain.resting(),
                "closing what the grace time did not suffice for"
            );
        }
        for endpoint in endpoints {
            // Last words of QUIC are sent by tasks that end with the runtime.
            endpoint.close(NO_ERROR, b"");
            drop(tokio::time::timeout(GOODBYE, endpoint.wait_idle()).await);
        }
        worker
    }
}

/// Resolves when the drain is to begin, or the control plane has gone.
async fn begun(mut phase: watch::Receiver<Phase>) {
    drop(phase.wait_for(|phase| *phase == Phase::Draining).await);
}

/// Begins the drain of every entry point when its time has come. Returns when the last of them has to be empty.
fn end_life(worker: &Rc<Worker>) -> Instant {
    let now = Instant::now();
    let mut end = now;
    for (index, entry_point) in worker.config.entry_points.iter().enumerate() {
        let LifeCycle { accept, grace } = entry_point.life_cycle;
        end = end.max(now + accept + grace);
        if accept.is_zero() {
            worker.drain.begin(index);
        } else {
            let worker = Rc::clone(worker);
            drop(tokio::task::spawn_local(async move {
                tokio::time::sleep(accept).await;
                worker.drain.begin(index);
            }));
        }
    }
    end
}

/// As Traefik writes it.
fn alt_svc(entry: &EntryPointConfig) -> Option<HeaderValue> {
    let port = match entry.http3?.advertised_port {
        0 => entry.address.port(),
        port => port,
    };
    HeaderValue::from_str(&format!("h3=\":{port}\"; ma=2592000")).ok()
}

/// Installs each new snapshot.
async fn follow(worker: Rc<Worker>, mut snapshots: watch::Receiver<Arc<Snapshot>>) {
    while snapshots.changed().await.is_ok() {
        let next = Arc::clone(&snapshots.borrow_and_update());
        worker.install(next);
    }
}

/// Access-log lines wait at most this long in a worker.
async fn flush(worker: Rc<Worker>) {
    if worker.access_log.is_none() && worker.tracer.is_none() {
        return;
    }
    let mut tick = tokio::time::interval(FLUSH);
    loop {
        tick.tick().await;
        worker.flush_log();
    }
}

/// H3_NO_ERROR (RFC 9114, 8.1).
const NO_ERROR: quinn::VarInt = quinn::VarInt::from_u32(0x100);
/// For the CONNECTION_CLOSE of the last connections.
const GOODBYE: Duration = Duration::from_millis(500);
const FLUSH: Duration = Duration::from_millis(200);
/// Polls between two looks at the sockets, at most.
const EVENT_INTERVAL: u32 = 512;

#[cfg(test)]
mod tests;
