//! The data plane: sockets and the current snapshot in, bytes and records out.
//!
//! # Life of a request
//!
//! 1. [`listen`]: accept, limits, back-pressure; for HTTP/3, [`listen::quic`] as far as step 4
//! 2. [`hello`]: TLS or plain text? which server name?
//! 3. [`frontend`]: TLS with the policy of the host that routing will use
//! 4. [`wire`]: bytes to messages and back, HTTP/1.1, HTTP/2 and HTTP/3
//! 5. [`request`]: normalise once (I1), strip owned headers (I3); `serve` is here
//! 6. matching: ask the snapshot's routing table
//! 7. [`middleware`]: through the router's middlewares, and back through them with the answer
//! 8. [`balance`]: which server
//! 9. [`upstream`]: a verified bridge to it, from the pool or new
//!
//! then [`forward`] copies both ways, [`answer`] is the one place where a failure becomes a status, and
//! [`exchange`] tells `observe` what happened.
//!
//! Each worker is one thread with its own runtime, listeners, pools and counters; nothing on the
//! request path is shared between workers, so `Rc`, `Cell` and `RefCell` are the tools here.

#![warn(clippy::indexing_slicing)]

pub mod config;

pub(crate) mod answer;
pub(crate) mod balance;
pub(crate) mod body;
pub(crate) mod drain;
pub(crate) mod enforced;
pub(crate) mod exchange;
pub(crate) mod forward;
pub(crate) mod frontend;
pub(crate) mod headers;
pub(crate) mod hello;
pub mod internal;
pub(crate) mod listen;
pub(crate) mod middleware;
pub mod preview;
pub mod probe;
pub(crate) mod request;
#[cfg(test)]
pub(crate) mod runtime;
pub(crate) mod upstream;
pub(crate) mod wire;
pub(crate) mod worker;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;
#[cfg(test)]
mod testing;

pub use answer::status_of;
pub use config::{
    Config, EntryPointConfig, ForwardedTrust, Http3, Hygiene, KeepAlive, LifeCycle, Limits, Naming,
    Observability, ProxyProtocol, RespondingTimeouts, UnderscoreHeaders,
};
pub use enforced::Enforced;
pub use exchange::{FaultTally, FaultWitness, ToldFault};
pub use internal::Internal;
pub use worker::{BindError, Bound, Hands, Running};
