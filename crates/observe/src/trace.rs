//! Traces (A11.10): which requests are traced, what a backend is told of it, and the spans.
//!
//! ```text
//!  request headers --begin--> Trace --inject--> headers to the backend
//!                               |
//!  Record of the exchange ------+--finish--> spans --batches--> Outbox (bounded, never waits)
//! ```
//! A request that is not sampled costs its identifiers and the headers that say so to the backend.

mod context;
mod identifiers;
mod span;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName};

use crate::otlp::Outbox;
use crate::record::{Record, TraceIds};

pub use context::Propagator;
use identifiers::Random;
pub use opentelemetry_proto::tonic::trace::v1::Span;

/// What is traced, and what spans say: the same for every worker.
#[derive(Debug, Clone)]
pub struct TraceOptions {
    /// Share of the requests that begin a trace here, 0 to 1 (`sampleRate`). Default 1. A request that is
    /// part of a trace already is sampled as its parent was.
    pub sample_rate: f64,
    /// `OTEL_PROPAGATORS`. Default `tracecontext,baggage`.
    pub propagators: Vec<Propagator>,
    /// `capturedRequestHeaders`, as attributes of the server span. Default none.
    pub request_headers: Vec<HeaderName>,
    /// `capturedResponseHeaders`. Default none.
    pub response_headers: Vec<HeaderName>,
    /// Query parameters whose values are told (`safeQueryParams`); others read `REDACTED`. Default none.
    pub safe_query: Vec<String>,
    /// `addInternals`. Default false.
    pub internals: bool,
}

impl Default for TraceOptions {
    fn default() -> Self {
        Self {
            sample_rate: 1.0,
            propagators: vec![Propagator::TraceContext],
            request_headers: Vec::new(),
            response_headers: Vec::new(),
            safe_query: Vec::new(),
            internals: false,
        }
    }
}

/// How many spans a request has (`traceVerbosity`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verbosity {
    /// One for the request, one for its way to the backend.
    #[default]
    Minimal,
    /// One each for router and service as well.
    Detailed,
}

/// One request's part in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    trace_id: [u8; 16],
    /// The client's span.
    parent: Option<[u8; 8]>,
    /// Our span for the request.
    server: [u8; 8],
    /// Our span for the way to the backend.
    client: [u8; 8],
    sampled: bool,
}

impl Trace {
    /// For the access log; `None`: nobody will see the trace.
    pub fn ids(&self) -> Option<TraceIds> {
        self.sampled.then_some(TraceIds {
            trace_id: self.trace_id,
            span_id: self.server,
        })
    }

    pub fn is_sampled(&self) -> bool {
        self.sampled
    }
}

/// What spans say beyond a record.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    pub verbosity: Verbosity,
    /// The router's rule.
    pub rule: Option<&'a str>,
    /// From the request's start until it was sent to the backend.
    pub asked_after: Option<Duration>,
}

/// One worker's end of tracing.
#[derive(Debug)]
pub struct Tracer {
    options: Arc<TraceOptions>,
    /// Of 2^64: below it a request is sampled.
    threshold: u64,
    random: Random,
    batch: RefCell<Vec<Span>>,
    outbox: Outbox<Span>,
}

impl Tracer {
    pub fn new(options: Arc<TraceOptions>, outbox: Outbox<Span>) -> Self {
        Self {
            threshold: threshold(options.sample_rate),
            random: Random::seeded(),
            batch: RefCell::default(),
            options,
            outbox,
        }
    }

    /// A request with these headers has come.
    pub fn begin(&self, headers: &HeaderMap) -> Trace {
        let mut known = self.options.propagators.iter();
        let parent = known.find_map(|propagator| propagator.extract(headers));
        let (trace_id, parent, sampled) = match parent {
            Some(parent) => (parent.trace_id, Some(parent.span_id), parent.sampled),
            None => (self.random.trace_id(), None, None),
        };
        Trace {
            trace_id,
            parent,
            server: self.random.span_id(),
            client: self.random.span_id(),
            sampled: sampled
                .unwrap_or_else(|| self.random.next() < self.threshold || self.threshold == u64::MAX),
        }
    }

    /// Tells the backend which trace the request belongs to.
    pub fn inject(&self, trace: &Trace, headers: &mut HeaderMap) {
        for propagator in &self.options.propagators {
            propagator.inject(trace, headers);
        }
    }

    /// The request has ended. Never waits.
    pub fn finish(&self, trace: &Trace, route: Route<'_>, record: &Record<'_>) {
        if !trace.sampled || (record.internal && !self.options.internals) {
            return;
        }
        let mut batch = self.batch.borrow_mut();
        span::write(&mut batch, &self.options, trace, route, record);
        if batch.len() >= BATCH {
            self.outbox.send(std::mem::take(&mut *batch));
        }
    }

    /// Hands over what is gathered; called by the worker every moment.
    pub fn flush(&self) {
        let mut batch = self.batch.borrow_mut();
        if !batch.is_empty() {
            self.outbox.send(std::mem::take(&mut *batch));
        }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.flush();
    }
}

fn threshold(rate: f64) -> u64 {
    // Saturates, as is wanted: not a number is none, and more than all is all.
    (rate * 2f64.powi(64)) as u64
}

/// Spans that a worker gathers before it hands them over.
const BATCH: usize = 128;
