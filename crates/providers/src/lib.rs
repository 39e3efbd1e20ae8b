//! Sources of configuration outside Kubernetes, and the watching of files they all share.
//!
//! ```text
//!  a directory tree, or some files --watch--> "something changed" (debounced, coalesced)
//!  a PEM file                      --files--> its text, or an error that names the path
//!  install options -----internal--> routers and services that are built in
//!
//!  a text --template--> text --reading--> Dynamic --merge--> one of several files --material--> Update
//!  configuration files --file--> Update, and again with every change
//!  a server            --http--> Update, and again with every answer that differs
//! ```
//! What the elements of a configuration refer to is for the snapshot.

pub mod file;
pub mod files;
pub mod http;
pub mod internal;
mod material;
mod merge;
mod reading;
pub mod template;
mod throttle;
pub mod watch;

pub use file::{FileProvider, FileProviderError, FileSettings, FileSource, read_texts};
pub use files::{FileError, PemPair, read_pem};
pub use http::{HttpProvider, HttpProviderError, HttpSettings, HttpTls};
pub use internal::internal;
pub use reading::Problem;
pub use throttle::throttled;
pub use watch::{Changes, Target, Timing, Watch, WatchError, watch};
