//! The client's server name, which rustls's unbuffered connections tell only to the certificate resolver.
//!
//! The resolver runs inside the call that processes the ClientHello, on the same thread; so it leaves a note
//! here and the stream takes it when that call returns. Nothing outlives one such call.

use std::cell::Cell;
use std::sync::Arc;

thread_local! {
    static SERVER_NAME: Cell<Option<Arc<str>>> = const { Cell::new(None) };
}

/// The certificate resolver saw this name (rustls gives it in lower case).
pub(crate) fn saw_server_name(name: Option<&str>) {
    SERVER_NAME.set(name.map(Arc::from));
}

/// Runs one step of a handshake and notes the name, if its ClientHello was read in that step.
pub(super) fn during<T>(name: &mut Option<Arc<str>>, step: impl FnOnce() -> T) -> T {
    SERVER_NAME.take();
    let outcome = step();
    if let Some(seen) = SERVER_NAME.take() {
        *name = Some(seen);
    }
    outcome
}
