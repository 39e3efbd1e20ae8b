//! The client leg: which certificate, which options, which connections may be used for which host.

mod authentication;
mod certificates;
mod deadlines;
mod limits;
mod options;
mod protocols;
mod shutdown;
mod slow;
mod split_hello;
pub(crate) mod stapling;
mod tickets;
