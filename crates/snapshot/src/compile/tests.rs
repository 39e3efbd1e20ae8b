//! `compile`, seen from outside: updates in, requests answered, findings said.

mod bridges;
mod fail_closed;
mod incremental;
mod internal;
mod kit;
mod middlewares;
mod patching;
mod rotation;
mod routers;
mod services;
mod staples;
mod tls_options;
mod transports;
