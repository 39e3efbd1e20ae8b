//! What is told of requests: access log, counters. Records come in, text goes out; nothing here is
//! read back by the proxy.

pub mod access_log;
pub mod counters;
pub mod record;
pub mod sink;

pub use access_log::{AccessLog, Format};
pub use counters::WorkerCounters;
pub use record::{BackendLeg, ClientLeg, Record};
