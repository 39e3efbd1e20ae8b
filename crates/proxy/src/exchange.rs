//! What happened to one request, gathered while it runs and told to `observe` once at its end.
//!
//! An exchange ends when it is dropped: behind the last byte of the answer, or whenever the client or
//! the connection went away. Without an access log nothing is copied for it.

mod fault_log;
mod labels;
mod open_faults;
mod standing;
mod timing;
mod told;
mod unread;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use http::header::ACCEPT;
use http::{HeaderMap, Method, Response, StatusCode, Version};
use viaduct_observe::counters::{self, Outcome, SeenLeaf};
use viaduct_observe::record::{Ingress, KubernetesService, Slots};
use viaduct_observe::trace::Route;
use viaduct_observe::{BackendLeg, Cause, ClientLeg, Record, Trace, Verbosity};
use viaduct_snapshot::{Router, Server, Service, ServiceKind, Transport};
use viaduct_tls::{Fault, Reason};

use crate::answer::{self, Accepts, BlamedLeg, ProxyError};
use crate::balance::Endpoint;
use crate::body::{Answer, ResponseBody};
use crate::forward::tunnel;
use crate::middleware::Permit;
use crate::upstream::{Lease, Link, refusal};
use crate::wire::{Connection, HeldHeaders, Leg};

pub(crate) use fault_log::{FaultLog, Stray};
pub use fault_log::{FaultTally, FaultWitness, ToldFault};
use labels::Label;
pub(crate) use labels::Labels;
pub(crate) use open_faults::OpenFaults;
use open_faults::Success;
use timing::Timing;
use told::Told;
pub(crate) use unread::Unread;

pub(crate) struct Exchange {
    connection: Rc<Connection>,
    _headers: Option<HeldHeaders>,
    started: Instant,
    method: Method,
    version: Version,
    accepts: Accepts,
    /// The client accepts only an event stream.
    event_stream: bool,
    /// `None` when nobody is told more than counters are.
    told: Option<Box<Told>>,
    trace: Option<Trace>,
    router: Option<Label<Router>>,
    service: Option<Label<Service>>,
    /// Position of the server in the service; without a service it means nothing.
    server: usize,
    /// When a server was chosen that has not answered yet; `None` as well where nobody wants to know.
    waiting: Cell<Option<Instant>>,
    link: Option<Rc<Link>>,
    /// Bytes of the request body; `None` when it has none.
    uploaded: Option<Rc<Cell<u64>>>,
    downloaded: u64,
    status: u16,
    origin_status: u16,
    retries: u32,
    failure: Option<Failure>,
    /// `None`: clients are not told.
    timing: Option<Box<Timing>>,
    /// What mends the last fault of the backend leg, where somebody is told.
    fix: RefCell<Option<String>>,
    /// Who the client says it is; kept for the access log alone.
    user: Option<Box<str>>,
    /// Given back when the exchange ends.
    held: Vec<Permit>,
}

struct Failure {
    code: &'static str,
    detail: String,
    fix: Option<String>,
    leg: BlamedLeg,
}

impl Exchange {
    /// Boxed: it moves with the answer to its end.
    pub(crate) fn start<B>(connection: Rc<Connection>, request: &http::Request<B>) -> Box<Self> {
        let worker = &connection.worker;
        let tracer = worker
            .tracer
            .as_ref()
            .filter(|_| connection.observability().tracing);
        let trace = tracer.map(|tracer| tracer.begin(request.headers()));
        let told = Told::wanted(&connection, trace.as_ref(), request);
        Box::new(Self {
            _headers: HeldHeaders::of(&connection, request),
            started: Instant::now(),
            method: request.method().clone(),
            version: request.version(),
            accepts: Accepts::of(request.headers()),
            event_stream: request
                .headers()
                .get(ACCEPT)
                .is_some_and(|accept| accept.as_bytes() == b"text/event-stream"),
            told,
            trace,
            router: None,
            service: None,
            server: 0,
            waiting: Cell::new(None),
            link: None,
            uploaded: None,
            downloaded: 0,
            // Until there is a head, going away means that the client left.
            status: answer::client_closed_request().as_u16(),
            origin_status: 0,
            retries: 0,
            failure: None,
            fix: RefCell::default(),
            timing: connection.exposes_faults().then(Box::default),
            user: None,
            held: Vec::new(),
            connection,
        })
    }

    pub(crate) fn matched(&mut self, router: &Arc<Router>) {
        if router.observability.tracing == Some(false) {
            self.trace = None;
        }
        self.router = Some(self.connection.worker.labels.router(router));
    }

    pub(crate) fn chosen(&mut self, endpoint: &Endpoint<'_>) {
        let worker = &self.connection.worker;
        self.service = Some(worker.labels.service(endpoint.service, &worker.counters));
        self.server = endpoint.index;
        if worker.counters.times_servers() {
            self.waiting.set(Some(Instant::now()));
        }
    }

    /// The server that was chosen has answered, or never will.
    fn waited(&self, outcome: Outcome) {
        if let Some(since) = self.waiting.take()
            && let Some(tally) = self
                .service
                .as_ref()
                .and_then(|service| service.tally(self.server))
            && self.wants_metrics()
        {
            tally.count(&self.method, outcome, since.elapsed());
        }
    }

    /// Whether this request is counted in the metrics.
    fn wants_metrics(&self) -> bool {
        let router = self
            .router
            .as_ref()
            .and_then(|router| router.observability.metrics);
        router.unwrap_or_else(|| self.connection.observability().metrics)
    }

    /// Tells the backend which trace the request belongs to.
    pub(crate) fn trace_onward(&self, headers: &mut HeaderMap) {
        if let (Some(trace), Some(tracer)) = (&self.trace, &self.connection.worker.tracer) {
            tracer.inject(trace, headers);
        }
    }

    /// A counter for the bytes of the request body.
    pub(crate) fn upload_meter(&mut self) -> Rc<Cell<u64>> {
        Rc::clone(self.uploaded.get_or_insert_default())
    }

    /// Whether the bridge ends at one of our own listeners (CVE-2023-47633).
    pub(crate) fn leads_back(&self, lease: &Lease) -> bool {
        lease
            .link()
            .own_port()
            .is_some_and(|port| self.connection.is_our_port(port))
    }

    /// The request goes out over this bridge.
    pub(crate) fn asked(&mut self, lease: &Lease) {
        let link = lease.link();
        if !lease.is_reused()
            && let Some(leg) = link.leg()
        {
            let counters = &self.connection.worker.counters;
            counters.handshake(counters::Leg::Backend, leg.resumed, leg.took);
            if let Some((transport, server)) = self.server() {
                counters.saw_leaf(&server.url, leaf(leg, server));
                if let Some(proof) = link.proof() {
                    standing::tell(
                        counters,
                        (transport, server),
                        self.router.as_deref(),
                        (leg, proof),
                    );
                }
            }
        }
        self.link = Some(link);
        if let Some(timing) = &mut self.timing {
            timing.asked(lease);
        }
        if let Some(told) = &mut self.told {
            told.asked();
        }
    }

    /// Who the client says it is, right or not.
    pub(crate) fn user(&mut self, name: &str) {
        if self.told.is_some() {
            self.user = Some(name.into());
        }
    }

    /// Keeps a place for as long as the request is in flight, its answer's body included.
    pub(crate) fn hold(&mut self, permit: Permit) {
        self.held.push(permit);
    }

    pub(crate) fn retried(&mut self) {
        self.retries += 1;
    }

    /// The backend's head has come.
    pub(crate) fn answered<B>(&mut self, response: &Response<B>) {
        self.origin_status = response.status().as_u16();
        if !refusal::may_complain(response.status()) {
            self.succeeded(Success::Head);
        }
        self.waited(Outcome::Answer {
            status: self.origin_status,
            version: response.version().into(),
        });
        if let Some(timing) = &mut self.timing {
            timing.answered();
        }
        if let Some(told) = &mut self.told {
            told.answered(response.headers());
        }
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.downloaded += bytes as u64;
    }

    /// How long a connection that changed its protocol may carry nothing.
    pub(crate) fn tunnel_patience(&self) -> Duration {
        self.connection.timeouts().tunnel
    }

    /// A part of the backend's body goes out. The first may tell a fault; the answer stays what it is.
    pub(crate) fn passed(&mut self, data: &[u8]) {
        if self.downloaded == 0 {
            self.look_for_complaint(data);
        }
        self.sent(data.len());
    }

    fn look_for_complaint(&mut self, body: &[u8]) {
        let may_complain = StatusCode::from_u16(self.origin_status).is_ok_and(refusal::may_complain);
        let Some(link) = self.link.as_deref().filter(|_| may_complain) else {
            return;
        };
        if let Some(fault) = refusal::fault(body, link) {
            self.backend_failed(&fault);
        }
    }

    /// Totals of a connection that changed its protocol.
    pub(crate) fn tunnelled(&mut self, up: u64, down: u64) {
        self.upload_meter().set(up);
        self.downloaded = down;
    }

    fn succeeded(&self, success: Success) {
        if let Some(endpoint) = self.endpoint() {
            self.connection.worker.fault_log.succeeded(&endpoint, success);
        }
    }

    /// A bridge could not be built, or broke before its answer: one line, now and then, for operators.
    pub(crate) fn tell(&self, error: &ProxyError, endpoint: &Endpoint<'_>) {
        self.waited(Outcome::Failure(error.reason()));
        if let ProxyError::Backend(fault) = error {
            self.tell_fault(fault, endpoint);
        }
    }

    fn tell_fault(&self, fault: &Fault, endpoint: &Endpoint<'_>) {
        let router = self.router.as_deref();
        let hint = || hint(fault, &endpoint.balancer.transport, router);
        let log = &self.connection.worker.fault_log;
        if self.told.is_none() && !self.exposes_faults() {
            return log.tell(fault, router, endpoint, hint);
        }
        let fix = hint();
        log.tell(fault, router, endpoint, || fix.clone());
        self.fix.replace(fix);
    }

    /// What mends the fault that the request failed with.
    pub(crate) fn fix(&self) -> Option<String> {
        self.fix.borrow().clone()
    }

    pub(crate) fn failed(&mut self, error: ProxyError) {
        tracing::debug!(
            router = self.router_name(),
            reason = error.reason(),
            leg = ?error.leg(),
            "request failed: {error}"
        );
        self.failure = Some(Failure {
            code: error.reason(),
            detail: error.to_string(),
            fix: match &error {
                ProxyError::Backend(_) => self.fix.take(),
                _ => None,
            },
            leg: error.leg(),
        });
    }

    /// The backend broke off inside its body; the head has gone out already.
    pub(crate) fn body_broken(&mut self, error: &hyper::Error) {
        let mut got = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            got = format!("{got}: {cause}");
            source = cause.source();
        }
        self.backend_failed(&Fault::new(Reason::BodyBroken, "the whole body", got));
    }

    /// The backend's head has gone out, and yet there is a fault.
    fn backend_failed(&mut self, fault: &Fault) {
        if let Some(endpoint) = self.endpoint() {
            self.tell_fault(fault, &endpoint);
        }
        self.failure = Some(Failure {
            code: fault.reason.code(),
            detail: fault.to_string(),
            fix: self.fix.take(),
            leg: BlamedLeg::Backend,
        });
    }

    /// The server that was chosen, with what leads to it.
    fn endpoint(&self) -> Option<Endpoint<'_>> {
        let service = self.service.as_ref()?.shared();
        let ServiceKind::LoadBalancer(balancer) = &service.kind else {
            return None;
        };
        Some(Endpoint {
            service,
            balancer,
            server: balancer.servers.get(self.server)?,
            index: self.server,
        })
    }

    pub(crate) fn accepts(&self) -> Accepts {
        self.accepts
    }

    pub(crate) fn exposes_faults(&self) -> bool {
        self.connection.exposes_faults()
    }

    /// The answer that goes out; from here the exchange lives as long as its body.
    pub(crate) fn respond(mut self: Box<Self>, mut response: Response<Answer>) -> Response<ResponseBody> {
        self.status = response.status().as_u16();
        if let Some(timing) = &self.timing {
            let fault = self.failure.as_ref().map(|failure| failure.code);
            let link = self.link.as_deref();
            timing.tell(response.headers_mut(), link, fault, self.started.elapsed());
        }
        if let Some(told) = &mut self.told {
            told.responded(response.headers());
        }
        let (parts, answer) = response.into_parts();
        let body = match answer {
            Answer::Text(text) => ResponseBody::text(text, self),
            Answer::Backend { body, lease } => ResponseBody::backend(body, lease, self),
            Answer::Begun { first, body, lease } => ResponseBody::begun(first, body, lease, self),
            Answer::Switch(tunnel) => {
                tunnel::start(*tunnel, self);
                ResponseBody::none()
            }
        };
        Response::from_parts(parts, body)
    }

    /// The server that was chosen.
    fn server(&self) -> Option<(&Transport, &Server)> {
        let endpoint = self.endpoint()?;
        Some((&endpoint.balancer.transport, endpoint.server))
    }

    /// The Ingress or IngressRoute that the router was made of.
    fn ingress(&self) -> Option<Ingress<'_>> {
        let origin = self.router.as_ref()?.origin.as_ref()?;
        origin.kind.starts_with("Ingress").then_some(Ingress {
            namespace: &origin.namespace,
            name: &origin.name,
        })
    }

    /// The Kubernetes Service that the server was chosen from.
    fn kubernetes_service(&self) -> Option<KubernetesService<'_>> {
        let balanced = self.service.as_ref()?.balances.as_ref()?;
        Some(KubernetesService {
            namespace: &balanced.service.namespace,
            name: &balanced.service.name,
            port: &balanced.port,
        })
    }

    fn router_name(&self) -> Option<&str> {
        self.router.as_ref().map(|router| &*router.name)
    }

    fn record_it(&self) {
        let worker = &self.connection.worker;
        let blank = HeaderMap::new();
        let record = self.record(&blank);
        let entry_point = self.connection.observability();
        let router = self
            .router
            .as_ref()
            .map(|router| router.observability)
            .unwrap_or_default();
        if self.wants_metrics() {
            worker.counters.count(&record);
        }
        if let Some(log) = &worker.access_log
            && router.access_log.unwrap_or(entry_point.access_log)
        {
            log.borrow_mut().write(&record);
        }
        if let (Some(tracer), Some(trace)) = (&worker.tracer, &self.trace) {
            let detailed = router.detailed.unwrap_or(entry_point.detailed);
            tracer.finish(trace, self.span_route(detailed), &record);
        }
    }

    fn span_route(&self, detailed: bool) -> Route<'_> {
        Route {
            verbosity: if detailed {
                Verbosity::Detailed
            } else {
                Verbosity::Minimal
            },
            rule: self.router.as_ref().map(|router| &*router.rule_text),
            asked_after: self.told.as_ref().and_then(|told| told.asked_after(self.started)),
        }
    }

    fn record<'a>(&'a self, blank: &'a HeaderMap) -> Record<'a> {
        let connection = &*self.connection;
        let told = self.told.as_deref();
        let leg: Option<&Arc<ClientLeg>> = match &connection.leg {
            Leg::Plain => None,
            Leg::Secure { facts, .. } => Some(facts),
        };
        Record {
            start: told.map_or(SystemTime::UNIX_EPOCH, Told::wall),
            duration: self.started.elapsed(),
            origin_duration: told.and_then(Told::origin_duration),
            entry_point: connection.entry_point_name(),
            internal: self
                .router
                .as_ref()
                .is_some_and(|router| router.service_name.ends_with(INTERNAL)),
            event_stream: self.event_stream,
            router: self.router_name(),
            service: self.service.as_ref().map(|service| &*service.name),
            server_url: self.server().map(|(_, server)| &*server.url),
            server_addr: self.link.as_ref().map(|link| link.peer()),
            client: connection.client,
            forwarded_for: told.and_then(Told::forwarded_for),
            client_user: self.user.as_deref(),
            method: self.method.as_str(),
            path: told.map_or("", Told::target),
            host: told.map_or("", Told::host),
            protocol: protocol(self.version),
            scheme: if leg.is_some() { "https" } else { "http" },
            request_headers: told.and_then(Told::request_headers).unwrap_or(blank),
            request_bytes: self.uploaded.as_ref().map_or(0, |meter| meter.get()),
            status: self.status,
            origin_status: self.origin_status,
            origin_bytes: if self.origin_status == 0 {
                0
            } else {
                self.downloaded
            },
            response_headers: told.and_then(Told::response_headers),
            origin_headers: told.and_then(Told::origin_headers),
            ingress: self.ingress(),
            kubernetes_service: self.kubernetes_service(),
            trace: self.trace.as_ref().and_then(Trace::ids),
            response_bytes: self.downloaded,
            retries: self.retries,
            client_leg: leg.map(Arc::as_ref),
            backend_leg: self.link.as_ref().and_then(|link| link.leg()),
            fault: self.failure.as_ref().map(Failure::cause),
            count: if told.is_some() {
                COUNT.fetch_add(1, Ordering::Relaxed) + 1
            } else {
                0
            },
            slots: Slots {
                entry_point: connection.entry_point,
                router: self.router.as_ref().map(|router| router.slot.0),
                service: self.service.as_ref().map(|service| service.slot.0),
            },
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.status == 499 && self.failure.is_none() {
            self.failed(ProxyError::ClientGone);
        }
        if let Some(failure) = &self.failure {
            self.waited(Outcome::Failure(failure.code));
        } else if self.origin_status != 0 {
            self.succeeded(Success::Whole);
        }
        self.record_it();
    }
}

impl Failure {
    fn cause(&self) -> Cause<'_> {
        Cause {
            code: self.code,
            detail: &self.detail,
            fix: self.fix.as_deref(),
            leg: match self.leg {
                BlamedLeg::Client => counters::Leg::Client,
                BlamedLeg::Own => counters::Leg::Own,
                BlamedLeg::Backend => counters::Leg::Backend,
            },
        }
    }
}

/// When the certificate of a new connection's server ends.
fn leaf(leg: &BackendLeg, server: &Server) -> SeenLeaf {
    SeenLeaf {
        at: SystemTime::now(),
        pool: server.pool.0,
        common_name: Arc::clone(&leg.peer_common_name),
        serial: Arc::clone(&leg.peer_serial),
        sans: Arc::clone(&leg.peer_sans),
        fingerprint: Arc::clone(&leg.peer_fingerprint),
        not_after: leg.peer_not_after,
    }
}

/// For the hint of a fault's line.
pub(crate) fn hint(fault: &Fault, transport: &Transport, router: Option<&Router>) -> Option<String> {
    router.and_then(|router| viaduct_snapshot::explain::hint(fault, transport, router))
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

/// How the names of our own services end.
const INTERNAL: &str = "@internal";

/// Requests of this process that a log has told of.
static COUNT: AtomicU64 = AtomicU64::new(0);

#[cfg(test)]
mod tests;
