//! Step 7: middlewares. [`chain`] is the onion; each other module is one kind, or a few that belong together.
//!
//! What a middleware is, the snapshot says ([`viaduct_snapshot::middleware`]); here is what it does. A router
//! without middlewares never comes here.

mod basic_auth;
mod chain;
mod client_cert;
mod content_type;
pub(crate) mod headers;
mod in_flight;
pub(crate) mod path;
pub(crate) mod redirect;
mod source;

pub(crate) use basic_auth::Passwords;
pub(crate) use chain::{Next, Way};
pub(crate) use in_flight::{InFlight, Permit};

#[cfg(test)]
mod tests;
