//! The API server for tests, tested.
//!
//! | module | what it proves |
//! |---|---|
//! | `kubectl` | the real kubectl works with it |
//! | `reading` | lists and watches: revisions, chunks, selectors, bookmarks, 410 |
//! | `writing` | conflicts, generations, the status subresource, finalizers, server-side apply |
//! | `access` | tokens, roles, refusals |
//! | `faults` | each fault is what it says |
//! | `cluster` | the type that hides which cluster it is |
//! | `agreement` | what a watch tells adds up to what a list says, for any changes |
//! | `watcher` | kube's own watcher ends with a fresh list's state under every fault |

mod access;
mod agreement;
mod client;
mod cluster;
mod faults;
mod kubectl;
mod reading;
mod watcher;
mod writing;
