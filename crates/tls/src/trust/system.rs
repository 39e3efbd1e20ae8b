//! The operating system's roots, read once per process.

use std::sync::OnceLock;

use super::{Anchors, Root};

static SYSTEM: OnceLock<Anchors> = OnceLock::new();

/// Reads the system's roots (`SSL_CERT_FILE`, `SSL_CERT_DIR`, then the usual places) unless they have been
/// read, and says how many there are. Call it at start, off the data path: the first handshake that needs
/// them would otherwise wait for the disk. None found trusts nothing.
pub fn load_system_roots() -> usize {
    system_roots().roots().len()
}

/// A certificate that cannot be read is passed over, as in Go: nobody wrote this list for us.
pub(crate) fn system_roots() -> &'static Anchors {
    SYSTEM.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        Anchors::new(
            found
                .certs
                .into_iter()
                .filter_map(|der| Root::read(der).ok())
                .collect(),
        )
    })
}
