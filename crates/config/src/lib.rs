//! Traefik's configuration, as data.
//!
//! Input: text (YAML, JSON, rule strings, durations). Output: [`Dynamic`] values, rule syntax trees,
//! and [`Finding`]s that say where a text was wrong. This crate does no I/O, resolves no references
//! and knows nothing of the network or of an async runtime.
//!
//! ```text
//!  text --document--> Node (values with their places) --> Dynamic / Kubernetes objects
//!  file, flags or environment --install--> Install (options), each known, accepted or refused
//!  rule --rule------> Rule (syntax tree)
//!  a source --------> Update { provider, dynamic, broken, origins }   -> snapshot
//! ```

#![warn(clippy::indexing_slicing)]

pub mod document;
pub mod duration;
pub mod dynamic;
pub mod finding;
pub mod install;
pub mod map;
pub mod name;
pub mod regexp;
pub mod render;
pub mod rule;
pub mod shared;
pub mod suggest;
pub mod update;

pub use dynamic::Dynamic;
pub use finding::{Finding, Location, Severity};
pub use install::Install;
pub use map::Map;
pub use name::{EntryPointName, ObjectRef, ProviderName, QualifiedName};
pub use shared::Shared;
pub use update::{Balanced, Element, Material, Materials, Origin, RevokedHere, RevokedWhat, Update};
