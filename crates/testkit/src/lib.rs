//! What the tests need to treat the product as a black box: certificates, processes, real peers,
//! scripted ones, and manifests.
//!
//! ```text
//!  pki        certificates of every kind            manifest   objects as YAML
//!  viaduct    the real binary, its logs             wait       conditions with a deadline
//!  nginx haproxy openssl curl h2load python kubectl real peers, as processes
//!  origin tls http1 h2                              scripted peers, byte by byte
//!  ocsp       an authority's responder and its answers
//!  apiserver  a Kubernetes API server in memory         cluster    that one, or a real cluster
//! ```
//! Everything here panics on misuse and on missing tools: it is test set-up, and a test that cannot be
//! set up has failed. Threads and blocking sockets throughout, so that a test reads from top to bottom.

pub mod access_log;
pub mod apiserver;
pub mod child;
pub mod cluster;
pub mod curl;
pub mod h2;
pub mod h2load;
pub mod haproxy;
pub mod http1;
pub mod kubectl;
pub mod manifest;
pub mod nginx;
pub mod ocsp;
pub mod openssl;
pub mod origin;
pub mod pki;
pub mod port;
pub mod python;
pub mod session;
pub mod suggestion;
pub mod tls;
pub mod tool;
pub mod viaduct;
pub mod wait;
