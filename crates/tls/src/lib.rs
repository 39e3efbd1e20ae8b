//! TLS for both legs: policies in, handshakes out, and a typed reason for each that fails.
//!
//! ```text
//!  PEM --------> Identity, TrustBundle
//!  ClientPolicy + CertificateStore --> ServerTls  --accept-->  TlsStream + ClientHandshake
//!                                         +-------quic::Choose--> QuicHandshake (HTTP/3)
//!  Identity --> ocsp::Question --(asked)--> ocsp::Staple --> Identity
//!  BackendPolicy ------------------> BackendTls --connect-->  TlsStream + BackendHandshake | Fault
//! ```
//! This crate knows neither HTTP nor Traefik's words, and opens no sockets.

#![warn(clippy::indexing_slicing)]

pub mod backend_leg;
pub mod certificate;
pub mod client_leg;
pub mod names;
pub mod ocsp;
mod provider;
pub mod quic;
pub mod reason;
pub mod store;
pub mod stream;
pub mod trust;
pub mod verify;

pub use backend_leg::{BackendPolicy, BackendTls, EndpointTls};
pub use certificate::{BadFingerprint, CertificateDetails, CertificateFacts, Fingerprint, Identity};
pub use client_leg::{ClientAuth, ClientPolicy, QuicTls, ServerTls};
pub use reason::{Fault, Reason, Remedy};
pub use store::CertificateStore;
pub use stream::{BackendHandshake, ClientHandshake, TlsStream};
pub use trust::{Backend, Client, Trust, TrustBundle, TrustGeneration};
