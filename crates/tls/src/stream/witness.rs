//! Facts of a handshake that rustls tells only to its callbacks.
//!
//! rustls's unbuffered connections have no accessor for the client's server name, nor for whether a
//! client certificate was sent. The callbacks that choose certificates know both; they run inside the
//! call that processes the handshake bytes, on the same thread, so they leave a note here and the
//! stream takes it when that call returns. Nothing outlives one such call.

use std::cell::Cell;
use std::sync::Arc;

thread_local! {
    static SERVER_NAME: Cell<Option<Arc<str>>> = const { Cell::new(None) };
    static CLIENT_CERTIFICATE: Cell<bool> = const { Cell::new(false) };
}

/// What the callbacks saw during one step of a handshake.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) server_name: Option<Arc<str>>,
    pub(super) client_certificate_sent: bool,
}

/// The server's certificate resolver saw this name (rustls gives it in lower case).
pub(crate) fn saw_server_name(name: Option<&str>) {
    SERVER_NAME.set(name.map(Arc::from));
}

/// The client's certificate resolver was asked, and handed a certificate over.
pub(crate) fn sent_client_certificate() {
    CLIENT_CERTIFICATE.set(true);
}

/// Runs one step of a handshake and adds what its callbacks saw to `notes`.
pub(super) fn during<T>(notes: &mut Notes, step: impl FnOnce() -> T) -> T {
    SERVER_NAME.take();
    CLIENT_CERTIFICATE.take();
    let outcome = step();
    if let Some(name) = SERVER_NAME.take() {
        notes.server_name = Some(name);
    }
    notes.client_certificate_sent |= CLIENT_CERTIFICATE.take();
    outcome
}
