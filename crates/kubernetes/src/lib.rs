//! Kubernetes objects -> the configuration of providers `kubernetescrd` and `kubernetes`.
//!
//! ```text
//!  *.yaml, *.json --directory--> text ---Index::apply-+
//!                                                     +-> Index ---translate---> Update
//!  API server -----watch-----> objects --Index::put---+  objects, each with  (pure)   routers, services,
//!                                      Index::swap       its last good state          certificates, findings
//! ```
//! - [`api`]: the objects as people write them, every field of Traefik's schemas.
//! - [`Index`]: what is known. A file that does not parse, an object of the wrong shape and a Secret
//!   whose key does not fit its certificate keep their last good state; nothing else is touched.
//! - [`manifests`]: what a cluster needs for all this: CRDs of these types.
//! - [`translate`]: the whole index to one [`Update`](viaduct_config::Update), under a [`Policy`]. A
//!   reference that is missing or forbidden takes its own router out of service and says so.
//!
//! - [`translate_ingresses`]: the same for Ingresses, as a provider of its own.
//! - [`events`], [`lease`], [`status`]: what is written to a cluster by a process; [`revoke`]: by a command.
//!
//! [`directory`], [`watch`], [`events`], [`lease`], [`status`] and [`revoke`] are the only I/O. This crate joins no text into a rule: `match` is
//! carried as it was written, and the rule of an Ingress is a syntax tree.

#![expect(
    clippy::result_large_err,
    reason = "a finding is the error of every step here; there are few, and none on the path of a request"
)]

pub mod api;
pub mod directory;
pub mod events;
pub mod index;
pub mod lease;
pub mod manifests;
pub mod policy;
pub mod revoke;
pub mod status;
pub mod translate;
pub mod watch;

pub use directory::{Directory, DirectoryError, Refresh};
pub use index::{Arrival, Changes, Collection, Index, Needs, SecretView};
pub use policy::{IngressPolicy, Policy};
pub use translate::{
    INGRESS_PROVIDER, IngressTranslator, PROVIDER, Translator, translate, translate_ingresses,
    translate_noting,
};
