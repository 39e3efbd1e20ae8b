//! Sources of configuration outside Kubernetes, and the watching of files they all share.
//!
//! ```text
//!  a directory tree, or some files --watch--> "something changed" (debounced, coalesced)
//!  a PEM file                      --files--> its text, or an error that names the path
//! ```
//! This crate reads files and says that they changed; what they mean is for its callers.

pub mod files;
pub mod watch;

pub use files::{FileError, PemPair, read_pem};
pub use watch::{Changes, Target, Timing, Watch, WatchError, watch};
