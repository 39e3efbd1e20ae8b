//! Handshakes between our configurations and rustls's own, in memory.

mod acceptance;
mod backend;
mod choice;
mod client_auth;
mod memory;
mod quic;
mod rotation;
mod system_trust;
mod tickets;
