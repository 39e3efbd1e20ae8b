//! What is told of requests: access log, counters. Records come in, text goes out; nothing here is
//! read back by the proxy.
//!
//! ```text
//!  Record --+--> AccessLog (per worker) --batches--> Sink (one writer thread) --> file, stdout
//!           +--> WorkerCounters (per worker) --------> Totals --> families --> prometheus
//! ```

pub mod access_log;
pub mod counters;
pub mod families;
pub mod otlp;
pub mod prometheus;
pub mod record;
pub mod sink;
pub mod trace;

pub use access_log::{AccessLog, Fields, Filters, Format, Headers, Mode, Options};
pub use counters::{Leg, Totals, WorkerCounters};
pub use record::{BackendLeg, Cause, ClientLeg, Record};
pub use sink::{Lines, Output, Rotation, Sink, SinkError};
pub use trace::{Trace, TraceOptions, Tracer, Verbosity};
